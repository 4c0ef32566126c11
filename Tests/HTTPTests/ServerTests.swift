import Foundation
import HTTP
import TestRigs
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    @Test func healthHasTheDocumentedShapeAndHeaders() throws {
        let answer = try ServerRig().ask("GET", "/health")
        #expect(status(answer) == 200)
        #expect(answer.hasSuffix(#"{"status":"healthy","timestamp":1726.5,"uptime":12.3,"stats":{},"reasons":[]}"#))
        #expect(answer.contains("Content-Type: application/json; charset=utf-8\r\n"))
        #expect(answer.contains("X-Content-Type-Options: nosniff\r\n"))
        #expect(answer.contains("Cache-Control: no-store\r\n"))
    }

    @Test func anUnknownPathIs404InTheShapeOfErrors() throws {
        let answer = try ServerRig().ask("GET", "/nothing")
        #expect(status(answer) == 404)
        let body = try members(answer)
        #expect(body["ok"] as? Bool == false)
        #expect(body["code"] as? String == "not_found")
        #expect((body["error"] as? String)?.isEmpty == false)
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "FOO"])
    func anotherMethodIs405AndSaysWhatIsAllowed(method: String) throws {
        let answer = try ServerRig().ask(method, "/health", headers: "Content-Length: 0\r\n")
        #expect(status(answer) == 405)
        #expect(answer.contains("\r\nAllow: GET, HEAD\r\n"))
    }

    @Test func headIsServedWithTheLengthAndWithoutTheBody() throws {
        let answer = try ServerRig().ask("HEAD", "/health")
        #expect(status(answer) == 200)
        #expect(answer.contains("Content-Length: 77\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n"))
    }

    @Test func queriesAreDecoded() throws {
        let body = try members(ServerRig().ask("GET", "/echo?a=1%202&b=x+y&c&%C3%A9=%E2%82%AC"))
        #expect(body as? [String: String] == ["a": "1 2", "b": "x y", "c": "", "é": "€"])
    }

    @Test(arguments: ["/%00", "/health%00", "/%zz", "/%4", "/echo?a=%", "/echo?a=%ff", "/%0a", "http://x/health", "*"])
    func aBrokenTargetIs400(target: String) throws {
        let answer = try ServerRig().ask("GET", target)
        #expect(status(answer) == 400)
        #expect(try members(answer)["code"] as? String == "bad_target")
    }

    @Test(arguments: [
        "/../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/health/../../etc/passwd",
        "/....//etc/passwd", "/..\\..\\etc\\passwd", "/%5c..%5cetc", "//etc/passwd", "/health/", "/health;a", "/HEALTH",
    ])
    func noOtherSpellingOfAPathIsServed(target: String) throws {
        #expect(status(try ServerRig().ask("GET", target)) == 404)
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "\u{1}\u{2}\u{3}\r\n\r\n", "GET\r\n\r\n", "GET /health\r\n\r\n", "\r\n\r\n\r\n\r\n",
    ])
    func aMalformedRequestLineEndsWithoutHarm(line: String) throws {
        let rig = try ServerRig { $0.headerDeadline = .milliseconds(600) }
        let answer = try rig.answer(to: line)
        #expect(status(answer).map { (400..<500).contains($0) } ?? true)
        #expect(status(try rig.ask("GET", "/health")) == 200)
    }

    @Test func hostIsNeededOnce() throws {
        let rig = try ServerRig()
        #expect(status(try rig.answer(to: "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")) == 400)
        let twice = "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"
        #expect(status(try rig.answer(to: twice)) == 400)
    }

    @Test func aForeignHostIsRefusedOnLoopback() throws {
        let rig = try ServerRig(hosts: .standard(listeningOn: "127.0.0.1", allowed: []))
        for host in ["127.0.0.1:5004", "localhost", "LOCALHOST:1", "[::1]:5004"] {
            let answer = try rig.answer(to: "GET /health HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
            #expect(status(answer) == 200, "\(host)")
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:5004", "[::2]"] {
            let answer = try rig.answer(to: "GET /health HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
            #expect(status(answer) == 421, "\(host)")
        }
    }

    @Test func http10IsServedAndClosed() throws {
        let answer = try ServerRig().answer(to: "GET /health HTTP/1.0\r\n\r\n")
        #expect(status(answer) == 200)
        #expect(answer.hasSuffix("}"))
    }

    @Test func aConnectionServesManyRequestsAndPipelinedOnesInOrder() throws {
        let rig = try ServerRig()
        let client = try rig.client()
        for number in 0..<20 {
            client.send("GET /echo?n=\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.receiveAnswer().hasSuffix("{\"n\":\"\(number)\"}"))
        }
        client.send((0..<30).map { "GET /echo?n=\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
        for number in 0..<30 { #expect(client.receiveAnswer().hasSuffix("{\"n\":\"\(number)\"}")) }
    }

    @Test func aTakenPortIsNamedWithItsRemedy() throws {
        let rig = try ServerRig()
        let error = #expect(throws: HTTPError.self) {
            _ = try Server(
                host: "127.0.0.1", port: rig.server.port, setting: "ROUTER_ADDR", routes: [], hosts: .any,
                metrics: HTTPMetrics())
        }
        #expect(error == .addressInUse(address: "127.0.0.1:\(rig.server.port)", setting: "ROUTER_ADDR"))
        #expect(error?.description.contains("ROUTER_ADDR") == true)
    }

    @Test func anAddressOfAnotherMachineIsNamed() {
        #expect(throws: HTTPError.self) {
            _ = try Server(
                host: "192.0.2.1", port: 0, setting: "ROUTER_ADDR", routes: [], hosts: .any, metrics: HTTPMetrics())
        }
    }

    @Test func curlReadsEveryRoute() throws {
        let rig = try ServerRig()
        for path in ["/health", "/metrics", "/openapi.json", "/echo?a=b"] {
            let curl = try ChildProcess("curl", ["-sS", "--fail", "http://127.0.0.1:\(rig.server.port)\(path)"])
            #expect(curl.waitForExit() == 0, "\(path): \(curl.text)")
        }
    }

    @Test func requestsAreCountedByRouteAndCodeNeverByAClientsText() throws {
        let rig = try ServerRig()
        for _ in 0..<3 { _ = try rig.ask("GET", "/health") }
        _ = try rig.ask("GET", "/made-up-by-a-client")
        _ = try rig.ask("POST", "/health", headers: "Content-Length: 0\r\n")
        let page = try rig.ask("GET", "/metrics")
        #expect(page.contains("\nklinecast_http_requests_total{route=\"/health\",code=\"200\"} 3\n"))
        #expect(page.contains("\nklinecast_http_requests_total{route=\"/health\",code=\"405\"} 1\n"))
        #expect(page.contains("\nklinecast_http_requests_total{route=\"unknown\",code=\"404\"} 1\n"))
        #expect(!page.contains("made-up"))
        #expect(page.contains("\nklinecast_http_request_duration_seconds_count 5\n"))
    }
}
