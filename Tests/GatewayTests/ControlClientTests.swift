import Curl
import Foundation
import HTTP
import Synchronization
import Telemetry
import TestRigs
import Testing

/// Calls to servers that answer, that do not, and that answer too much.
@Suite(.timeLimit(.minutes(2))) struct ControlClientTests {
    /// A server with a quick, a large and a moved page; `seen` has the bodies that came.
    private final class Pages: Sendable {
        let server: Server
        let metrics = HTTPMetrics()

        init() throws {
            let routes = [
                Route("GET", "/quick") { _ in .json { $0.object { $0.member("ok", true) } } },
                Route("POST", "/echo") { request in Response(body: request.body) },
                Route("GET", "/large") { _ in Response(body: [UInt8](repeating: 0x78, count: 1 << 20 + 1)) },
                Route("GET", "/full") { _ in Response(body: [UInt8](repeating: 0x78, count: 1 << 20)) },
                Route("GET", "/moved") { _ in
                    Response(status: 302, headers: [Response.Header("Location", "/quick")], body: [])
                },
                Route("GET", "/type") { request in Response(body: Array((request.header("host") ?? "").utf8)) },
            ]
            server = try Server(
                host: "127.0.0.1", port: 0, setting: "TEST_ADDR", routes: routes, hosts: .any, metrics: metrics)
        }

        deinit { server.stop() }
        func url(_ path: String) -> String { "http://127.0.0.1:\(server.port)\(path)" }
    }

    /// The answer, waited for.
    private func answer(_ client: HTTPClient, _ call: Call) throws -> Result<Answer, CallError> {
        let box = Locked<Result<Answer, CallError>?>(nil)
        client.call(call) { result in box.withLock { $0 = result } }
        return try eventually("an answer from \(call.url)") { box.withLock { $0 } }
    }

    @Test func whatIsSentComesBackWhole() throws {
        let (pages, client) = (try Pages(), HTTPClient())
        defer { client.stop() }
        let body = Array(#"{"symbol":"BTCUSDT"}"#.utf8)
        #expect(
            try answer(client, Call(post: body, to: pages.url("/echo"))) == .success(Answer(status: 200, body: body)))
        #expect(try answer(client, Call(post: [], to: pages.url("/echo"))) == .success(Answer(status: 200, body: [])))
        #expect(try answer(client, Call(get: pages.url("/full"))).get().body.count == 1 << 20)
        #expect(try answer(client, Call(get: pages.url("/nowhere"))).get().status == 404)
    }

    @Test func aRedirectIsAnAnswerAndNotFollowed() throws {
        let (pages, client) = (try Pages(), HTTPClient())
        defer { client.stop() }
        #expect(try answer(client, Call(get: pages.url("/moved"))).get().status == 302)
    }

    @Test func anAnswerBeyondTheLimitIsCutOff() throws {
        let (pages, client) = (try Pages(), HTTPClient(CallLimits(answerBytes: 1 << 20)))
        defer { client.stop() }
        let error = CallError.tooLarge("127.0.0.1:\(pages.server.port)", limit: 1 << 20)
        #expect(try answer(client, Call(get: pages.url("/large"))) == .failure(error))
    }

    @Test func nothingIsSentAfterTheCallersTime() throws {
        let (pages, client) = (try Pages(), HTTPClient())
        defer { client.stop() }
        var call = Call(get: pages.url("/quick"))
        call.notAfter = .now
        #expect(try answer(client, call) == .failure(.tooLate("127.0.0.1:\(pages.server.port)")))
        call.notAfter = .now + .seconds(60)
        #expect(try answer(client, call).get().status == 200)
    }

    @Test func onlyHttpIsSpoken() throws {
        let client = HTTPClient()
        defer { client.stop() }
        let folder = try TemporaryFolder("secret")
        try Data("secret".utf8).write(to: URL(fileURLWithPath: folder.file("file")))
        guard case .failure(.badAddress) = try answer(client, Call(get: "file://\(folder.file("file"))")) else {
            Issue.record("a file was read")
            return
        }
        guard case .failure(.badAddress) = try answer(client, Call(get: "http://user:word@127.0.0.1:1/")) else {
            Issue.record("a password was taken")
            return
        }
    }

    @Test func nobodyThereIsSaidAtOnceWithTheAddress() throws {
        let client = HTTPClient()
        defer { client.stop() }
        let port = freePort()
        guard case .failure(let error) = try answer(client, Call(get: "http://127.0.0.1:\(port)/status")),
            case .connect(let address, _) = error
        else {
            Issue.record("an answer from nobody")
            return
        }
        #expect(address == "127.0.0.1:\(port)")
        #expect(error.description.hasPrefix("127.0.0.1:\(port): no connection: "))
    }

    /// One connection a server: 300 calls one after the other leave one.
    @Test func connectionsAreUsedAgain() throws {
        let pages = try Pages()
        let proxy = try TCPProxy(to: pages.server.port)
        defer { proxy.end() }
        let client = HTTPClient()
        defer { client.stop() }
        for _ in 0..<20 { _ = try answer(client, Call(get: "http://127.0.0.1:\(proxy.port)/quick")).get() }
        #expect(proxy.accepted == 1)
    }

    /// Fifty calls to a server that takes them and says nothing end by the deadline, and one to another server meanwhile.
    @Test func aServerThatSaysNothingHoldsNobodyUp() throws {
        let pages = try Pages()
        let proxy = try TCPProxy(to: pages.server.port)
        defer { proxy.end() }
        proxy.freeze()
        let client = HTTPClient(CallLimits(deadline: .seconds(3)))
        defer { client.stop() }
        let ended = Locked<[Result<Answer, CallError>]>([])
        for _ in 0..<50 {
            client.call(Call(get: "http://127.0.0.1:\(proxy.port)/quick")) { result in
                ended.withLock { $0.append(result) }
            }
        }
        #expect(try answer(client, Call(get: pages.url("/quick"))).get().status == 200)
        #expect(ended.withLock { $0.isEmpty }, "the quick one did not wait for them")
        let error = CallError.deadline("127.0.0.1:\(proxy.port)", .seconds(3))
        try eventually("all have ended") { ended.withLock { $0.count } == 50 }
        #expect(ended.withLock { $0 } == [Result<Answer, CallError>](repeating: .failure(error), count: 50))
    }

    @Test func whatIsUnderWayAtTheEndIsTold() throws {
        let pages = try Pages()
        let proxy = try TCPProxy(to: pages.server.port)
        defer { proxy.end() }
        proxy.freeze()
        let client = HTTPClient(CallLimits(calls: 2))
        let ended = Locked<[Result<Answer, CallError>]>([])
        let address = "127.0.0.1:\(proxy.port)"
        for _ in 0..<3 {
            client.call(Call(get: "http://\(address)/quick")) { result in ended.withLock { $0.append(result) } }
        }
        #expect(ended.withLock { $0 } == [.failure(.tooManyCalls(address, limit: 2))])
        client.stop()
        #expect(ended.withLock { $0.dropFirst() } == [.failure(.stopped(address)), .failure(.stopped(address))])
        client.call(Call(get: "http://\(address)/quick")) { result in ended.withLock { $0.append(result) } }
        #expect(ended.withLock { $0.count } == 4)
    }
}
