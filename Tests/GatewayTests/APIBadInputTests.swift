import Foundation
import Gateway
import HTTP
import TestRigs
import Testing

/// Each kind of bad input gets a clear error, in the predecessor's words where it had some, and leaves Redis as it was to the
/// byte: symbols, workers, version, history and keys of requests.
@Suite(.timeLimit(.minutes(2))) struct APIBadInputTests {
    private struct Input: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let path: String
        let body: String
        var headers: [String: String] = [:]
        let status: Int
        let code: String
        /// The error's beginning.
        let words: String
    }

    /// 10,000 symbols, and at most 20 of them for each worker where no capacity is named.
    private static let many = (0..<10_000).map { "\"SYM\($0)USDT\"" }.joined(separator: ",")

    private static let inputs = [
        input("an empty list", #"{"symbols":[]}"#, 400, "no_symbols", "No symbols provided"),
        input("no list", #"{}"#, 400, "no_symbols", "No symbols provided"),
        input(
            "an empty list to rebalance", at: "/ws/rebalance", #"{"symbols":[]}"#, 400, "no_symbols",
            "No symbols provided"),
        input(
            "an unknown worker", #"{"symbols":["BTCUSDT"],"worker":"nobody:1"}"#, 404, "unknown_worker",
            "Worker 'nobody:1' not found in configured workers"),
        input(
            "an unknown strategy", #"{"symbols":["A"],"strategy":"random"}"#, 400, "invalid_strategy",
            "Invalid strategy"),
        input("no worker", #"{"symbols":["A"],"strategy":"worker"}"#, 400, "invalid_strategy", "Invalid strategy"),
        input("a bad symbol", #"{"symbols":["BTCUSDT","BTC/USDT"]}"#, 400, "bad_symbol", "symbols[1]: must be 1…32 of"),
        input(
            "a bad symbol", at: "/ws/subscribe", #"{"symbol":"A B","tfs":["1m"]}"#, 400, "bad_symbol",
            "symbol: must be 1…32 of"),
        input(
            "too small a capacity", #"{"symbols":["A","B","C"],"strategy":"least","capacity":1}"#, 409, "no_capacity",
            "All workers are at capacity"),
        input(
            "10,000 symbols beyond the capacity", #"{"symbols":[\#(many)],"strategy":"least"}"#, 409, "no_capacity",
            "All workers are at capacity"),
        input(
            "10,000 symbols with a bad one", #"{"symbols":[\#(many),"É"]}"#, 400, "bad_symbol",
            "symbols[10000]: must be 1…32 of"),
        input("a text for the list", #"{"symbols":"A"}"#, 400, "bad_member", "symbols: must be an array of symbols"),
        input("a number for a symbol", #"{"symbols":[7]}"#, 400, "bad_symbol", "symbols[0]: must be"),
        input(
            "a text for a number", #"{"symbols":["A"],"capacity":"2"}"#, 400, "bad_member",
            "capacity: must be a whole number"),
        input(
            "a text for a flag", #"{"symbols":["A"],"live":"false"}"#, 400, "bad_member", "live: must be true or false"),
        input("no object", #"["A"]"#, 400, "bad_json", "the body: must be an object"),
        input("no JSON", #"{"symbols":["A""#, 400, "bad_json", "the body is no JSON"),
        input("no symbol", at: "/ws/subscribe", #"{"tfs":["1m"]}"#, 400, "bad_request", "bad_request"),
        input("no timeframes", at: "/ws/subscribe", #"{"symbol":"A","tfs":[]}"#, 400, "bad_request", "bad_request"),
        input("no symbol", at: "/ws/unsubscribe", #"{"tfs":["1m"]}"#, 400, "bad_request", "bad_request"),
        input(
            "nobody's symbol", at: "/ws/unsubscribe", #"{"symbol":"NOBODYS"}"#, 404, "not_assigned",
            "NOBODYS is not assigned"),
        input(
            "another content type", #"{"symbols":["A"]}"#, with: ["Content-Type": "text/plain"], 415,
            "unsupported_media_type",
            "Content-Type: must be application/json"),
        input(
            "another site's page", #"{"symbols":["A"]}"#, with: ["Sec-Fetch-Site": "cross-site"], 403, "cross_site",
            "a page of another site"),
        input(
            "another site's old browser", #"{"symbols":["A"]}"#, with: ["Origin": "https://evil.example"], 403,
            "cross_site",
            "a page of another site"),
        // A name of somebody else's that points here.
        input(
            "a foreign Host", #"{"symbols":["A"]}"#, with: ["Host": "evil.example"], 421, "host_not_allowed",
            "this Host"),
    ]

    private static func input(
        _ name: String, at path: String = "/ws/dispatch", _ body: String, with headers: [String: String] = [:],
        _ status: Int,
        _ code: String, _ words: String
    ) -> Input {
        Input(
            testDescription: "\(name), \(path)", path: path, body: body, headers: headers, status: status, code: code,
            words: words)
    }

    @Test func aMisspeltParameterIsRefusedAndAPlanSaysThatItIsOne() throws {
        let rig = try APIRig(workers: 2)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["OLDUSDT"], "worker": "ws-worker-2:8088"])
        let storage = StorageRig(server: rig.redis)
        let before = try storage.dump()
        let file = Array("symbol,worker,assigned_at\nNEWUSDT,ws-worker-1:8088,\n".utf8)
        for (path, meant) in [
            ("/ws/assignments.csv?liv=false", "live"), ("/ws/assignments.csv?Live=false", "live"),
            ("/ws/assignments.csv?live=false&keep_other=true", "keep_others"),
        ] {
            let answer = try rig.send("PUT", path, file, ["Content-Type": "text/csv"])
            #expect(answer.status == 400 && answer.code == "bad_query", "\(path): \(answer.text)")
            #expect(answer.text.contains("did you mean \(meant)?"), "\(path): \(answer.text)")
        }
        let history = try rig.get("/ws/history?limt=3")
        #expect(history.status == 400 && history.text.contains("did you mean limit?"))
        #expect(try rig.get("/ws/history?_=1700000000").status == 200, "what looks like no other is the client's own")
        let plan = try rig.send("PUT", "/ws/assignments.csv?live=false", file, ["Content-Type": "text/csv"])
        #expect(plan.status == 200 && plan["message"] as? String == "A plan: nothing was changed")
        let dispatch = try rig.send(
            "POST", "/ws/dispatch", ["symbols": ["NEWUSDT"], "worker": "ws-worker-1:8088", "live": false])
        #expect(dispatch.status == 200 && dispatch["message"] as? String == "A plan: nothing was changed")
        #expect(try storage.dump() == before)
    }

    @Test func everyBadInputIsAClearErrorAndChangesNothing() throws {
        let rig = try APIRig(workers: 2)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["OLDUSDT"], "worker": "ws-worker-2:8088"])
        let storage = StorageRig(server: rig.redis)
        let (before, keys) = (try storage.dump(), try rig.redis.command("DBSIZE"))
        for input in Self.inputs {
            let more = ["Content-Type": "application/json", "Idempotency-Key": "k"].merging(input.headers) { $1 }
            let answer = try rig.send("POST", input.path, Array(input.body.utf8), more)
            #expect(answer.status == input.status, "\(input.testDescription): \(answer.text.prefix(300))")
            #expect(answer.code == input.code, "\(input.testDescription)")
            #expect(answer["ok"] as? Bool == false, "\(input.testDescription)")
            #expect(answer.error?.hasPrefix(input.words) == true, "\(input.testDescription): \(answer.error ?? "")")
            #expect((answer.error?.utf8.count ?? .max) < 1_000, "\(input.testDescription)")
            #expect(try storage.dump() == before, "\(input.testDescription)")
        }
        #expect(try rig.redis.command("DBSIZE") == keys)
        // The key that was refused with each of them is nobody's.
        let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], ["Idempotency-Key": "k"])
        #expect(answer.status == 200)
        #expect(try storage.dump() != before)
    }
}
