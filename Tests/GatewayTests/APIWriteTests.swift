import Foundation
import Gateway
import HTTP
import Telemetry
import TestRigs
import Testing

/// What holds for each route that changes something.
@Suite(.timeLimit(.minutes(2))) struct APIWriteTests {
    private struct Write: Sendable, CustomTestStringConvertible {
        let method: String
        let target: String
        /// `nil` where a body has no meaning.
        let type: String?
        let body: String

        var testDescription: String { "\(method) \(target)" }

        func send(_ rig: APIRig, _ more: [String: String] = [:]) throws -> APIRig.Answer {
            let headers = type.map { ["Content-Type": $0] } ?? [:]
            return try rig.send(method, target, Array(body.utf8), headers.merging(more) { $1 })
        }
    }

    private static let token = "0123456789abcdef"
    private static let allowed = ["Authorization": "Bearer \(token)"]

    /// Each changes what `rig` holds.
    private static let writes = [
        post("/ws/dispatch", #"{"symbols":["C"]}"#), post("/ws/rebalance", #"{"symbols":"all"}"#),
        post("/ws/subscribe", #"{"symbol":"C","tfs":["1m"]}"#), post("/ws/unsubscribe", #"{"symbol":"A"}"#),
        post("/ws/workers", #"{"name":"c:1"}"#), post("/ws/workers", #"{"name":"a:1","state":"draining"}"#),
        Write(method: "PUT", target: "/ws/assignments.csv", type: "text/csv", body: "A,b:1,\n"),
        Write(method: "DELETE", target: "/ws/workers?name=b:1", type: nil, body: ""),
    ]

    private static func post(_ target: String, _ body: String) -> Write {
        Write(method: "POST", target: target, type: "application/json", body: body)
    }

    /// Two workers, both symbols at the first one.
    private static func rig() throws -> APIRig {
        let rig = try APIRig(token: token)
        for name in ["a:1", "b:1"] { try rig.send("POST", "/ws/workers", ["name": name], allowed) }
        let file = Array("A,a:1,\nB,a:1,\n".utf8)
        try rig.send("PUT", "/ws/assignments.csv", file, allowed.merging(["Content-Type": "text/csv"]) { $1 })
        return rig
    }

    @Test(arguments: writes.indices) func whoMayNotWriteChangesNothing(index: Int) throws {
        let (rig, write) = (try Self.rig(), Self.writes[index])
        let tag = try rig.tag()
        let state = try rig.get("/ws/assignments").text
        func expect(_ status: Int, _ code: String, _ headers: [String: String]) throws {
            let answer = try write.send(rig, headers)
            #expect(answer.status == status, "\(headers)")
            #expect(answer.code == code, "\(headers)")
            #expect(try rig.tag() == tag, "\(headers)")
        }
        for value in ["", "Bearer", "Bearer \(Self.token)x", "Basic \(Self.token)", Self.token] {
            try expect(401, "unauthorized", ["Authorization": value])
        }
        try expect(401, "unauthorized", [:])
        for site in ["cross-site", "same-site"] {
            try expect(403, "cross_site", Self.allowed.merging(["Sec-Fetch-Site": site]) { $1 })
        }
        try expect(403, "cross_site", Self.allowed.merging(["Origin": "http://evil.example"]) { $1 })
        try expect(421, "host_not_allowed", Self.allowed.merging(["Host": "evil.example"]) { $1 })
        if write.type != nil {
            for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
                try expect(415, "unsupported_media_type", Self.allowed.merging(["Content-Type": type]) { $1 })
            }
        }
        #expect(try rig.get("/ws/assignments").text == state)
        // The same with what it takes is carried out, by a scheme in any case.
        let answer = try write.send(rig, ["Authorization": "bearer \(Self.token)"])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try rig.tag() != tag)
    }

    @Test(arguments: writes.indices) func aKeyMakesEachWriteHarmlessToRepeat(index: Int) throws {
        let (rig, write) = (try Self.rig(), Self.writes[index])
        let headers = Self.allowed.merging(["Idempotency-Key": "k"]) { $1 }
        // The first answer never arrives.
        let client = try RawClient(port: rig.server.port)
        let before = try rig.tag()
        let head = (headers.merging(write.type.map { ["Content-Type": $0] } ?? [:]) { $1 }).map { "\($0): \($1)\r\n" }
        client.send(
            "\(write.method) \(write.target) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(write.body.utf8.count)\r\n"
                + head.joined() + "\r\n" + write.body)
        try eventually("it is stored") { try rig.tag() != before }
        let tag = try rig.tag()
        for _ in 0..<2 {
            let answer = try write.send(rig, headers)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.headers["idempotent-replayed"] == "true")
        }
        #expect(try rig.tag() == tag)
        withExtendedLifetime(client) {}
    }

    @Test func aClientThatLeavesHasItsChangeStoredOnce() throws {
        let rig = try APIRig(patience: .seconds(2), workers: 1)
        let before = try rig.tag()
        do {
            let client = try RawClient(port: rig.server.port)
            let body = #"{"symbols":["A"]}"#
            client.send(
                "POST /ws/dispatch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
            try eventually("it is stored") { try rig.tag() != before }
        }
        let tag = try rig.tag()
        #expect(try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])["stored"] as? Bool == false)
        #expect(try rig.tag() == tag)
    }

    /// More of them than handlers: when most are carried out nobody has listened for long.
    @Test func clientsThatLeaveAtOnceHaveTheirChangesStoredOnce() throws {
        let rig = try APIRig(patience: .milliseconds(200), workers: 1)
        let names = (0..<30).map { "S\($0)" }
        for name in names {
            let body = "{\"symbols\":[\"\(name)\"]}"
            try RawClient(port: rig.server.port).send(
                "POST /ws/dispatch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        try eventually("all are stored") {
            try Set(rig.get("/ws/assignments").assignments?.keys ?? [:].keys) == Set(names)
        }
        #expect(try rig.tag().hasSuffix("-\(1 + names.count)\""), "one version each, after the worker's")
    }

    @Test(arguments: ["hash", "least", "modulo", "worker", nil]) func aNamedWorkerDecidesWhateverTheStrategy(
        word: String?
    )
        throws
    {
        let rig = try APIRig(workers: 3)
        for number in 1...3 {
            let name = "ws-worker-\(number):8088"
            var body: [String: Any] = ["symbols": ["A", "B"], "worker": name]
            body["strategy"] = word
            let answer = try rig.send("POST", "/ws/dispatch", body)
            #expect(answer.status == 200)
            #expect(answer.assignments == ["A": name, "B": name])
        }
        let tag = try rig.tag()
        let wrong: [String: Any] = ["symbols": ["A"], "worker": "ws-worker-1:8088", "strategy": "random"]
        #expect(try rig.send("POST", "/ws/dispatch", wrong).code == "invalid_strategy")
        let unknown = try rig.send(
            "POST", "/ws/dispatch", ["symbols": ["A"], "worker": "no:1", "strategy": word ?? "hash"])
        #expect(unknown.status == 404)
        #expect(unknown.error?.hasPrefix("Worker 'no:1' not found in configured workers") == true)
        #expect(try rig.tag() == tag)
    }

    @Test(arguments: ["/ws/assignments", "/ws/assignments.csv", "/ws/workers", "/ws/history"])
    func headIsGetWithoutTheBody(path: String) throws {
        let rig = try Self.rig()
        let get = try rig.get(path)
        let head = try rig.send("HEAD", path)
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            #expect(head.headers[name] == get.headers[name], "\(name)")
        }
        guard path.hasPrefix("/ws/assignments") else { return }
        let known = try rig.send("HEAD", path, [], ["If-None-Match": get.tag ?? ""])
        #expect(known.status == 304)
        #expect(known.body.isEmpty)
        #expect(known.tag == get.tag)
    }

    @Test func historyHasABoundAndCountsWhatFindsNoRoom() throws {
        let rig = try APIRig(workers: 2)
        let names = (0..<9_000).map { "SYMBOL\($0)USDT" }
        try rig.send("POST", "/ws/dispatch", ["symbols": ["FIRST"]])
        for number in 1...2 {
            let body: [String: Any] = ["symbols": names, "worker": "ws-worker-\(number):8088"]
            #expect(try rig.send("POST", "/ws/dispatch", body).status == 200)
        }
        let answer = try rig.get("/ws/history?limit=1000")
        #expect(answer.body.count < 260 << 10)
        let entries = try #require(answer["history"] as? [[String: Any]])
        #expect(entries.first?["steps_count"] as? Int == names.count)
        let shown = try #require(entries.first?["steps"] as? [Any])
        #expect(shown.count > 1_000 && shown.count < names.count)
        #expect(entries.count + (try #require(answer["left_out_count"] as? Int)) == 5)
    }

    @Test func eachChangeIsLoggedOnceWithWhoAndWhat() throws {
        let memory = MemoryLog()
        Log.redirect(to: memory)
        for write in Self.writes {
            let rig = try Self.rig()
            let tag = try rig.tag().filter { $0 != "\"" }
            let key = Self.allowed.merging(["Idempotency-Key": "k"]) { $1 }
            let first = try write.send(rig, key)
            #expect(first.status == 200, "\(write.testDescription) \(first.text)")
            let after = (first.tag ?? "?").filter { $0 != "\"" }
            // Neither a repetition nor what changes nothing is a change, also after somebody else's; nor is a plan or a refusal.
            let other = try StorageRig(server: rig.redis).service()
            _ = try other.register(worker("z:1"), address: nil, capacity: nil, weight: nil, .live())
            _ = try other.removeWorker(worker("z:1"), abandons: false, .live())
            #expect(try write.send(rig, key).headers["idempotent-replayed"] == "true")
            _ = try write.send(rig, Self.allowed)
            try rig.send("POST", "/ws/dispatch", ["symbols": ["NEW"], "live": false], Self.allowed)
            _ = try write.send(rig, ["Authorization": "Bearer no"])
            #expect(try rig.tag() != first.tag)
            let incarnation = after.prefix(17)
            let lines = memory.lines.filter {
                $0.contains("Assignments changed") && $0.contains("assignment.before=\"\(incarnation)")
            }
            #expect(lines.count == 4, "three of the rig and this one: \(write.testDescription)")
            let line = lines.last ?? ""
            #expect(line.contains("assignment.before=\"\(tag): 2 symbols, 2 workers\""))
            #expect(line.contains("assignment.after=\"\(after): "))
            #expect(line.contains("api 127.0.0.1"))
            #expect(line.contains("http.authorization=token"))
            #expect(line.contains("\(write.method) \(write.target.prefix { $0 != "?" })"))
        }
        #expect(!memory.lines.contains { $0.contains(Self.token) })
    }
}
