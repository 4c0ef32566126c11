import Assignment
import Foundation
import Gateway
import MarketData
import Redis
import TestRigs
import Testing

/// A change that Redis refuses anywhere is refused as a whole.
@Suite(.timeLimit(.minutes(2))) struct StorageFaultTests {
    /// What one right less does: everything, or nothing at all.
    @Test(arguments: [
        "-hset", "-hdel", "-set", "-get", "-xadd", "-publish", "resetchannels", "-hmget", "-time", "-info", "-type",
        "-memory", "-hlen", "resetkeys %RW~{klinecast}:assignments* %R~{klinecast}:workers",
        "resetkeys %RW~{klinecast}:assignments %RW~{klinecast}:assignments:meta %RW~{klinecast}:workers "
            + "%RW~{klinecast}:assignments:version %R~{klinecast}:assignments:history",
    ])
    func nothingIsStoredWhereOneRightIsMissing(_ rule: String) throws {
        let rig = try StorageRig { $0.users = ["clerk on >secret ~* &* +@all"] }
        let service = try rig.service()
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt", "ethusdt"], by: .worker(worker("ws-1")))
        let clerk = try rig.storage(user: "clerk", password: "secret")
        let base = try clerk.read()
        var next = base.state
        next.remove([symbol("ethusdt")])
        next.register(worker("ws-3"), address: "127.0.0.1:8003")
        next.removeWorker(worker("ws-2"))
        try next.apply(
            try next.plan(Dispatch([symbol("adausdt")], by: .least, timeframes: [.oneMinute])), at: 0)
        let answer = try rig.server.command(
            ["ACL", "SETUSER", "clerk"] + rule.split(separator: " ").map(String.init))
        guard answer == "OK" else {
            // A right to read a key alone is known from 7.0 on.
            let server = try rig.server.command("INFO", "server")
            #expect(rule.contains("%") && server.contains("redis_version:6."), "\(answer)")
            return
        }
        let before = try rig.dump()
        let key = RequestKey(text: "k", fingerprint: "f", answer: [])
        let error = #expect(throws: StorageError.self) {
            try clerk.commit(Change(from: base, to: next, .dispatch, by: "clerk", key: key))
        }
        #expect(try rig.dump() == before)
        guard case .refused(let sentence) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(sentence.contains("nothing was changed"))

        try rig.server.command("ACL", "SETUSER", "clerk", "allkeys", "allchannels", "+@all")
        guard case .stored = try clerk.commit(Change(from: base, to: next, .dispatch, by: "clerk", key: key)) else {
            throw Failed()
        }
        #expect(try rig.service().storage.read().state.workers.count == 2)
    }

    @Test func theRightsThatAreDocumentedSuffice() throws {
        let page = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = try String(contentsOfFile: "/\(page)/docs/contracts/assignment.md", encoding: .utf8)
        let rule = try #require(text.split(separator: "\n").first { $0.hasPrefix("user gateway on ") }).dropFirst(5)
        let rig = try StorageRig { $0.users = [String(rule)] }
        var limits = RedisAssignments.HistoryLimits()
        limits.bytes = 1
        let storage = try rig.storage(user: "gateway", password: "secret", history: limits)
        let service = AssignmentService(storage: storage)
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt", "ethusdt"], .live(key: "k"))
        _ = try service.remove([symbol("btcusdt")], .live())
        _ = try service.removeWorker(worker("ws-2"), abandons: true, .live())
        #expect(try storage.history(limit: 1).map(\.version) == [5])
        #expect(try storage.acquire(.controller, token: "a", for: .seconds(9)))
        #expect(try storage.leases(of: [worker("ws-1")]).isEmpty)
        try storage.post(Progress(tag: try storage.read().tag, pending: []))
        #expect(try storage.progress()?.pending == [])
        try storage.release(.controller, token: "a")
    }

    @Test func nothingIsStoredWithoutMemory() throws {
        let rig = try StorageRig()
        let service = try rig.service()
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt", "ethusdt"])
        try rig.server.command("CONFIG", "SET", "maxmemory", "1")
        let before = try rig.dump()
        let error = #expect(throws: AssignmentError.self) { try service.dispatch(["adausdt"]) }
        #expect(error?.description.contains("maxmemory") == true)
        #expect(throws: AssignmentError.self) { try service.remove(nil, .live()) }
        #expect(try rig.dump() == before)
        #expect(try service.storage.read().state.placements.count == 2, "reading goes on")
        try rig.server.command("CONFIG", "SET", "maxmemory", "0")
        #expect(try service.dispatch(["adausdt"])?.isStored == true)
    }

    @Test func nothingIsStoredOnAReplica() throws {
        let rig = try StorageRig()
        let service = try rig.service()
        try service.registerWorkers(2)
        let (before, silent) = (try rig.dump(), freePort())
        // It keeps its data while its master does not answer.
        try rig.server.command("REPLICAOF", "127.0.0.1", "\(silent)")
        #expect(throws: AssignmentError.self) { try service.dispatch(["btcusdt"]) }
        try rig.server.command("REPLICAOF", "NO", "ONE")
        #expect(try rig.dump() == before)
        #expect(try service.dispatch(["btcusdt"])?.isStored == true)
    }

    @Test(arguments: [
        ("{klinecast}:assignments", "string"), ("{klinecast}:assignments:version", "list"),
        ("{klinecast}:assignments:meta", "string"), ("{klinecast}:workers", "string"),
    ])
    func aKeyOfAnotherTypeIsNamedAndLeftAlone(_ key: String, _ kind: String) throws {
        let rig = try StorageRig()
        try rig.server.command(kind == "list" ? "RPUSH" : "SET", key, "theirs")
        let error = #expect(throws: StorageError.self) { try rig.storage().read() }
        #expect(error?.description.hasPrefix("Redis key \(key) is a \(kind), not a ") == true)
        #expect(try rig.server.command("DBSIZE") == "1")
    }

    @Test(arguments: ["history", "keys:k"])
    func aChangeFindsAKeyOfAnotherType(_ name: String) throws {
        let rig = try StorageRig()
        let service = try rig.service()
        let key = "{klinecast}:assignments:" + name
        try service.registerWorkers(1)
        try rig.server.command("DEL", key)
        try rig.server.command("SADD", key, "theirs")
        let base = try service.storage.read()
        let change = Change(
            from: base, to: base.state, .clear, by: "t", key: RequestKey(text: "k", fingerprint: "f", answer: []))
        let error = #expect(throws: StorageError.self) { try service.storage.commit(change) }
        #expect(error?.description.contains(key) == true)
        #expect(try service.storage.read().tag == base.tag)
    }

    @Test(arguments: [
        "", "null", "[]", "{", #"{"worker":"ws-1"}"#, #"{"worker":"ws-1","timeframes":["1m"],"epoch":1}x"#,
        #"{"worker":"","timeframes":["1m"],"epoch":1}"#, #"{"worker":"ws-1","timeframes":["7m"],"epoch":1}"#,
        #"{"worker":"ws-1","timeframes":["1m"],"epoch":-1}"#, #"{"worker":"ws-1","timeframes":["1m"],"epoch":1.5}"#,
        #"{"worker":"ws-1","timeframes":["1m"],"epoch":9007199254740992}"#,
        #"{"worker":"ws-1","timeframes":["1m"],"epoch":99999999999999999999}"#,
        #"{"worker":"ws-1","timeframes":"1m","epoch":1}"#, #"{"worker":"ws-1","timeframes":["1m"],"epoch":1,}"#,
        #"{"worker":"ws-1","timeframes":["1m"],"epoch":1,"x":"# + String(repeating: "[", count: 32) + "}",
        #"{"worker":"ws-1","timeframes":["1m"],"epoch":01}"#,
        #"{"worker":"ws-1","timeframes":["1m"],"epoch":1,"x":1.}"#,
        #"{"worker":"ws\ud800","timeframes":["1m"],"epoch":1}"#,
        "{\"worker\":\"ws\u{1}\",\"timeframes\":[\"1m\"],\"epoch\":1}",
    ])
    func aDamagedPlacementIsNamed(_ json: String) throws {
        let rig = try StorageRig()
        try rig.service().registerWorkers(1)
        try rig.server.command("HSET", "{klinecast}:assignments", "btcusdt", json)
        let error = #expect(throws: StorageError.self) { try rig.storage().read() }
        guard case .damaged(let sentence) = error else { throw Failed() }
        #expect(sentence.hasPrefix("Redis key {klinecast}:assignments, field btcusdt: "))
    }

    @Test(arguments: ["BTCUSDT", "btc usdt", ""])
    func aFieldThatIsNoSymbolIsNamed(_ field: String) throws {
        let rig = try StorageRig()
        try rig.service().registerWorkers(1)
        try rig.server.command(
            "HSET", "{klinecast}:assignments", field, #"{"worker":"ws-1","timeframes":["1m"],"epoch":1}"#)
        let error = #expect(throws: StorageError.self) { try rig.storage().read() }
        #expect(error?.description.contains("field \(field): ") == true)
    }

    @Test(arguments: [
        "{}", #"{"address":"a:1","order":-1}"#, #"{"address":"a:1","order":2147483649}"#,
        #"{"address":"a:1","order":9223372036854775806}"#, #"{"address":"a:1","order":0,"weight":101}"#,
        #"{"address":"a:1","order":0,"state":"asleep"}"#, #"{"address":"a:1","order":0,"capacity":"many"}"#,
    ])
    func aDamagedWorkerIsNamed(_ json: String) throws {
        let rig = try StorageRig()
        try rig.server.command("HSET", "{klinecast}:workers", "ws-1", json)
        let error = #expect(throws: StorageError.self) { try rig.storage().read() }
        #expect(error?.description.hasPrefix("Redis key {klinecast}:workers, field ws-1: ") == true)
    }

    @Test func aRankThatCouldNotBeReadBackIsNotStored() throws {
        let rig = try StorageRig()
        let service = try rig.service()
        try service.registerWorkers(1)
        try rig.server.command("HSET", "{klinecast}:workers", "ws-1", #"{"address":"a:1","order":2147483648}"#)
        let fresh = try rig.service()
        let tag = try fresh.storage.read().tag
        let error = #expect(throws: AssignmentError.self) {
            try fresh.register(worker("ws-2"), address: "a:2", capacity: nil, weight: 1, .live())
        }
        #expect(error?.description.contains("rank 2147483649") == true)
        #expect(try rig.storage().read().tag == tag)
    }

    @Test func whatOthersAddToAPlacementIsPassedOver() throws {
        let rig = try StorageRig()
        try rig.service().registerWorkers(1)
        try rig.server.command(
            "HSET", "{klinecast}:assignments", "btcusdt",
            #" { "note" : {"a":[1,-2.5e3,null,true,"\u00fc\"\\"]} , "epoch" : 7, "timeframes":[ "1h" , "1m" ],"worker":"ws\u002d1" } "#
        )
        let placement = try #require(try rig.storage().read().state.placements[symbol("btcusdt")])
        #expect(placement.worker == worker("ws-1") && placement.epoch.number == 7 && !placement.isPinned)
        #expect(placement.timeframes == [.oneMinute, .oneHour])
    }

    @Test func aHistoryOfOthersIsNamed() throws {
        let rig = try StorageRig()
        try rig.server.command("XADD", "{klinecast}:assignments:history", "5-1", "what", "ever")
        let error = #expect(throws: StorageError.self) { try rig.storage().history(limit: 5) }
        #expect(error?.description.contains("{klinecast}:assignments:history, entry 5-1") == true)
    }

    @Test func aServerThatDoesNotAnswerIsSaidToBeUnavailable() throws {
        let rig = try StorageRig()
        let service = try rig.service()
        try service.registerWorkers(1)
        rig.server.kill()
        let impatient = RedisAssignments(
            .init(endpoint: .tcp(host: "127.0.0.1", port: rig.server.port)), patience: .milliseconds(200))
        let error = #expect(throws: StorageError.self) { try impatient.read() }
        guard case .unavailable(let sentence) = error else { throw Failed() }
        #expect(sentence.contains("127.0.0.1:\(rig.server.port)"))
    }
}
