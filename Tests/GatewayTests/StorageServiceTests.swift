import Assignment
import Gateway
import MarketData
import TestRigs
import Testing

/// What operators do, through the service, on a real Redis.
@Suite(.timeLimit(.minutes(2))) struct StorageServiceTests {
    private let rig: StorageRig
    private let service: AssignmentService

    init() throws {
        rig = try StorageRig()
        service = try rig.service()
    }

    @Test func aPlanChangesNothing() throws {
        try service.registerWorkers(3)
        let before = try rig.dump()
        let outcome = try #require(try service.dispatch(["btcusdt", "ethusdt"], .planOnly))
        #expect(outcome.plan.moves.count == 2 && !outcome.isStored && outcome.after.tag == outcome.before.tag)
        _ = try service.rebalance(Rebalance(), .planOnly)
        _ = try service.remove(nil, .planOnly)
        _ = try service.register(worker("ws-9"), address: "a:1", capacity: nil, weight: 1, .planOnly)
        _ = try service.removeWorker(worker("ws-1"), abandons: true, .planOnly)
        #expect(try rig.dump() == before)
    }

    @Test func whatChangesNothingIsNotStored() throws {
        try service.registerWorkers(3)
        try service.dispatch(["btcusdt"])
        let before = try rig.dump()
        #expect(try service.dispatch(["btcusdt"])?.isStored == false)
        guard case .done(let outcome) = try service.rebalance(Rebalance(), .live()) else { throw Failed() }
        #expect(!outcome.isStored)
        _ = try service.setState(.active, of: worker("ws-1"), .live())
        _ = try service.register(worker("ws-1"), address: "127.0.0.1:8001", capacity: nil, weight: 1, .live())
        _ = try service.remove([symbol("xrpusdt")], .live())
        #expect(try rig.dump() == before)
    }

    @Test func whatFindsNoPlaceIsListedAndNothingIsStored() throws {
        try service.registerWorkers(2)
        let before = try rig.dump()
        let request = Dispatch(
            ["a", "b", "c", "d", "e"].map(symbol), by: .least, timeframes: [.oneMinute], capacity: 2)
        for terms in [AssignmentService.Terms.live(), .planOnly] {
            let error = #expect(throws: AssignmentError.self) { try service.dispatch(request, terms) }
            guard case .noCapacity(let plan) = error else { throw Failed() }
            #expect(plan.unplaced.map(\.symbol.name) == ["e"])
            #expect(
                error?.description
                    == "1 symbol found no place (E); nothing was changed; raise the capacity or add a worker")
        }
        #expect(try rig.dump() == before)
    }

    @Test func aConditionThatHoldsNoLongerIsToldWithBothTags() throws {
        try service.registerWorkers(3)
        let old = try service.storage.read().tag
        let now = try #require(try service.dispatch(["btcusdt"], .live(if: old))).after.tag
        let error = #expect(throws: AssignmentError.self) { try service.dispatch(["ethusdt"], .live(if: old)) }
        guard case .storage(.conflict(old, now)) = error else { throw Failed() }
        #expect(try service.storage.read().tag == now)
        #expect(throws: AssignmentError.self) {
            try service.dispatch(["ethusdt"], .init(isLive: false, condition: old, author: "t"))
        }
    }

    @Test func withoutAConditionAChangeIsPlannedAnewAfterSomebodyElses() throws {
        try service.registerWorkers(3)
        let meddler = Meddler(try rig.storage(), with: try rig.service(), times: 5)
        #expect(try AssignmentService(storage: meddler).dispatch(["btcusdt"])?.isStored == true)
        #expect(try service.storage.read().state.placements.count == 6)

        let endless = Meddler(try rig.storage(), with: try rig.service(), times: 1_000)
        let error = #expect(throws: AssignmentError.self) {
            try AssignmentService(storage: endless).dispatch(["ethusdt"])
        }
        guard case .storage(.conflict) = error else { throw Failed() }
        #expect(try service.storage.read().worker(of: "ethusdt") == nil)
    }

    @Test func importReplacesAllAndKeepsWhatItDoesNotTell() throws {
        try service.registerWorkers(3)
        try service.dispatch(["btcusdt", "ethusdt"], by: .worker(worker("ws-1")))
        let before = try service.storage.read()
        let file = AssignmentFile("symbol,worker,assigned_at\nBTCUSDT,ws-1,\nSOLUSDT,ws-2,2020-01-01 00:00:00\n")
        guard
            case .done(let plan) = try service.importRows(file, timeframes: [.oneHour], keepsOthers: false, .planOnly),
            case .done(let outcome) = try service.importRows(file, timeframes: [.oneHour], keepsOthers: false, .live())
        else { throw Failed() }
        #expect(plan.removed == [symbol("ethusdt")] && outcome.removed == plan.removed)
        for plan in [plan.plan, outcome.plan] {
            #expect(plan.before.map(\.symbols) == [2, 0, 0] && plan.before.map(\.weight) == [2, 0, 0])
            #expect(plan.after.map(\.symbols) == [1, 1, 0])
        }
        let after = try service.storage.read()
        #expect(after.state.placements[symbol("btcusdt")] == before.state.placements[symbol("btcusdt")])
        #expect(after.worker(of: "solusdt") == "ws-2" && after.worker(of: "ethusdt") == nil)
        #expect(after.state.placements[symbol("solusdt")]?.timeframes == [.oneHour])
        #expect(after.state.placements[symbol("solusdt")]!.assignedAt > 1_700_000_000_000)

        _ = try service.importRows(
            AssignmentFile("ETHUSDT,ws-3"), timeframes: [.oneHour], keepsOthers: true, .live())
        #expect(try service.storage.read().state.placements.count == 3)
        guard
            case .done(let same) = try service.importRows(
                AssignmentFile(AssignmentFile.text(of: try service.storage.read().state)), timeframes: [.oneDay],
                keepsOthers: false, .live())
        else { throw Failed() }
        #expect(!same.isStored, "an export that comes back changes nothing")
    }

    @Test(arguments: ["BTCUSDT,ws-9", "BTC USDT,ws-1", "", "BTCUSDT,ws-3", "BTCUSDT,ws-2\nETHUSDT,ws-2"])
    func aBadFileChangesNothing(_ text: String) throws {
        try service.registerWorkers(3)
        _ = try service.setState(.draining, of: worker("ws-3"), .live())
        _ = try service.register(worker("ws-2"), address: "127.0.0.1:8002", capacity: 1, weight: 1, .live())
        let before = try rig.dump()
        let error = #expect(throws: AssignmentError.self) {
            try service.importRows(AssignmentFile(text), timeframes: [.oneMinute], keepsOthers: false, .live())
        }
        #expect(error?.description.isEmpty == false)
        #expect(try rig.dump() == before)
    }

    @Test func aWorkerWithSymbolsIsRemovedOnlyWhenTheyAreAbandoned() throws {
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt", "ethusdt"], by: .worker(worker("ws-1")))
        let error = #expect(throws: AssignmentError.self) {
            try service.removeWorker(worker("ws-1"), abandons: false, .live())
        }
        guard case .workerHasSymbols(worker("ws-1"), count: 2) = error else { throw Failed() }
        _ = try service.removeWorker(worker("ws-1"), abandons: true, .live())
        guard case .done(let outcome) = try service.rebalance(Rebalance(), .live()) else { throw Failed() }
        #expect(outcome.plan.moves.map(\.reason) == [.workerUnknown, .workerUnknown])
        #expect(outcome.after.worker(of: "btcusdt") == "ws-2")
        for change in [
            { _ = try service.removeWorker(worker("ws-1"), abandons: true, .live()) },
            { _ = try service.setState(.draining, of: worker("ws-1"), .live()) },
            { try service.dispatch(["btcusdt"], by: .worker(worker("ws-1"))) },
        ] {
            let error = #expect(throws: AssignmentError.self) { try change() }
            guard case .unknownWorker(worker("ws-1"), known: [worker("ws-2")]) = error else { throw Failed() }
        }
    }

    @Test func aWorkerThatRegistersAgainKeepsItsRankAndIsActive() throws {
        try service.registerWorkers(2)
        _ = try service.setState(.draining, of: worker("ws-1"), .live())
        let stored = try service.register(worker("ws-1"), address: "10.0.0.9:1", capacity: 5, weight: 2, .live()).after
        #expect(
            stored.state.registered.first
                == Worker(name: worker("ws-1"), address: "10.0.0.9:1", capacity: 5, weight: 2, order: 0))
        #expect(
            try service.storage.history(limit: 1).first?.workers == [
                "ws-1 draining → active, address 127.0.0.1:8001 → 10.0.0.9:1, capacity unlimited → 5, weight 1 → 2"
            ])
    }

    @Test func aRepeatedRequestIsAnsweredAsBeforeAndNotCarriedOutAgain() throws {
        try service.registerWorkers(3)
        let tag = try service.storage.read().tag
        let terms = AssignmentService.Terms.live(if: tag, key: "order 66/ü")
        let request = Dispatch([symbol("btcusdt")], by: .least, timeframes: [.oneMinute])
        guard case .done(let outcome) = try service.dispatch(request, terms) else { throw Failed() }
        #expect(outcome.after.tag.version == 4)
        _ = try service.remove(nil, .live())
        let before = try rig.dump()
        // Its condition holds no longer, yet the answer is that of then; from another process as well.
        guard case .repeated(let answer) = try rig.service().dispatch(request, terms) else { throw Failed() }
        #expect(String(decoding: answer, as: UTF8.self) == "4 1")
        #expect(try rig.dump() == before)
        let life = try rig.server.command("TTL", "{klinecast}:assignments:keys:order 66/ü")
        #expect((86_000...86_400).contains(try #require(Int(life))))

        let error = #expect(throws: AssignmentError.self) {
            try service.dispatch(request, .live(key: "order 66/ü", print: "another body"))
        }
        guard case .storage(.keyReused("order 66/ü")) = error else { throw Failed() }
        #expect(try rig.dump() == before)
    }

    @Test func aKeyIsKeptAlsoWhenNothingHadToChange() throws {
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-1")))
        let terms = AssignmentService.Terms.live(key: "k")
        let request = Dispatch([symbol("btcusdt")], by: .worker(worker("ws-1")), timeframes: [.oneMinute])
        guard case .done(let outcome) = try service.dispatch(request, terms) else { throw Failed() }
        #expect(!outcome.isStored && outcome.after.tag.version == 3)
        // Carried out now, it would take the symbol back.
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-2")))
        let before = try rig.dump()
        guard case .repeated(let answer) = try rig.service().dispatch(request, terms) else { throw Failed() }
        #expect(String(decoding: answer, as: UTF8.self) == "3 0")
        #expect(try rig.dump() == before)
        let error = #expect(throws: AssignmentError.self) { try service.dispatch(request, .live(key: "k", print: "g")) }
        guard case .storage(.keyReused("k")) = error else { throw Failed() }
    }

    @Test func anAnswerIsKeptForTheStateThatItWasMadeFrom() throws {
        try service.registerWorkers(1)
        let old = try service.storage.read().tag
        let new = try #require(try service.dispatch(["btcusdt"])).after.tag
        let key = RequestKey(text: "k", fingerprint: "f", answer: [65])
        #expect(throws: StorageError.conflict(expected: old, current: new)) { try service.storage.keep(key, at: old) }
        #expect(try service.storage.answer(to: key) == nil)
        #expect(try service.storage.keep(key, at: new) == nil)
        // Somebody else with the same request had found no answer yet.
        let other = RequestKey(text: "k", fingerprint: "f", answer: [66])
        #expect(try rig.storage().keep(other, at: old) == [65])
    }

    @Test func aLongAnswerIsKeptInShort() throws {
        try service.registerWorkers(1)
        var terms = AssignmentService.Terms.live(key: "k")
        terms.answer = { _ in
            Array(
                #"{"ok":true,"plan":{"moves":["\#(String(repeating: "x", count: 70_000))"]},"message":"é \"2\""}"#.utf8)
        }
        let request = Dispatch(["btcusdt", "ethusdt"].map(symbol), by: .least, timeframes: [.oneMinute])
        guard case .done(let outcome) = try service.dispatch(request, terms) else { throw Failed() }
        guard case .repeated(let answer) = try service.dispatch(request, terms) else { throw Failed() }
        #expect(
            String(decoding: answer, as: UTF8.self)
                == #"{"ok":true,"message":"é \"2\"","live":true,"stored":true,"shortened":true,"#
                + #""tag":"\#(outcome.after.tag)","plan":{"moves_count":2,"updates_count":0,"removed_count":0,"#
                + #""unplaced_count":0,"stays_count":0}}"#)
        #expect(Int(try rig.server.command("STRLEN", "{klinecast}:assignments:keys:k"))! < 65_536)
    }

    @Test func whatIsLongerThanAnAnswerMayBeIsRefused() throws {
        try service.registerWorkers(1)
        let tag = try service.storage.read().tag
        let answers = [65_536, 65_537].map { Array(repeating: UInt8(ascii: "x"), count: $0) }
        #expect(try service.storage.keep(RequestKey(text: "a", fingerprint: "f", answer: answers[0]), at: tag) == nil)
        let error = #expect(throws: StorageError.self) {
            try service.storage.keep(RequestKey(text: "b", fingerprint: "f", answer: answers[1]), at: tag)
        }
        #expect(error?.description.contains("65536 bytes (got 65537)") == true)
        #expect(try rig.server.command("EXISTS", "{klinecast}:assignments:keys:b") == "0")
    }

    @Test func ofConcurrentRequestsWithOneKeyOneIsCarriedOut() throws {
        try service.registerWorkers(3)
        let base = try service.storage.read()
        var next = base.state
        next.setState(.draining, of: worker("ws-1"))
        func change(_ print: String, _ answer: String) -> Change {
            Change(
                from: base, to: next, .drain, by: "t",
                key: RequestKey(text: "k", fingerprint: print, answer: Array(answer.utf8)))
        }
        // Both had looked for an earlier answer before either was stored.
        guard case .stored = try service.storage.commit(change("f", "first")),
            case .repeated(let answer) = try rig.storage().commit(change("f", "second"))
        else { throw Failed() }
        #expect(String(decoding: answer, as: UTF8.self) == "first")
        #expect(throws: StorageError.keyReused("k")) { try rig.storage().commit(change("g", "third")) }
        #expect(try service.storage.history(limit: 1).first?.version == base.tag.version + 1)
    }

    @Test func aRefusedRequestLeavesItsKeyFree() throws {
        let request = Dispatch([symbol("btcusdt")], by: .least, timeframes: [.oneMinute])
        #expect(throws: AssignmentError.self) { try service.dispatch(request, .live(key: "k")) }
        try service.registerWorkers(1)
        guard case .done(let outcome) = try service.dispatch(request, .live(key: "k")) else { throw Failed() }
        #expect(outcome.isStored)
    }

    @Test(arguments: ["", String(repeating: "k", count: 129)])
    func aKeyHasALength(_ key: String) throws {
        try service.registerWorkers(3)
        let before = try rig.dump()
        let error = #expect(throws: AssignmentError.self) { try service.dispatch(["btcusdt"], .live(key: key)) }
        #expect(error?.description.contains("1…128 bytes (got \(key.count))") == true)
        #expect(try rig.dump() == before)
    }

    @Test func tenThousandSymbolsAreStoredAtOnce() throws {
        try service.registerWorkers(10)
        let names = (0..<10_000).map { "s\($0)usdt" }
        let outcome = try #require(try service.dispatch(names, by: .hash))
        let read = try rig.storage().read()
        #expect(read.state == outcome.after.state && read.state.placements.count == 10_000)
        #expect(try service.storage.history(limit: 1).first?.steps.count == 10_000)
        _ = try service.remove(nil, .live())
        #expect(try rig.storage().read().state.placements.isEmpty)
        #expect(try rig.server.command("EXISTS", "{klinecast}:assignments") == "0")
    }
}

