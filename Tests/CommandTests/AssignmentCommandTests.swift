import Foundation
import TestRigs
import Testing

/// `dispatch`, `assignment` and `workers` as an operator calls them, on a real Redis and without a gateway.
@Suite(.timeLimit(.minutes(5))) struct AssignmentCommandTests {
    /// The ten contracts of the predecessor's documentation.
    private static let contracts = [
        "BTCUSDT", "ETHUSDT", "ADAUSDT", "SOLUSDT", "DOTUSDT", "LINKUSDT", "UNIUSDT", "XRPUSDT", "LTCUSDT", "BNBUSDT",
    ]
    private static let list = contracts.joined(separator: ",")
    private static let names = (1...5).map { "tradingv3-ws-worker-\($0):8088" }

    /// A Redis and what the commands are called with.
    private struct Rig {
        let redis: RedisServer
        let folder: TemporaryFolder

        init(workers: [String] = AssignmentCommandTests.names) throws {
            redis = try RedisServer()
            folder = try TemporaryFolder("assignments")
            for worker in workers {
                let added = try run("workers", "add", worker)
                #expect(added.code == 0, "\(added.talk)")
            }
        }

        func run(_ words: String...) throws -> Program.Result { try run(words) }

        func run(_ words: [String]) throws -> Program.Result {
            try Program(words, ["REDIS_URL": redis.url], in: folder.path).result()
        }

        /// The moves of a plan.
        func moves(_ words: String...) throws -> [[String: Any]] {
            let plan = try json(words)["plan"] as? [String: Any]
            return try #require(plan?["moves"] as? [[String: Any]])
        }

        func json(_ words: String...) throws -> [String: Any] { try json(words) }

        func json(_ words: [String]) throws -> [String: Any] {
            let result = try run(words + ["--json"])
            return try #require(
                try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any], "\(result.talk)")
        }

        /// Symbols a worker in the order of registration.
        func counts() throws -> [Int] {
            let workers = try json("assignment", "--stats")["workers"] as? [[String: Any]]
            return try #require(workers).compactMap { $0["symbols"] as? Int }
        }

        /// The worker of each symbol.
        func owners() throws -> [String: String] {
            let rows = try #require(try json("assignment")["assignments"] as? [[String: Any]])
            return Dictionary(
                uniqueKeysWithValues: rows.compactMap { row in
                    guard let symbol = row["symbol"] as? String, let worker = row["worker"] as? String else {
                        return nil
                    }
                    return (symbol, worker)
                })
        }

        func version() throws -> String { try #require(try json("assignment")["version"] as? String) }

        /// Everything that is stored.
        func dump() throws -> [String] {
            try ["{klinecast}:assignments", "{klinecast}:workers"].map { try redis.command("HGETALL", $0) }
                + [try redis.command("GET", "{klinecast}:assignments:version")]
        }
    }

    // MARK: Distributions

    /// The predecessor's documentation: 1, 1, 5, 2, 1, and SOLUSDT on the first worker.
    @Test func moduloGivesThePredecessorsPlaces() throws {
        let rig = try Rig()
        let result = try rig.run("dispatch", Self.list, "--strategy", "modulo", "--live")
        // Stored, but no gateway told the workers.
        #expect(result.code == 3, "\(result.talk)")
        #expect(try rig.counts() == [1, 1, 5, 2, 1])
        #expect(try rig.owners()["SOLUSDT"] == Self.names[0])
        #expect(try rig.owners()["LINKUSDT"] == Self.names[1])
    }

    @Test func leastWithCapacityTwoGivesTwoToEach() throws {
        let rig = try Rig()
        _ = try rig.run("dispatch", Self.list, "--strategy", "least", "--capacity", "2", "--live")
        #expect(try rig.counts() == [2, 2, 2, 2, 2])
    }

    @Test func aRebalanceTakesThreeMovesAndASecondOneNone() throws {
        let rig = try Rig()
        _ = try rig.run("dispatch", Self.list, "--strategy", "modulo", "--live")
        #expect(try rig.moves("dispatch", "--rebalance", "--live").count == 3)
        #expect(try rig.counts() == [2, 2, 2, 2, 2])
        let second = try rig.run("dispatch", "--rebalance", "--live")
        #expect(second.code == 0, "\(second.talk)")
        #expect(second.talk.contains("10 stay; nothing to change"))
        #expect(second.output.isEmpty)
    }

    @Test func maxMovesBoundsARebalance() throws {
        let rig = try Rig()
        _ = try rig.run("dispatch", Self.list, "--strategy", "modulo", "--live")
        #expect(try rig.moves("dispatch", "--rebalance", "--max-moves", "1").count == 1)
    }

    // MARK: Plans

    @Test func aPlanShowsWhatItWouldDoAndChangesNothing() throws {
        let rig = try Rig()
        _ = try rig.run("dispatch", "BTCUSDT,ETHUSDT,LTCUSDT", "--strategy", "modulo", "--timeframes", "1m", "--live")
        let before = try rig.dump()
        let plan = try rig.run("dispatch", "SOLUSDT,ETHUSDT", "--strategy", "modulo", "--timeframes", "1m,5m")
        #expect(plan.code == 0, "\(plan.talk)")
        // ETHUSDT: crc32 519679068 mod 5 = 3; SOLUSDT: 2254852400 mod 5 = 0.
        #expect(
            plan.output == """
                tradingv3-ws-worker-1:8088  0 → 1
                  + SOLUSDT  new  (1m 5m)
                tradingv3-ws-worker-4:8088  2 → 2
                  ~ ETHUSDT  timeframes 1m 5m, was 1m

                """)
        #expect(
            plan.talk.contains(
                "1 new, 1 changed in place, 2 stay (2 not named); a plan, nothing was changed: add --live"))
        #expect(try rig.dump() == before)
        let clear = try rig.run("assignment", "--clear")
        #expect(clear.code == 0 && clear.talk.contains("a plan, nothing was changed"), "\(clear.talk)")
        #expect(try rig.dump() == before)
    }

    @Test func aPlanNamesTheVersionThatMakesItSafe() throws {
        let rig = try Rig()
        let plan = try rig.run("dispatch", "BTCUSDT")
        let hint = try #require(
            plan.talk.split(separator: " ").first { $0.contains("-") && $0.count > 16 && !$0.hasPrefix("--") })
        #expect(try rig.version() == String(hint))
        #expect(try rig.run("dispatch", "BTCUSDT", "--live", "--if-match", String(hint)).code == 3)
        #expect(try rig.owners().count == 1)
    }

    @Test func aChangeInBetweenIsAConflict() throws {
        let rig = try Rig()
        let seen = try rig.version()
        _ = try rig.run("dispatch", "BTCUSDT", "--live")
        let before = try rig.dump()
        for words in [
            ["dispatch", "ETHUSDT", "--live"], ["assignment", "--clear", "--live"],
            ["workers", "drain", Self.names[0]],
        ] {
            let result = try rig.run(words + ["--if-match", seen])
            #expect(result.code == 4, "\(words): \(result.talk)")
            #expect(result.talk.contains("the assignments changed"))
        }
        #expect(try rig.dump() == before)
    }

    @Test func tooLittleRoomIsAConflictThatNamesWhatFoundNone() throws {
        let rig = try Rig(workers: [Self.names[0]])
        let before = try rig.dump()
        let result = try rig.run(
            "dispatch", "BTCUSDT,ETHUSDT,LTCUSDT", "--strategy", "least", "--capacity", "2", "--live")
        #expect(result.code == 4, "\(result.talk)")
        #expect(result.output.contains("no place\n  ! LTCUSDT  no worker has room\n"))
        #expect(result.talk.contains("raise the capacity or add a worker"))
        #expect(try rig.dump() == before)
    }

    @Test func aPinHoldsUntilItIsTakenBack() throws {
        let rig = try Rig()
        _ = try rig.run("dispatch", "BTCUSDT", "--worker", Self.names[4], "--live")
        #expect(try rig.moves("dispatch", "BTCUSDT", "--strategy", "modulo").isEmpty)
        let taken = try rig.moves("dispatch", "BTCUSDT", "--strategy", "modulo", "--unpin")
        #expect(taken.first?["to"] as? String == Self.names[2])
    }

    @Test func aPlanThatChangesNothingIsNotOfferedForExecution() throws {
        let rig = try Rig(workers: ["a:1"])
        _ = try rig.run("dispatch", "BTCUSDT,ETHUSDT", "--live")
        _ = try rig.run("workers", "drain", "a:1")
        let result = try rig.run("dispatch", "--rebalance")
        #expect(result.talk.contains("nothing can be changed: add a worker, or activate one"), "\(result.talk)")
        #expect(!result.talk.contains("--live"), "\(result.talk)")
    }

    // MARK: Files

    /// As the predecessor writes it; the symbols in order, as ours come out.
    private static let file = """
        symbol,worker,assigned_at
        BTCUSDT,tradingv3-ws-worker-3:8088,2025-09-01 10:20:30
        ETHUSDT,tradingv3-ws-worker-4:8088,2025-09-01 10:20:30
        SOLUSDT,tradingv3-ws-worker-1:8088,2025-09-01 10:20:31

        """

    private static func places(_ text: String) -> [String] {
        text.split(separator: "\n").map { $0.split(separator: ",").prefix(2).joined(separator: ",") }
    }

    @Test func thePredecessorsFileComesInAndGoesOutAgain() throws {
        let rig = try Rig()
        let path = rig.folder.file("hot_assignment.csv")
        try Self.file.write(toFile: path, atomically: true, encoding: .utf8)
        _ = try rig.run("dispatch", "XRPUSDT", "--live")
        let plan = try rig.run("assignment", "--import", path)
        #expect(plan.code == 0, "\(plan.talk)")
        #expect(try rig.owners().count == 1)
        #expect(try rig.run("assignment", "--import", path, "--live").code == 3)
        let exported = try rig.run("assignment", "--export", "-").output
        // The times are Redis': when it was assigned here.
        #expect(Self.places(exported) == Self.places(Self.file))
        // What went out comes in without a change, and out again byte by byte.
        let copy = rig.folder.file("copy.csv")
        #expect(try rig.run("assignment", "--export", copy).code == 0)
        let again = try rig.run("assignment", "--import", copy, "--live")
        #expect(again.code == 0 && again.talk.contains("nothing to change"), "\(again.talk)")
        #expect(try rig.run("assignment", "--export", "-").output == exported)
        #expect(try String(contentsOfFile: copy, encoding: .utf8) == exported)
    }

    @Test func keepLeavesTheOthersWhereTheyAre() throws {
        let rig = try Rig()
        let path = rig.folder.file("hot_assignment.csv")
        try Self.file.write(toFile: path, atomically: true, encoding: .utf8)
        _ = try rig.run("dispatch", "XRPUSDT", "--live")
        _ = try rig.run("assignment", "--import", path, "--keep", "--live")
        #expect(try rig.owners().keys.sorted() == ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"])
    }

    @Test func badRowsAreNamedWithTheirLines() throws {
        let rig = try Rig()
        let path = rig.folder.file("bad.csv")
        try "symbol,worker\nBTCUSDT\nBTC USDT,w\n".write(toFile: path, atomically: true, encoding: .utf8)
        let result = try rig.run("assignment", "--import", path, "--live")
        #expect(result.code == 1)
        #expect(result.talk.contains("line 2: symbol and worker expected (got 1 column)"))
        #expect(result.talk.contains("line 3: symbol must be"))
        #expect(try rig.owners().isEmpty)
    }

    @Test(
        arguments: [
            ("", "holds no row of symbol,worker"), ("symbol,worker,assigned_at\n", "holds no row of symbol,worker"),
            ("BTCUSDT;w-1\n", "line 1: symbol and worker expected (got 1 column); put commas between them"),
        ] as [(String, String)])
    func aFileOfNoUseIsNamedWithTheReason(_ text: String, _ sentence: String) throws {
        let rig = try Rig(workers: ["a:1"])
        let path = rig.folder.file("some.csv")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let result = try rig.run("assignment", "--import", path, "--live")
        #expect(result.code == 1)
        #expect(result.talk.contains("some.csv: ") && result.talk.contains(sentence), "\(result.talk)")
    }

    @Test func aListOfSymbolsIsTheFirstColumnOfAFile() throws {
        let rig = try Rig()
        let path = rig.folder.file("contracts.csv")
        let rows = Self.contracts.map { "\($0),something else\n" }.joined()
        try ("symbol,name\n" + rows).write(toFile: path, atomically: true, encoding: .utf8)
        _ = try rig.run("dispatch", path, "--strategy", "modulo", "--live")
        #expect(try rig.counts() == [1, 1, 5, 2, 1])
    }

    // MARK: Workers

    @Test func aWorkerIsDrainedEmptiedAndRemoved() throws {
        let rig = try Rig(workers: ["a:1", "b:1"])
        _ = try rig.run("dispatch", "BTCUSDT,ETHUSDT", "--worker", "a:1", "--live")
        let early = try rig.run("workers", "remove", "a:1")
        #expect(early.code == 4 && early.talk.contains("worker a:1 has 2 symbols"), "\(early.talk)")
        let drain = try rig.run("workers", "drain", "a:1")
        #expect(drain.code == 0)
        #expect(drain.talk.contains("a:1 is draining; `klinecast dispatch --rebalance` moves its 2 symbols"))
        let plan = try rig.run("dispatch", "--rebalance")
        #expect(plan.output.contains("- BTCUSDT  to b:1, its worker is draining"))
        _ = try rig.run("dispatch", "--rebalance", "--live")
        #expect(try rig.counts() == [0, 2])
        #expect(try rig.run("workers", "remove", "a:1").code == 0)
        let left = try #require(try rig.json("workers")["workers"] as? [[String: Any]])
        #expect(left.map { $0["name"] as? String } == ["b:1"])
        let abandoned = try rig.run("workers", "remove", "b:1", "--abandon")
        #expect(abandoned.code == 0 && abandoned.talk.contains("2 symbols wait for a rebalance"), "\(abandoned.talk)")
    }

    @Test func aWorkerIsListedWithWhatIsKnownOfIt() throws {
        let rig = try Rig(workers: [])
        #expect(try rig.run("workers", "add", "ws-1", "10.0.0.7:8089", "-c", "200", "--weight", "3").code == 0)
        let worker = try #require((try rig.json("workers")["workers"] as? [[String: Any]])?.first)
        #expect(worker["name"] as? String == "ws-1" && worker["address"] as? String == "10.0.0.7:8089")
        #expect(worker["capacity"] as? Int == 200 && worker["weight"] as? Int == 3)
        #expect(worker["state"] as? String == "active" && worker["lease_seconds"] is NSNull)
        #expect(try rig.run("workers").output.contains("ws-1    10.0.0.7:8089  active        0       200       3"))
        let moved = try rig.run("workers", "add", "ws-1", "10.0.0.9:8089")
        #expect(moved.talk.contains("ws-1 is registered at 10.0.0.9:8089, no longer at 10.0.0.7:8089"))
        #expect(try rig.run("workers", "add", "ws-1", "10.0.0.9:8089").talk.contains("10.0.0.9:8089, as before"))
    }

    @Test func historyTellsWhoDidWhat() throws {
        let rig = try Rig(workers: ["a:1"])
        _ = try rig.run("dispatch", "BTCUSDT", "--live")
        let result = try rig.run("assignment", "--history", "--json")
        let entries = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
        #expect(entries.map { $0["action"] as? String } == ["dispatch", "register"])
        #expect((entries[0]["author"] as? String)?.hasPrefix("cli ") == true)
        #expect((entries[0]["steps"] as? [[String: Any]])?.first?["to"] as? String == "a:1")
        #expect(try rig.run("assignment", "--history").output.contains("BTCUSDT nobody → a:1"))
    }

    // MARK: The predecessor's names

    @Test func thePredecessorsCommandLinesWork() throws {
        let rig = try Rig()
        _ = try rig.run("ws:dispatch", Self.list, "-s", "least", "-c", "2", "-t", "1m,5m", "-l")
        #expect(try rig.counts() == [2, 2, 2, 2, 2])
        _ = try rig.run("ws:dispatch", "BTCUSDT", "-w", Self.names[1], "-l")
        #expect(try rig.owners()["BTCUSDT"] == Self.names[1])
        #expect(try rig.run("ws:dispatch", Self.list, "-r").code == 0)
        let statistics = try rig.run("ws:assignment", "--stats")
        #expect(statistics.code == 0 && statistics.output.contains(Self.names[4]))
        #expect(try rig.run("ws:assignment", "--worker", Self.names[1]).output.contains("BTCUSDT"))
        // It did nothing there; here it shows what --live would do.
        #expect(try rig.run("ws:assignment", "--clear", "--live").code == 3)
        #expect(try rig.owners().isEmpty)
    }

    @Test func anAliasHasItsHelpAndNoPlaceInTheOverview() throws {
        let help = try Program.run("ws:dispatch", "--help")
        #expect(help.code == 0 && help.output.contains("Also called: klinecast ws:dispatch"))
        #expect(help.output.contains("-s, --strategy NAME"))
        #expect(!(try Program.run("help")).output.contains("ws:"))
    }

    // MARK: What is refused

    @Test(
        arguments: [
            (["dispatch"], "name the symbols"), (["dispatch", "BTC USDT?"], "symbols: must be 1…32"),
            (["dispatch", "BTC/USDT"], "BTC/USDT: no such file, and no symbol; did you mean btcusdt?"),
            (["dispatch", "BTCUSDT", "--strategy", "leest"], "did you mean least?"),
            (["dispatch", "BTCUSDT", "--stratgy", "least"], "did you mean --strategy?"),
            (["dispatch", "BTCUSDT", "--strategy", "worker"], "--strategy worker needs the worker's name"),
            (["dispatch", "BTCUSDT", "--capacity", "0"], "--capacity: must be 1…100000 (got 0)"),
            (["dispatch", "BTCUSDT", "--timeframes", "1m,2m"], "2m is no timeframe"),
            (["dispatch", "BTCUSDT", "--max-moves", "1"], "--max-moves has a meaning with --rebalance alone"),
            (["dispatch", "--rebalance", "--worker", "a"], "--worker has no meaning with --rebalance"),
            (["dispatch", "BTCUSDT", "--if-match", "7"], "--if-match: must be a version"),
            (["assignment", "--list", "--stats"], "give one of --list and --stats"),
            (["assignment", "--stats", "--live"], "--live has a meaning with --import and --clear alone"),
            (["workers", "drian", "a"], "drian: did you mean drain?"),
            (["workers", "add", "a"], "must be host:port, like 127.0.0.1:8089"),
            (["workers", "add", "a", "b:1", "--weight", "0"], "--weight: must be 1…100 (got 0)"),
            (["workers", "drain"], "drain takes one worker's name"),
        ] as [([String], String)])
    func whatMakesNoSenseIsAUsageError(_ words: [String], _ sentence: String) throws {
        let result = try Program(words).result()
        #expect(result.code == 2)
        #expect(result.talk.contains(sentence), "\(result.talk)")
    }

    @Test func anUnknownWorkerGetsASuggestion() throws {
        let rig = try Rig(workers: ["ws-1:80", "ws-2:80"])
        for words in [
            ["dispatch", "BTCUSDT", "--worker", "ws-l:80"], ["workers", "drain", "ws-1:8"],
            ["assignment", "--worker", "sw-1:80"],
        ] {
            let result = try rig.run(words)
            #expect(result.code == 1)
            #expect(result.talk.contains("did you mean ws-"), "\(result.talk)")
        }
    }

    @Test func withoutAWorkerTheRemedyIsNamed() throws {
        let result = try Rig(workers: []).run("dispatch", "BTCUSDT")
        #expect(result.code == 4, "no room, as the page on assignment says")
        #expect(result.talk.contains("`klinecast workers add NAME HOST:PORT` registers one"))
    }

    @Test func aRedisThatIsNotThereIsNamed() throws {
        let result = try Program.run("assignment", environment: ["REDIS_URL": "redis://127.0.0.1:\(freePort())"])
        #expect(result.code == 1)
        #expect(result.talk.contains("is Redis running there?"), "\(result.talk)")
    }

    @Test func whoMayNotIsTold() throws {
        let redis = try RedisServer {
            $0.password = "right"
            $0.users = ["reader on >secret ~roottrading:* +ping +role +info +client|setname +select +get"]
        }
        let open = try RedisServer()
        for (url, remedy) in [
            ("redis://127.0.0.1:\(redis.port)", "set REDIS_PASSWORD"),
            ("redis://:wrong@127.0.0.1:\(redis.port)", "check REDIS_USERNAME and REDIS_PASSWORD"),
            ("redis://:wrong@127.0.0.1:\(open.port)", "check REDIS_USERNAME and REDIS_PASSWORD"),
            ("redis://reader:secret@127.0.0.1:\(redis.port)", "docs/contracts/assignment.md has the rights"),
        ] {
            let result = try Program.run("assignment", environment: ["REDIS_URL": url])
            #expect(result.code == 5 && result.talk.contains(remedy), "\(url): \(result.talk)")
        }
    }

    @Test(arguments: [["assignment"], ["tail", "btcusdt", "1m"]])
    func aDatabaseThatRedisDoesNotHaveIsARemediedError(_ words: [String]) throws {
        let redis = try RedisServer()
        let result = try Program(words, ["REDIS_URL": "redis://127.0.0.1:\(redis.port)/99"]).result()
        #expect(result.code == 1)
        #expect(result.talk.contains("DB index is out of range; give a database that the server has"), "\(result.talk)")
    }
}
