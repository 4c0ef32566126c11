import Foundation
import Gateway
import HTTP
import TestRigs
import Testing

/// A request that can't be carried out gets a clear sentence and changes nothing.
@Suite(.timeLimit(.minutes(2))) struct APIRefusalTests {
    private static let json = ["Content-Type": "application/json"]

    private static func expectRefused(
        _ status: Int, _ code: String, _ word: String = "", _ answer: APIRig.Answer, _ rig: APIRig, since tag: String
    ) throws {
        #expect(answer.status == status, "\(answer.text)")
        #expect(answer.code == code)
        #expect(answer["ok"] as? Bool == false)
        #expect(answer.error?.contains(word) == true, "\(answer.error ?? "")")
        #expect(try rig.tag() == tag)
    }

    /// One rig for all rows: a row that changed something fails those behind it too.
    @Test func everyWrongMemberIsNamedWithWhatCame() throws {
        let rig = try APIRig(workers: 2)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["OLDUSDT"]])
        let tag = try rig.tag()
        let rows: [(path: String, body: String, code: String, words: String)] = [
            (
                "/ws/dispatch", #"{"symbols":"BTCUSDT"}"#, "bad_member",
                "symbols: must be an array of symbols (got \"BTCUSDT\")"
            ),
            ("/ws/dispatch", #"{"symbols":{"a":1}}"#, "bad_member", "(got an object)"),
            ("/ws/dispatch", #"{"symbols":[1]}"#, "bad_symbol", "symbols[0]: must be 1…32"),
            ("/ws/dispatch", #"{"symbols":["OK","BTC/USDT"]}"#, "bad_symbol", "symbols[1]: must be 1…32"),
            ("/ws/dispatch", #"{"symbols":["<img onerror>"]}"#, "bad_symbol", "got \"<img onerror>\""),
            ("/ws/dispatch", #"{"symbols":["\u212a"]}"#, "bad_symbol", "symbols[0]"),
            ("/ws/dispatch", #"{"symbols":[""]}"#, "bad_symbol", "symbols[0]"),
            ("/ws/dispatch", #"{"symbols":["A"],"strategy":7}"#, "bad_member", "strategy: must be a string (got 7)"),
            ("/ws/dispatch", #"{"symbols":["A"],"worker":["x"]}"#, "bad_member", "worker: must be a string"),
            (
                "/ws/dispatch", #"{"symbols":["A"],"worker":"nobody"}"#, "unknown_worker",
                "Worker 'nobody' not found in configured workers"
            ),
            ("/ws/dispatch", #"{"symbols":["A"],"worker":"no such"}"#, "unknown_worker", "Worker 'no such' not found"),
            (
                "/ws/dispatch", #"{"symbols":["A"],"capacity":"20"}"#, "bad_member",
                "capacity: must be a whole number of 1…100000 (got \"20\")"
            ),
            ("/ws/dispatch", #"{"symbols":["A"],"capacity":0}"#, "bad_member", "capacity"),
            ("/ws/dispatch", #"{"symbols":["A"],"capacity":1.5}"#, "bad_member", "got 1.5"),
            ("/ws/dispatch", #"{"symbols":["A"],"capacity":1e999}"#, "bad_member", "got 1e999"),
            (
                "/ws/dispatch", #"{"symbols":["A"],"live":"true"}"#, "bad_member",
                "live: must be true or false (got \"true\")"
            ),
            ("/ws/dispatch", #"{"symbols":["A"],"live":1}"#, "bad_member", "live"),
            ("/ws/dispatch", #"{"symbols":["A"],"timeframes":["7m"]}"#, "bad_timeframe", "got \"7m\""),
            ("/ws/dispatch", #"{"symbols":["A"],"timeframes":[]}"#, "no_timeframes", "timeframes"),
            ("/ws/dispatch", #"{"symbols":["A"],"timeframes":["1m"],"tfs":["1m"]}"#, "bad_member", "tfs"),
            ("/ws/dispatch", #"{"symbols":["A"],"lives":false}"#, "unknown_member", "did you mean live?"),
            (
                "/ws/dispatch", #"{"symbols":["A","B","C"],"strategy":"least","capacity":1}"#, "no_capacity",
                "All workers are at capacity"
            ),
            ("/ws/rebalance", #"{"symbols":["A"],"max_moves":-1}"#, "bad_member", "max_moves"),
            ("/ws/subscribe", #"{"symbol":"A","tfs":["1x"]}"#, "bad_timeframe", "tfs"),
            ("/ws/subscribe", #"{"symbol":5,"tfs":["1m"]}"#, "bad_symbol", "symbol"),
            ("/ws/unsubscribe", #"{"symbol":"NOBODY"}"#, "not_assigned", "NOBODY"),
            ("/ws/workers", #"{"name":"a b"}"#, "bad_member", "name"),
            ("/ws/workers", #"{"name":"eu-1"}"#, "unknown_worker", "address"),
            ("/ws/workers", #"{"name":"eu-1","address":"x:0"}"#, "bad_member", "address"),
            ("/ws/workers", #"{"name":"ws-worker-1:8088","state":"gone"}"#, "bad_member", "state"),
            ("/ws/workers", #"{"name":"nobody","state":"draining"}"#, "unknown_worker", "nobody"),
            ("/ws/workers", #"{"name":"eu-1:1","weight":101}"#, "bad_member", "1…100"),
        ]
        for row in rows {
            let answer = try rig.send("POST", row.path, Array(row.body.utf8), Self.json)
            let status = ["no_capacity": 409, "not_assigned": 404, "unknown_worker": 404][row.code] ?? 400
            try Self.expectRefused(status, row.code, row.words, answer, rig, since: tag)
        }
    }

    @Test(arguments: [
        "", "null", "[]", "7", "{", #"{"symbols":["A"]"#, #"{"symbols":["A"]}}"#, #"{'symbols':["A"]}"#,
        #"{"symbols":["A"],}"#, #"{"symbols":["A"],"symbols":["B"]}"#, #"{"symbols":["\ud800"]}"#,
        #"{"symbols":["\x41"]}"#,
        #"{"symbols":["A"],"x":01}"#, #"{"symbols":["A"],"x":.5}"#, #"{"symbols":["A"],"x":tru}"#,
        "{\"symbols\":[\"A\tB\"]}",
        "\u{feff}{\"symbols\":[\"A\"]}",
    ])
    func whatIsNoJSONIsRefused(body: String) throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        let answer = try rig.send("POST", "/ws/dispatch", Array(body.utf8), Self.json)
        try Self.expectRefused(400, "bad_json", "the body", answer, rig, since: tag)
    }

    @Test func bytesThatAreNoTextAreRefused() throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        let bytes = Array(#"{"symbols":["A"],"x":""#.utf8) + [0xff] + Array("\"}".utf8)
        let answer = try rig.send("POST", "/ws/dispatch", bytes, Self.json)
        try Self.expectRefused(400, "bad_json", "UTF-8", answer, rig, since: tag)
        let file = try rig.send("PUT", "/ws/assignments.csv", [0xff, 0xfe], ["Content-Type": "text/csv"])
        try Self.expectRefused(400, "bad_file", "UTF-8", file, rig, since: tag)
    }

    @Test func depthAndSizeHaveLimits() throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        let deep = #"{"symbols":["A"],"x":"# + String(repeating: "[", count: 500_000) + "}"
        let nested = try rig.send("POST", "/ws/dispatch", Array(deep.utf8), Self.json)
        try Self.expectRefused(400, "bad_json", "32 levels", nested, rig, since: tag)
        let many = #"{"symbols":["A"],"x":["# + String(repeating: "1,", count: 200_000) + "1]}"
        let values = try rig.send("POST", "/ws/dispatch", Array(many.utf8), Self.json)
        try Self.expectRefused(400, "bad_json", "values", values, rig, since: tag)
        let symbols = (0...100_000).map { "\"\(String($0, radix: 36))\"" }.joined(separator: ",")
        let list = try rig.send("POST", "/ws/dispatch", Array("{\"symbols\":[\(symbols)]}".utf8), Self.json)
        try Self.expectRefused(400, "too_many_symbols", "100000", list, rig, since: tag)
        let large = #"{"symbols":["A"],"x":""# + String(repeating: "y", count: 1 << 20) + "\"}"
        let body = try rig.send("POST", "/ws/dispatch", Array(large.utf8), Self.json)
        try Self.expectRefused(413, "body_too_large", "1048576", body, rig, since: tag)
    }

    @Test func tenThousandSymbolsAreTaken() throws {
        let rig = try APIRig(workers: 4)
        let names = (0..<10_000).map { "SYM\($0)USDT" }
        let answer = try rig.send("POST", "/ws/dispatch", ["symbols": names, "strategy": "hash"])
        #expect(answer.status == 200)
        #expect(answer.assignments?.count == 10_000)
        let read = try rig.get("/ws/assignments")
        #expect(read.assignments?.count == 10_000)
        #expect(read.assignments == answer.assignments)
    }

    @Test func noCapacityNamesWhatFoundNoPlace() throws {
        let rig = try APIRig(workers: 2)
        let tag = try rig.tag()
        let body: [String: Any] = ["symbols": ["A", "B", "C"], "strategy": "least", "capacity": 1]
        let answer = try rig.send("POST", "/ws/dispatch", body)
        try Self.expectRefused(409, "no_capacity", "1 symbol", answer, rig, since: tag)
        let unplaced = try #require(answer["unplaced"] as? [[String: Any]])
        #expect(unplaced.count == 1)
        #expect(unplaced.first?["reason"] as? String == "no_capacity")
        let none = try APIRig().send("POST", "/ws/dispatch", ["symbols": ["A"]])
        #expect(none.status == 409)
        #expect(none.error?.hasPrefix("No WS workers configured") == true)
    }

    @Test(arguments: [
        [:], ["Content-Type": "text/plain"], ["Content-Type": "application/x-www-form-urlencoded"],
        ["Content-Type": "application/json; charset=latin1"], ["Content-Type": "application/jsonx"],
    ])
    func anotherContentTypeIsRefused(headers: [String: String]) throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        let answer = try rig.send("POST", "/ws/dispatch", Array(#"{"symbols":["A"]}"#.utf8), headers)
        try Self.expectRefused(415, "unsupported_media_type", "application/json", answer, rig, since: tag)
        let file = try rig.send("PUT", "/ws/assignments.csv", Array("A,ws-worker-1:8088".utf8), headers)
        try Self.expectRefused(415, "unsupported_media_type", "text/csv", file, rig, since: tag)
    }

    @Test(arguments: [
        ["Sec-Fetch-Site": "cross-site"], ["Sec-Fetch-Site": "same-site"], ["Origin": "http://evil.example"],
        ["Origin": "null"], ["Origin": "http://127.0.0.1:1"],
        ["Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"],
    ])
    func aPageOfAnotherSiteChangesNothing(headers: [String: String]) throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], headers)
        try Self.expectRefused(403, "cross_site", "another site", answer, rig, since: tag)
        #expect(try rig.send("DELETE", "/ws/workers?name=ws-worker-1:8088", [], headers).status == 403)
    }

    @Test func thisSitesPagesAndNoBrowserMayWrite() throws {
        let rig = try APIRig(workers: 1)
        let origin = "http://127.0.0.1:\(rig.server.port)"
        for headers in [
            ["Origin": origin], ["Origin": origin, "Sec-Fetch-Site": "same-origin"], ["Sec-Fetch-Site": "none"],
        ] {
            #expect(try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], headers).status == 200, "\(headers)")
        }
    }

    @Test func anotherNamesHostIsRefused() throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        let answer = try rig.send(
            "POST", "/ws/dispatch", ["symbols": ["A"]],
            ["Host": "evil.example:\(rig.server.port)", "Origin": "http://evil.example:\(rig.server.port)"])
        try Self.expectRefused(421, "host_not_allowed", "Host", answer, rig, since: tag)
    }

    @Test func writesNeedTheTokenAndReadsDoNot() throws {
        let token = "0123456789abcdef"
        let rig = try APIRig(token: token)
        for headers in [[:], ["Authorization": "Bearer 0123456789abcdeX"], ["Authorization": "Basic \(token)"]] {
            let answer = try rig.send("POST", "/ws/workers", ["name": "a:1"], headers)
            #expect(answer.status == 401)
            #expect(answer.code == "unauthorized")
            #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
        }
        #expect((try rig.get("/ws/workers")["workers"] as? [Any])?.isEmpty == true)
        let answer = try rig.send("POST", "/ws/workers", ["name": "a:1"], ["Authorization": "Bearer \(token)"])
        #expect(answer.status == 200)
    }

    @Test func aFileWithBadRowsIsRefusedWhole() throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        func put(_ text: String, _ query: String = "") throws -> APIRig.Answer {
            try rig.send("PUT", "/ws/assignments.csv\(query)", Array(text.utf8), ["Content-Type": "text/csv"])
        }
        try Self.expectRefused(400, "bad_file", "line 2", try put("A,ws-worker-1:8088\nB\n"), rig, since: tag)
        try Self.expectRefused(404, "unknown_worker", "nobody", try put("A,nobody\n"), rig, since: tag)
        // The Kelvin sign, whose lower case is k.
        let kelvin = try put("\u{212a},ws-worker-1:8088\n")
        try Self.expectRefused(400, "bad_file", "line 1: symbol", kelvin, rig, since: tag)
        try Self.expectRefused(400, "no_symbols", "no rows", try put("symbol,worker,assigned_at\n"), rig, since: tag)
        try Self.expectRefused(
            400, "bad_query", "live", try put("A,ws-worker-1:8088\n", "?live=maybe"), rig, since: tag)
        try Self.expectRefused(
            400, "bad_query", "7m", try put("A,ws-worker-1:8088\n", "?timeframes=7m"), rig, since: tag)
    }

    @Test(arguments: ["0", "1001", "-1", "ten", "", "1e2"]) func aWrongLimitIsRefused(limit: String) throws {
        let answer = try APIRig().get("/ws/history?limit=\(limit)")
        #expect(answer.status == 400)
        #expect(answer.error?.hasPrefix("limit: must be") == true)
    }

    @Test func redisThatIsAwayIs503WithTheTimeToRepeat() throws {
        let rig = try APIRig(workers: 1)
        rig.redis.kill()
        for answer in [try rig.get("/ws/assignments"), try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])] {
            #expect(answer.status == 503)
            #expect(answer.code == "redis_unavailable")
            #expect(answer.headers["retry-after"] != nil)
        }
        try rig.redis.start()
        #expect(try rig.get("/ws/assignments").status == 200)
    }
}