/// A storage where somebody else is always faster, a number of times.
private final class Meddler: AssignmentStorage {
    private let storage: any AssignmentStorage
    private let other: AssignmentService
    private var times: Int

    init(_ storage: any AssignmentStorage, with other: AssignmentService, times: Int) {
        self.storage = storage
        self.other = other
        self.times = times
    }

    func commit(_ change: Change) throws(StorageError) -> Committed {
        if times > 0 {
            times -= 1
            do { try other.dispatch(["other\(times)"]) } catch { throw .refused("\(error)") }
        }
        return try storage.commit(change)
    }

    func keep(_ key: RequestKey, at tag: StateTag) throws(StorageError) -> [UInt8]? {
        try storage.keep(key, at: tag)
    }
    func read() throws(StorageError) -> StoredState { try storage.read() }
    func answer(to key: RequestKey) throws(StorageError) -> [UInt8]? { try storage.answer(to: key) }
    func history(limit: Int) throws(StorageError) -> [HistoryEntry] { try storage.history(limit: limit) }
    func acquire(_ lease: LeaseName, token: String, for duration: Duration) throws(StorageError) -> Bool {
        try storage.acquire(lease, token: token, for: duration)
    }
    func release(_ lease: LeaseName, token: String) throws(StorageError) { try storage.release(lease, token: token) }
    func leases(of workers: [WorkerName]) throws(StorageError) -> [WorkerName: Duration] {
        try storage.leases(of: workers)
    }
    func progress() throws(StorageError) -> Progress? { try storage.progress() }
    func post(_ progress: Progress) throws(StorageError) { try storage.post(progress) }
}
