import Configuration
import Foundation
import Gateway
import HTTP
import Redis
import Telemetry
import TestRigs

/// The gateway's API on a real Redis. There is no controller, so that what is told to workers plays no part.
final class APIRig {
    let redis: RedisServer
    let server: Server

    init(
        redis: RedisServer? = nil, token: String? = nil, hosts: HostPolicy = .loopback,
        patience: Duration = .milliseconds(1), workers: Int = 0,
        history: RedisAssignments.HistoryLimits = .init()
    ) throws {
        let redis = try redis ?? RedisServer()
        self.redis = redis
        let url = try RedisURL(parsing: redis.url)
        var settings = GatewayAPI.Settings(token: token)
        settings.patience = patience
        let api = GatewayAPI(settings) {
            RedisAssignments(RedisSettings(url), patience: .seconds(3), history: history)
        }
        let routes =
            api.routes + [
                Route("GET", "/openapi.json") { _ in Response(body: GatewayAPI.document(version: "1.2.3", port: 8082)) }
            ]
        server = try Server(
            host: "127.0.0.1", port: 0, setting: "GATEWAY_ADDR", routes: routes, hosts: hosts,
            metrics: HTTPMetrics())
        for number in 0..<workers {
            let answer = try send("POST", "/ws/workers", ["name": "ws-worker-\(number + 1):8088"])
            guard answer.status == 200 else { throw NeverHappened(description: "registering: \(answer.text)") }
        }
    }

    deinit { server.stop() }

    struct Answer {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var tag: String? { headers["etag"] }

        subscript(name: String) -> Any? {
            (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])?[name]
        }
        var error: String? { self["error"] as? String }
        var code: String? { self["code"] as? String }
        var assignments: [String: String]? { self["assignments"] as? [String: String] }
        var names: Set<String> {
            Set((try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])?.keys.map(\.self) ?? [])
        }
    }

    /// A JSON body of Foundation's making.
    @discardableResult func send(
        _ method: String, _ target: String, _ body: [String: Any], _ headers: [String: String] = [:]
    ) throws -> Answer {
        let data = try JSONSerialization.data(withJSONObject: body, options: [.sortedKeys])
        return try send(method, target, Array(data), ["Content-Type": "application/json"].merging(headers) { $1 })
    }

    /// Exactly these bytes, on a connection of their own.
    @discardableResult func send(
        _ method: String, _ target: String, _ body: [UInt8] = [], _ headers: [String: String] = [:]
    ) throws -> Answer {
        let client = try RawClient(port: server.port)
        var all = ["Host": "127.0.0.1:\(server.port)", "Connection": "close", "Content-Length": String(body.count)]
        all.merge(headers) { $1 }
        let head = all.map { "\($0.key): \($0.value)\r\n" }.joined()
        client.send(Array("\(method) \(target) HTTP/1.1\r\n\(head)\r\n".utf8) + body)
        return try Self.answer(client.receiveAllBytes())
    }

    func get(_ target: String, _ headers: [String: String] = [:]) throws -> Answer {
        try send("GET", target, [], headers)
    }

    /// The name of what is stored.
    func tag() throws -> String { try get("/ws/assignments").tag ?? "" }

    private static func answer(_ bytes: [UInt8]) throws -> Answer {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw NeverHappened(description: "an answer: \(String(decoding: bytes.prefix(200), as: UTF8.self))")
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        return Answer(
            status: Int(lines[0].split(separator: " ")[1]) ?? 0, headers: headers, body: Array(bytes[end.upperBound...])
        )
    }
}
