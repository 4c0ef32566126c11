import Foundation
import HTTP
import Telemetry
import TestRigs

/// A server with the routes that the tests ask.
final class ServerRig {
    let server: Server
    let metrics = HTTPMetrics()
    /// What the deferred routes wait for.
    let gate = Gate()

    init(hosts: HostPolicy = .any, _ change: (inout ServerLimits) -> Void = { _ in }) throws {
        var limits = ServerLimits()
        change(&limits)
        let metrics = metrics
        let gate = gate
        let routes = [
            Route("GET", "/health") { _ in
                Response(body: HealthReport(status: .healthy, reasons: [], timestamp: 1726.5, uptime: 12.3).body())
            },
            Route("GET", "/metrics") { _ in .metrics(MetricsPage(of: [metrics])) },
            Route("GET", "/openapi.json") { _ in Response(body: OpenAPIDocument.router(version: "1.2.3")) },
            Route("GET", "/large") { _ in
                Response(contentType: "text/plain", body: [UInt8](repeating: 0x78, count: 64 << 20))
            },
            Route("GET", "/shared") { _ in Response(contentType: "text/plain", body: Self.shared) },
            Route("GET", "/echo") { request in
                .json { json in
                    json.object { json in
                        for item in request.query { json.member(item.name, item.value) }
                    }
                }
            },
            Route("POST", "/slow", deferred: { gate.pass($0) }),
            Route("GET", "/slow", deferred: { gate.pass($0) }),
            Route("POST", "/quick", deferred: { _ in .json { $0.object { $0.member("ok", true) } } }),
            Route(
                "GET", "/quick",
                deferred: { request in
                    .json { $0.object { $0.member("from", request.remoteAddress) } }
                }),
            Route("POST", "/echo") { request in .json { $0.object { $0.member("bytes", request.body.count) } } },
        ]
        server = try Server(
            host: "127.0.0.1", port: 0, setting: "ROUTER_ADDR", routes: routes, hosts: hosts, metrics: metrics,
            limits: limits)
    }

    /// Of which every part is its own.
    static let shared = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8 ^ $0 >> 16) }

    deinit { server.stop() }

    func client() throws -> RawClient { try RawClient(port: server.port) }

    /// Says it on a new connection and gives the whole answer, the connection's end included.
    func answer(to text: String) throws -> String {
        let client = try client()
        client.send(text)
        return client.receiveAll()
    }

    /// A request with Host and without keep-alive.
    func ask(_ method: String, _ target: String, headers: String = "", body: String = "") throws -> String {
        try answer(to: "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\(headers)\r\n\(body)")
    }
}

/// Holds handlers until it is opened or their server stops.
final class Gate: Sendable {
    private let state = Locked((isOpen: false, waiting: 0, passed: 0))

    var waiting: Int { state.withLock { $0.waiting } }
    var passed: Int { state.withLock { $0.passed } }

    func open() { state.withLock { $0.isOpen = true } }

    func pass(_ request: Request) -> Response {
        state.withLock { $0.waiting += 1 }
        let isOpen: Void? = try? eventually("the gate opens", within: .seconds(60), every: .milliseconds(1)) {
            state.withLock { $0.isOpen } || request.isServerStopping
        }
        state.withLock { state in
            state.waiting -= 1
            state.passed += 1
        }
        return .json { json in
            json.object { json in
                json.member("passed", isOpen != nil)
                json.member("bytes", request.body.count)
                json.member("n", request.query("n"))
            }
        }
    }
}

func status(_ answer: String) -> Int? {
    answer.hasPrefix("HTTP/1.") ? Int(answer.dropFirst(9).prefix(3)) : nil
}

/// The JSON body's members, read by Foundation.
func members(_ answer: String) throws -> [String: Any] {
    guard let start = answer.range(of: "\r\n\r\n") else { return [:] }
    return try JSONSerialization.jsonObject(with: Data(answer[start.upperBound...].utf8)) as? [String: Any] ?? [:]
}
