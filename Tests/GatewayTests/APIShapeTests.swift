import Foundation
import Gateway
import TestRigs
import Testing

/// What clients of the predecessor send, and what they read.
@Suite(.timeLimit(.minutes(2))) struct APIShapeTests {
    /// The predecessor's documented distribution of these ten over five workers, from the reference.
    private static let remainders = [
        "BTCUSDT": 3, "ETHUSDT": 4, "ADAUSDT": 3, "SOLUSDT": 1, "DOTUSDT": 3, "LINKUSDT": 2, "UNIUSDT": 5, "XRPUSDT": 3,
        "LTCUSDT": 4, "BNBUSDT": 3,
    ]
    private static let ten = remainders.keys.sorted()

    @Test func emptyAssignmentsHaveThePredecessorsShape() throws {
        let answer = try APIRig().get("/ws/assignments")
        #expect(answer.status == 200)
        #expect(answer.text.hasPrefix(#"{"ok":true,"assignments":{},"workers":[],"stats":{},"#))
    }

    @Test func assignmentsHaveThePredecessorsShape() throws {
        let rig = try APIRig(workers: 2)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["BTCUSDT"], "worker": "ws-worker-2:8088"])
        let answer = try rig.get("/ws/assignments")
        #expect(
            answer.text.hasPrefix(
                #"{"ok":true,"assignments":{"BTCUSDT":"ws-worker-2:8088"},"workers":["ws-worker-1:8088","#
                    + #""ws-worker-2:8088"],"stats":{"ws-worker-1:8088":0,"ws-worker-2:8088":1},"#))
        let placement = (answer["placements"] as? [String: [String: Any]])?["BTCUSDT"]
        #expect(placement?["worker"] as? String == "ws-worker-2:8088")
        #expect(placement?["timeframes"] as? [String] == ["1m", "5m", "15m", "1h", "4h"])
        #expect(placement?["pinned"] as? Bool == true)
        #expect(answer["version"] as? String == answer.tag?.filter { $0 != "\"" })
    }

    @Test func dispatchAnswersWithTheAssignments() throws {
        let rig = try APIRig(workers: 1)
        let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["BTCUSDT", "btcusdt"]])
        #expect(answer.status == 200)
        #expect(
            answer.text.hasPrefix(
                #"{"ok":true,"message":"Dispatch réussi. 1 symbole assigné","#
                    + #""assignments":{"BTCUSDT":"ws-worker-1:8088"},"live":true,"#))
        #expect(answer["stored"] as? Bool == true)
        #expect(try rig.get("/ws/assignments").assignments == ["BTCUSDT": "ws-worker-1:8088"])
    }

    @Test func moduloGivesThePredecessorsDistribution() throws {
        let rig = try APIRig(workers: 5)
        let answer = try rig.send("POST", "/ws/dispatch", ["symbols": Self.ten, "strategy": "modulo"])
        #expect(answer.assignments == Self.remainders.mapValues { "ws-worker-\($0):8088" })
    }

    @Test func leastSpreadsEvenlyAndTakesTwentyEachUnlessTold() throws {
        let rig = try APIRig(workers: 5)
        let two: [String: Any] = ["symbols": Self.ten, "strategy": "least", "capacity": 2]
        #expect(try rig.send("POST", "/ws/dispatch", two).status == 200)
        let stats = try rig.get("/ws/assignments")["stats"] as? [String: Int]
        #expect(stats?.values.allSatisfy { $0 == 2 } == true)
        let names = (0..<101).map { "S\($0)" }
        let many = try rig.send("POST", "/ws/dispatch", ["symbols": names, "strategy": "least", "live": false])
        #expect(many.status == 409)
    }

    @Test func aRebalanceAnswersWithOldAndNewInFrench() throws {
        let rig = try APIRig(workers: 5)
        try rig.send("POST", "/ws/dispatch", ["symbols": Self.ten, "strategy": "modulo"])
        let body: [String: Any] = ["symbols": Self.ten, "timeframes": ["1m"]]
        let answer = try rig.send("POST", "/ws/rebalance", body)
        #expect(answer.status == 200)
        #expect(answer.text.hasPrefix(#"{"ok":true,"message":"Rebalancement réussi. 3 symboles déplacés","moves":{""#))
        let moves = try #require(answer["moves"] as? [String: [String]])
        #expect(moves.count == 3)
        for (symbol, move) in moves {
            #expect(move.count == 2)
            #expect(move[0] == "ws-worker-\(Self.remainders[symbol] ?? 0):8088")
            #expect(try rig.get("/ws/assignments").assignments?[symbol] == move[1])
        }
        #expect(answer["live"] as? Bool == true)
        let again = try rig.send("POST", "/ws/rebalance", ["symbols": "all"])
        #expect(
            again.text.hasPrefix(
                #"{"ok":true,"message":"Rebalancement réussi. 0 symboles déplacés","moves":{},"live":true"#))
        #expect(again["stored"] as? Bool == false)
    }

    /// The bodies of its document, by the letter, and the answers that document and reference tell.
    @Test func thePredecessorsOwnExamplesAreTaken() throws {
        let rig = try APIRig()
        let workers = (1...5).map { "tradingv3-ws-worker-\($0):8088" }
        for name in workers { try rig.send("POST", "/ws/workers", ["name": name]) }
        func post(_ path: String, _ body: String, begins: String) throws {
            let answer = try rig.send("POST", path, Array(body.utf8), ["Content-Type": "application/json"])
            #expect(answer.status == 200)
            #expect(answer.text.hasPrefix(begins), "\(answer.text)")
            #expect(answer["live"] as? Bool == true)
        }
        // A form sends its empty fields as null or "".
        for (strategy, worker) in [("hash", "null"), ("least", "null"), ("least", #""""#)] {
            let body = #"{"symbols":["BTCUSDT","ETHUSDT"],"strategy":"\#(strategy)","worker":\#(worker),"capacity":20}"#
            try post("/ws/dispatch", body, begins: #"{"ok":true,"message":""#)
            #expect(Set(try rig.get("/ws/assignments").assignments?.keys ?? [:].keys) == ["BTCUSDT", "ETHUSDT"])
        }
        for strategy in ["hash", "least", "worker"] {
            try post(
                "/ws/dispatch",
                #"{"symbols":["BTCUSDT","ETHUSDT"],"strategy":"\#(strategy)","worker":"\#(workers[2])","capacity":20,"#
                    + #""timeframes":["1m","5m","15m","1h","4h"],"live":true}"#, begins: #"{"ok":true,"message":""#)
        }
        let list = workers.map { "\"\($0)\"" }.joined(separator: ",")
        let counts = workers.map { "\"\($0)\":\($0 == workers[2] ? 2 : 0)" }.joined(separator: ",")
        #expect(
            try rig.get("/ws/assignments").text.hasPrefix(
                #"{"ok":true,"assignments":{"BTCUSDT":"\#(workers[2])","ETHUSDT":"\#(workers[2])"},"#
                    + #""workers":[\#(list)],"stats":{\#(counts)},"#))
        // They were given to this worker by its name.
        try post(
            "/ws/rebalance", #"{"symbols":["BTCUSDT","ETHUSDT"],"timeframes":["1m","5m"],"live":true}"#,
            begins: #"{"ok":true,"message":"Rebalancement réussi. 0 symboles déplacés","moves":{},"live":true"#)
        try post("/ws/subscribe", #"{"symbol":"ADAUSDT","tfs":["1m","5m"]}"#, begins: #"{"ok":true,"#)
        try post("/ws/unsubscribe", #"{"symbol":"ADAUSDT","tfs":["1m","5m"]}"#, begins: #"{"ok":true,"#)
        #expect(Set(try rig.get("/ws/assignments").assignments?.keys ?? [:].keys) == ["BTCUSDT", "ETHUSDT"])
    }

    @Test func subscribePlacesAndAddsAndUnsubscribeTakesBack() throws {
        let rig = try APIRig(workers: 2)
        func timeframes() throws -> [String]? {
            let placements = try rig.get("/ws/assignments")["placements"] as? [String: [String: Any]]
            return placements?["BTCUSDT"]?["timeframes"] as? [String]
        }
        let first = try rig.send("POST", "/ws/subscribe", ["symbol": "BTCUSDT", "tfs": ["5m"]])
        #expect(first.text.hasPrefix(#"{"ok":true,"#))
        #expect(try timeframes() == ["5m"])
        try rig.send("POST", "/ws/subscribe", ["symbol": "btcusdt", "tfs": "1m"])
        #expect(try timeframes() == ["1m", "5m"])
        #expect(try rig.send("POST", "/ws/unsubscribe", ["symbol": "BTCUSDT", "tfs": ["5m", "4h"]]).status == 200)
        #expect(try timeframes() == ["1m"])
        let last = try rig.send("POST", "/ws/unsubscribe", ["symbol": "BTCUSDT", "tfs": ["1m"]])
        #expect(last.text.hasPrefix(#"{"ok":true,"#))
        #expect(try rig.get("/ws/assignments").assignments == [:])
    }

    @Test(
        arguments: [
            (
                "/ws/dispatch", #"{}"#,
                #"{"ok":false,"error":"No symbols provided","code":"no_symbols","detail":"symbols: must be an array of at least one symbol"}"#
            ),
            (
                "/ws/dispatch", #"{"symbols":[]}"#,
                #"{"ok":false,"error":"No symbols provided","code":"no_symbols","detail":"symbols: must be an array of at least one symbol"}"#
            ),
            (
                "/ws/dispatch", #"{"symbols":["BTCUSDT"],"strategy":"random"}"#,
                #"{"ok":false,"error":"Invalid strategy","code":"invalid_strategy","detail":"strategy: must be hash, least, modulo or worker (got \"random\")"}"#
            ),
            (
                "/ws/dispatch", #"{"symbols":["BTCUSDT"],"strategy":"worker"}"#,
                #"{"ok":false,"error":"Invalid strategy","code":"invalid_strategy","detail":"worker: is needed with the strategy \"worker\""}"#
            ),
            (
                "/ws/rebalance", #"{"symbols":[]}"#,
                #"{"ok":false,"error":"No symbols provided","code":"no_symbols","detail":"symbols: must be \"all\", or an array of at least one symbol"}"#
            ),
            (
                "/ws/subscribe", #"{}"#,
                #"{"ok":false,"error":"bad_request","code":"bad_request","detail":"symbol: is needed"}"#
            ),
            (
                "/ws/subscribe", #"{"symbol":"BTCUSDT"}"#,
                #"{"ok":false,"error":"bad_request","code":"bad_request","detail":"timeframes (or tfs): at least one is needed"}"#
            ),
            (
                "/ws/unsubscribe", #"{"symbol":""}"#,
                #"{"ok":false,"error":"bad_request","code":"bad_request","detail":"symbol: is needed"}"#
            ),
        ])
    func aBadBodyGetsThePredecessorsWords(path: String, body: String, expected: String) throws {
        let rig = try APIRig(workers: 1)
        let before = try rig.tag()
        let answer = try rig.send("POST", path, Array(body.utf8), ["Content-Type": "application/json"])
        #expect(answer.status == 400)
        #expect(answer.text == expected)
        #expect(try rig.tag() == before)
    }

    @Test(arguments: ["/ws/unsubscribe", "/ws/subscribe"])
    func whatChangesTimeframesAloneMovesNothing(path: String) throws {
        let rig = try APIRig(workers: 2)
        let first = "ws-worker-1:8088"
        try rig.send("POST", "/ws/dispatch", ["symbols": ["A", "B"], "worker": first, "tfs": ["1m", "5m", "1h"]])
        func timeframes(_ symbol: String) throws -> [String]? {
            let all = try rig.get("/ws/assignments")
            let one = (all["placements"] as? [String: [String: Any]])?[symbol]
            #expect(one?["worker"] as? String == first)
            #expect(one?["pinned"] as? Bool == true)
            return one?["timeframes"] as? [String]
        }
        let (tfs, more) = path == "/ws/subscribe" ? (["4h"], ["4h"]) : (["5m"], [])
        let rest = path == "/ws/subscribe" ? ["1m", "5m", "1h"] : ["1m", "1h"]
        // Above its capacity, draining, and not registered any more.
        try rig.send("POST", "/ws/workers", ["name": first, "capacity": 1])
        try rig.send("POST", "/ws/workers", ["name": first, "state": "draining"])
        let answer = try rig.send("POST", path, ["symbol": "A", "tfs": tfs])
        #expect(answer.status == 200)
        #expect(answer.assignments == ["A": first])
        #expect(try timeframes("A") == rest + more)
        try rig.send("DELETE", "/ws/workers?name=\(first)&abandon=true")
        #expect(try rig.send("POST", path, ["symbol": "B", "tfs": tfs]).status == 200)
        #expect(try timeframes("B") == rest + more)
    }

    @Test func whatNobodyServesCanNotBeUnsubscribed() throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        for headers in [[:], ["Idempotency-Key": "fresh"]] {
            let answer = try rig.send("POST", "/ws/unsubscribe", ["symbol": "A"], headers)
            #expect(answer.status == 404)
            #expect(answer.code == "not_assigned")
        }
        #expect(try rig.tag() == tag)
    }

    @Test func aPlanChangesNothingAndNamesEverything() throws {
        let rig = try APIRig(workers: 2)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["A", "B"], "strategy": "least"])
        let before = try rig.tag()
        let answer = try rig.send(
            "POST", "/ws/dispatch", ["symbols": ["B", "C"], "worker": "ws-worker-1:8088", "live": false])
        #expect(answer.status == 200)
        #expect(answer["live"] as? Bool == false)
        #expect(answer.tag == before)
        let plan = try #require(answer["plan"] as? [String: Any])
        #expect((plan["moves"] as? [[String: Any]])?.contains { $0["symbol"] as? String == "C" } == true)
        #expect((plan["stays"] as? [[String: Any]])?.contains { $0["symbol"] as? String == "A" } == true)
        #expect((plan["unplaced"] as? [Any])?.isEmpty == true)
        let after = (plan["after"] as? [[String: Any]])?.map { $0["symbols"] as? Int }
        #expect(after == [2, 1] || after == [3, 0])
        #expect(try rig.tag() == before)
        // What was seen can be carried out as it was seen, or not at all.
        let live = try rig.send(
            "POST", "/ws/dispatch", ["symbols": ["B", "C"], "worker": "ws-worker-1:8088"],
            ["If-Match": answer.tag ?? ""])
        #expect(live.assignments == answer.assignments)
        #expect(try rig.get("/ws/assignments").assignments?["C"] == "ws-worker-1:8088")
    }

    @Test func aReaderWithTheNewestStateGetsNoBody() throws {
        let rig = try APIRig(workers: 1)
        for path in ["/ws/assignments", "/ws/assignments.csv"] {
            let tag = try rig.get(path).tag ?? ""
            for header in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
                let answer = try rig.get(path, ["If-None-Match": header])
                #expect(answer.status == 304, "\(header)")
                #expect(answer.body.isEmpty)
                #expect(answer.tag == tag)
            }
            for header in ["\"other\"", "garbage", ""] {
                #expect(try rig.get(path, ["If-None-Match": header]).status == 200, "\(header)")
            }
        }
    }

    @Test func csvGoesOutAndComesBackTheSame() throws {
        let rig = try APIRig(workers: 2)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["BTCUSDT", "ETHUSDT", "SOLUSDT"], "strategy": "least"])
        let file = try rig.get("/ws/assignments.csv")
        #expect(file.headers["content-type"] == "text/csv; charset=utf-8")
        #expect(file.text.hasPrefix("symbol,worker,assigned_at\nBTCUSDT,ws-worker-"))
        let type = ["Content-Type": "text/csv"]
        let changed = Array("symbol,worker\nADAUSDT,ws-worker-1:8088\n".utf8)
        #expect(try rig.send("PUT", "/ws/assignments.csv?live=false", changed, type).status == 200)
        #expect(try rig.get("/ws/assignments.csv").text == file.text)
        #expect(try rig.send("PUT", "/ws/assignments.csv?keep_others=true", changed, type).status == 200)
        #expect(try rig.get("/ws/assignments").assignments?.count == 4)
        let whole = try rig.send("PUT", "/ws/assignments.csv", file.body, type)
        #expect(whole.status == 200)
        let rows = { (text: String) in text.split(separator: "\n").map { $0.split(separator: ",").prefix(2).joined() } }
        #expect(rows(try rig.get("/ws/assignments.csv").text) == rows(file.text))
    }

    @Test func workersAreRegisteredDrainedAndRemoved() throws {
        let rig = try APIRig()
        let made = try rig.send("POST", "/ws/workers", ["name": "eu-1", "address": "10.0.0.7:8089", "capacity": 5])
        #expect(
            made.text
                == #"{"ok":true,"worker":{"name":"eu-1","address":"10.0.0.7:8089","capacity":5,"weight":1,"#
                + #""state":"active","symbols":0}}"#)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["BTCUSDT"]])
        #expect(try rig.send("DELETE", "/ws/workers?name=eu-1").code == "worker_has_symbols")
        let drained = try rig.send("POST", "/ws/workers", ["name": "eu-1", "state": "draining"])
        #expect((drained["worker"] as? [String: Any])?["state"] as? String == "draining")
        #expect((drained["worker"] as? [String: Any])?["address"] as? String == "10.0.0.7:8089")
        #expect(try rig.send("POST", "/ws/dispatch", ["symbols": ["X"], "worker": "eu-1"]).code == "no_workers")
        #expect(try rig.send("DELETE", "/ws/workers?name=eu-1&abandon=true").status == 200)
        #expect((try rig.get("/ws/workers")["workers"] as? [Any])?.isEmpty == true)
        #expect(try rig.send("DELETE", "/ws/workers?name=eu-1").code == "unknown_worker")
    }

    @Test func eachWriteIsInTheHistoryWithItsAuthor() throws {
        let rig = try APIRig(workers: 1)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["BTCUSDT"]], ["X-Forwarded-For": "203.0.113.9"])
        let answer = try rig.get("/ws/history?limit=2")
        let entries = try #require(answer["history"] as? [[String: Any]])
        #expect(entries.count == 2)
        #expect(entries.map { $0["action"] as? String } == ["dispatch", "register"])
        #expect(entries.allSatisfy { $0["author"] as? String == "api 127.0.0.1" })
        let step = (entries[0]["steps"] as? [[String: Any]])?.first
        #expect(step?["symbol"] as? String == "BTCUSDT")
        #expect(step?["from"] is NSNull)
        #expect(step?["to"] as? String == "ws-worker-1:8088")
    }

    @Test func theDocumentIsJSONAndNamesEveryRoute() throws {
        let answer = try APIRig().get("/openapi.json")
        let paths = try #require(answer["paths"] as? [String: [String: Any]])
        let methods = paths.filter { $0.key.hasPrefix("/ws/") }.mapValues { Set($0.keys) }
        #expect(
            methods == [
                "/ws/assignments": ["get"], "/ws/assignments.csv": ["get", "put"], "/ws/history": ["get"],
                "/ws/dispatch": ["post"], "/ws/rebalance": ["post"], "/ws/subscribe": ["post"],
                "/ws/unsubscribe": ["post"], "/ws/workers": ["get", "post", "delete"],
            ])
    }
}
