import Foundation
import HTTP
import Telemetry
import TestRigs
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerLimitTests {
    @Test func aHugeHeaderOrTargetIsRefused() throws {
        let rig = try ServerRig { $0.headerDeadline = .seconds(2) }
        let header = try rig.ask("GET", "/health", headers: "X: \(String(repeating: "a", count: 20_000))\r\n")
        #expect(status(header) == 431)
        let target = try rig.ask("GET", "/" + String(repeating: "a", count: 20_000))
        #expect(status(target) == 414 || status(target) == 431)
        let many = try rig.ask("GET", "/health", headers: (0..<2_000).map { "X\($0): a\r\n" }.joined())
        #expect(status(many) == 431)
        #expect(status(try rig.ask("GET", "/health")) == 200)
    }

    @Test func aBodyAtTheLimitIsTakenAndOneBeyondIsNot() throws {
        let rig = try ServerRig { $0.bodyBytes = 10_000 }
        func post(_ count: Int) throws -> String {
            try rig.ask(
                "POST", "/echo", headers: "Content-Length: \(count)\r\n", body: String(repeating: "x", count: count))
        }
        #expect(try members(post(10_000))["bytes"] as? Int == 10_000)
        let refused = try post(10_001)
        #expect(status(refused) == 413)
        #expect(try members(refused)["code"] as? String == "body_too_large")
    }

    @Test func aBodyAnnouncedTooLargeIsRefusedBeforeItComes() throws {
        let answer = try ServerRig().ask("POST", "/echo", headers: "Content-Length: 1048577\r\n")
        #expect(status(answer) == 413)
    }

    @Test func aChunkedBodyBeyondTheLimitIsRefusedAndAnEndlessOneCut() throws {
        let rig = try ServerRig { $0.bodyBytes = 10_000 }
        func chunks(_ count: Int) -> String {
            String(repeating: "3e8\r\n" + String(repeating: "x", count: 1_000) + "\r\n", count: count)
        }
        let chunked = "Transfer-Encoding: chunked\r\n"
        let taken = try rig.ask("POST", "/echo", headers: chunked, body: chunks(10) + "0\r\n\r\n")
        #expect(try members(taken)["bytes"] as? Int == 10_000)
        #expect(status(try rig.ask("POST", "/echo", headers: chunked, body: chunks(11) + "0\r\n\r\n")) == 413)

        let client = try rig.client()
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\n\(chunked)\r\n")
        var sent = 0
        while client.send(chunks(10)), sent < 100_000 { sent += 1 }
        #expect(sent < 100_000)
    }

    @Test(arguments: [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n", "Content-Length: 99999999999999999999999\r\n", "Transfer-Encoding: gzip\r\n",
    ])
    func aBodyOfDoubtfulLengthIsRefused(headers: String) throws {
        let rig = try ServerRig()
        let answer = try rig.ask("POST", "/echo", headers: headers, body: "0\r\n\r\n")
        #expect(status(answer) == 400 || status(answer) == 413)
    }

    @Test func headersThatDripEndAtTheDeadline() throws {
        let rig = try ServerRig { $0.headerDeadline = .milliseconds(800) }
        let client = try rig.client()
        client.send("GET /health HTTP/1.1\r\nHost: a\r\n")
        let begin = ContinuousClock.now
        try eventually("the connection is cut", within: .seconds(10), every: .milliseconds(50)) {
            !client.send("X: y\r\n")
        }
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(status(try rig.ask("GET", "/health")) == 200)
    }

    @Test func aBodyThatDripsAndAReaderThatWaitsEndAtTheDeadline() throws {
        let rig = try ServerRig { $0.requestDeadline = .milliseconds(800) }
        let slow = try rig.client()
        slow.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        try eventually("the connection is cut", within: .seconds(10), every: .milliseconds(50)) {
            !slow.send("x")
        }
        let reader = try rig.client()
        reader.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        try eventually("the reader is cut") {
            MetricsPage(of: [rig.metrics]).text.contains("connections_cut_total 2\n")
        }
        #expect(reader.receiveAll().utf8.count < 64 << 20)
    }

    @Test func slowReadersOfTheSamePageShareIt() throws {
        let rig = try ServerRig()
        let whole = try rig.client()
        whole.send("GET /shared HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(whole.receiveAllBytes().suffix(ServerRig.shared.count).elementsEqual(ServerRig.shared))
        let before = try Self.residentBytes()
        let readers = try (0..<64).map { _ in try rig.client() }
        for reader in readers {
            reader.send("GET /shared HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(!reader.receive().isEmpty)
        }
        // A copy for each would be half a gigabyte; other tests run beside this one.
        #expect(try Self.residentBytes() - before < 256 << 20)
        withExtendedLifetime(readers) {}
    }

    private static func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4_096
    }

    @Test func twoHundredIdleConnectionsDelayNobody() throws {
        let rig = try ServerRig()
        let idle = try (0..<200).map { _ in try rig.client() }
        for client in idle.prefix(100) { client.send("GET /health HTTP/1.1\r\n") }
        let begin = ContinuousClock.now
        let client = try rig.client()
        for _ in 0..<500 {
            client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(status(client.receiveAnswer()) == 200)
        }
        #expect(ContinuousClock.now - begin < .seconds(20))
        withExtendedLifetime(idle) {}
    }

    @Test func idleConnectionsAtTheLimitLockNobodyOutForLong() throws {
        let rig = try ServerRig {
            $0.connections = 10
            $0.headerDeadline = .milliseconds(800)
        }
        let idle = try (0..<10).map { _ in try rig.client() }
        try eventually("ten connections are open") {
            MetricsPage(of: [rig.metrics]).text.contains("klinecast_http_connections 10\n")
        }
        let begin = ContinuousClock.now
        #expect(status(try rig.ask("GET", "/health")) == 200)
        #expect(ContinuousClock.now - begin < .seconds(5))
        withExtendedLifetime(idle) {}
    }

    @Test func stopEndsOpenConnectionsAtOnceAndFreesThePort() throws {
        let rig = try ServerRig()
        let idle = try rig.client()
        let half = try rig.client()
        half.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        let reader = try rig.client()
        reader.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = reader.receive()
        let begin = ContinuousClock.now
        rig.server.stop()
        rig.server.stop()
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(idle.receive().isEmpty)
        let next = try Server(
            host: "127.0.0.1", port: rig.server.port, setting: "ROUTER_ADDR", routes: [], hosts: .any,
            metrics: HTTPMetrics())
        next.stop()
    }
}

extension MetricsPage {
    var text: String { String(decoding: bytes, as: UTF8.self) }
}
