import Assignment
import Gateway
import MarketData
import Redis
import TestRigs
import Testing

/// What every user of the storage relies on, against a real Redis.
@Suite(.timeLimit(.minutes(2))) struct StoragePromiseTests {
    @Test func whatIsStoredIsReadBySomebodyElse() throws {
        let rig = try StorageRig()
        let service = AssignmentService(storage: try rig.storage())
        _ = try service.register(worker("ws-1"), address: "10.0.0.1:8088", capacity: 20, weight: 3, .live())
        _ = try service.register(worker("[::1]:8088"), address: "[::1]:8088", capacity: nil, weight: 1, .live())
        let request = Dispatch(
            [symbol("btcusdt")], by: .worker(worker("ws-1")), timeframes: [.oneMonth, .oneMinute])
        guard case .done(let outcome) = try service.dispatch(request, .live()) else { throw Failed() }
        #expect(outcome.isStored && outcome.plan.moves.count == 1)

        let other = try rig.storage().read()
        #expect(other.tag == outcome.after.tag && other.state == outcome.after.state)
        let placement = try #require(other.state.placements[symbol("btcusdt")])
        #expect(placement.worker == worker("ws-1") && placement.isPinned)
        #expect(placement.timeframes == [.oneMinute, .oneMonth])
        #expect(placement.assignedAt > 1_700_000_000_000, "by the server's clock")
        #expect(other.state.registered.map(\.capacity) == [20, nil])
    }

    @Test func redisHoldsWhatTheContractSays() throws {
        let rig = try StorageRig()
        let service = AssignmentService(storage: try rig.storage())
        try service.registerWorkers(1)
        try service.dispatch(["btcusdt"])
        let stored = try service.storage.read()
        let epoch = try #require(stored.epoch(of: "btcusdt"))
        let at = try #require(stored.state.placements[symbol("btcusdt")]?.assignedAt)
        #expect(
            try rig.server.command("HGET", "{klinecast}:assignments", "btcusdt")
                == #"{"worker":"ws-1","timeframes":["1m"],"epoch":\#(epoch),"pinned":false,"assigned_at":\#(at)}"#)
        #expect(
            try rig.server.command("HGET", "{klinecast}:workers", "ws-1")
                == #"{"address":"127.0.0.1:8001","capacity":null,"weight":1,"state":"active","order":0}"#)
        #expect(try rig.server.command("GET", "{klinecast}:assignments:version") == "2")
        #expect(
            try rig.server.command("HGET", "{klinecast}:assignments:meta", "incarnation") == stored.tag.incarnation)
    }

    @Test func ofTwoWritersOnTheSameStateOneIsTold() throws {
        let rig = try StorageRig()
        let (first, second) = (try rig.storage(), try rig.storage())
        try AssignmentService(storage: first).registerWorkers(2)
        let (base, same) = (try first.read(), try second.read())
        #expect(base.tag == same.tag)
        var next = base.state
        next.setState(.draining, of: worker("ws-1"))
        guard case .stored(let stored) = try first.commit(Change(from: base, to: next, .drain, by: "a")) else {
            throw Failed()
        }
        #expect(throws: StorageError.conflict(expected: base.tag, current: stored.tag)) {
            try second.commit(Change(from: same, to: next, .drain, by: "b"))
        }
        #expect(try second.read().tag == stored.tag)
        #expect(try second.history(limit: 10).map(\.author) == ["a", "test", "test"])
    }

    @Test func onlyAChangeOfTheWorkerChangesTheTime() throws {
        let rig = try StorageRig()
        let service = AssignmentService(storage: try rig.storage())
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt", "ethusdt"], by: .worker(worker("ws-1")))
        let before = try service.storage.read()
        try eventually("the server's clock goes on") {
            try rig.server.command("TIME").split(separator: "\n").map(String.init) != []
                && Int64(try rig.server.command("TIME").prefix(10))! * 1000 > before.state.placements.values.map(
                    \.assignedAt
                ).max()!
        }
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-2")))
        let pinned = Dispatch([symbol("ethusdt")], by: .least, timeframes: [.oneHour])
        _ = try service.dispatch(pinned, .live())
        let after = try rig.storage().read()
        let (old, new) = (before.state.placements, after.state.placements)
        #expect(new[symbol("btcusdt")]!.assignedAt > old[symbol("btcusdt")]!.assignedAt)
        #expect(new[symbol("btcusdt")]!.epoch.number == old[symbol("btcusdt")]!.epoch.number + 1)
        #expect(new[symbol("ethusdt")]!.assignedAt == old[symbol("ethusdt")]!.assignedAt)
        #expect(new[symbol("ethusdt")]!.timeframes == [.oneHour])
        #expect(try service.storage.read().state == after.state, "what a writer remembers is what is stored")
    }

    @Test func aLeaseHasOneHolderAndEndsByTheServersClock() throws {
        let rig = try StorageRig()
        let (first, second) = (try rig.storage(), try rig.storage())
        let lease = LeaseName.worker(worker("ws-1"))
        #expect(try first.acquire(lease, token: "a", for: .seconds(60)))
        #expect(try first.acquire(lease, token: "a", for: .milliseconds(200)), "a renewal")
        #expect(try second.acquire(lease, token: "b", for: .seconds(60)) == false)
        try second.release(lease, token: "b")
        #expect(try second.leases(of: [worker("ws-1"), worker("ws-2")]).keys.sorted() == [worker("ws-1")])
        try eventually("the lease runs out") { try second.acquire(lease, token: "b", for: .seconds(60)) }
        #expect(try first.acquire(lease, token: "a", for: .seconds(60)) == false)
        try second.release(lease, token: "b")
        #expect(try first.leases(of: [worker("ws-1")]) == [:])
        #expect(try first.acquire(.controller, token: "a", for: .seconds(60)))
        #expect(try rig.server.command("GET", "{klinecast}:controller:lease") == "a")
    }

    @Test func progressIsReadAsItWasPosted() throws {
        let rig = try StorageRig()
        let storage = try rig.storage()
        #expect(try storage.progress() == nil)
        let pending = [
            Reconciler.Pending(
                symbol: symbol("btcusdt"), worker: worker("ws-1"), verb: .subscribe, attempts: 3,
                error: "said \"no\"\n\u{1}ü"),
            Reconciler.Pending(
                symbol: symbol("ethusdt"), worker: worker("ws-2"), verb: .unsubscribe, attempts: 0, error: nil),
        ]
        let tag = StateTag(incarnation: "0123456789abcdef", version: 7)
        #expect(try storage.acquire(.controller, token: "a", for: .seconds(600)))
        try storage.post(Progress(tag: tag, pending: pending))
        let read = try #require(try rig.storage().progress())
        #expect(read.tag == tag && read.pending == pending && read.at > 1_700_000_000_000)
    }

    @Test func onlyTheHolderOfTheControllersLeaseSaysWhatIsPending() throws {
        let rig = try StorageRig()
        let (old, new, nobody) = (try rig.storage(), try rig.storage(), try rig.storage())
        func progress(_ version: Int64) -> Progress {
            Progress(tag: StateTag(incarnation: "0123456789abcdef", version: version), pending: [])
        }
        try nobody.post(progress(1))
        #expect(try nobody.progress() == nil)
        #expect(try old.acquire(.controller, token: "old", for: .seconds(600)))
        try old.post(progress(2))
        // Its lease runs out while it is stopped; it has no word of that when it posts.
        try rig.server.command("DEL", "{klinecast}:controller:lease")
        #expect(try new.acquire(.controller, token: "new", for: .seconds(600)))
        try new.post(progress(3))
        try old.post(progress(4))
        #expect(try nobody.progress()?.tag.version == 3)
        #expect(try old.acquire(.controller, token: "old", for: .seconds(600)) == false)
        try old.post(progress(5))
        try new.release(.controller, token: "new")
        try new.post(progress(6))
        #expect(try nobody.progress()?.tag.version == 3)
    }

    @Test func aChangeIsPublishedOnce() throws {
        let rig = try StorageRig()
        let service = AssignmentService(storage: try rig.storage())
        let listener = try rig.listener()
        try service.registerWorkers(1)
        let tag = try service.storage.read().tag
        let message = try #require(try listener.nextMessage(within: .seconds(10)))
        #expect(
            String(decoding: message.payload, as: UTF8.self)
                == #"{"version":1,"incarnation":"\#(tag.incarnation)","action":"register","author":"test"}"#)
        #expect(try listener.nextMessage(within: .milliseconds(100)) == nil)
    }

    @Test func historyTellsWhatHappenedTheNewestFirst() throws {
        let rig = try StorageRig()
        let service = AssignmentService(storage: try rig.storage())
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt", "adausdt"], by: .worker(worker("ws-1")), .live("cli \"anna\"@desk"))
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-2")))
        _ = try service.setState(.draining, of: worker("ws-1"), .live())
        _ = try service.remove(nil, .live())
        _ = try service.removeWorker(worker("ws-2"), abandons: false, .live())
        let history = try rig.storage().history(limit: 6)
        #expect(history.map(\.version) == [7, 6, 5, 4, 3, 2])
        #expect(history.map(\.action) == [.remove, .clear, .drain, .dispatch, .dispatch, .register])
        #expect(history[0].workers == ["ws-2 removed"])
        #expect(
            history[1].steps == [
                .init(symbol: "adausdt", from: "ws-1", to: nil), .init(symbol: "btcusdt", from: "ws-2", to: nil),
            ])
        #expect(history[2].workers == ["ws-1 active → draining"] && history[2].steps.isEmpty)
        #expect(history[3].steps == [.init(symbol: "btcusdt", from: "ws-1", to: "ws-2")])
        #expect(
            history[4].steps == [
                .init(symbol: "adausdt", from: nil, to: "ws-1"), .init(symbol: "btcusdt", from: nil, to: "ws-1"),
            ])
        #expect(history[4].author == "cli \"anna\"@desk")
        #expect(history[5].workers == ["ws-2 registered at 127.0.0.1:8002"])
    }

    @Test func historyKeepsAboutAThousandEntries() throws {
        let rig = try StorageRig()
        let storage = try rig.storage()
        var state = try storage.read()
        for _ in 0..<1_250 {
            guard case .stored(let next) = try storage.commit(Change(from: state, to: state.state, .recovery, by: "t"))
            else { throw Failed() }
            state = next
        }
        // XADD MAXLEN ~ removes whole nodes, of 100 entries at most.
        #expect((1_000..<1_100).contains(Int(try rig.server.command("XLEN", "{klinecast}:assignments:history"))!))
        let history = try storage.history(limit: 5_000)
        #expect(history.count == 1_000)
        #expect(history.map(\.version) == (251...1_250).reversed())
    }

    @Test func longEntriesShortenTheHistory() throws {
        let rig = try StorageRig()
        var limits = RedisAssignments.HistoryLimits()
        limits.bytes = 1 << 20
        let storage = try rig.storage(history: limits)
        var state = try storage.read()
        let author = String(repeating: "a", count: 50_000)
        for _ in 0..<100 {
            guard
                case .stored(let next) = try storage.commit(Change(from: state, to: state.state, .recovery, by: author))
            else { throw Failed() }
            state = next
        }
        // 1 MiB holds 20 such entries, and half stay when there are more.
        #expect((10...22).contains(try storage.history(limit: 100).count))
        #expect(try storage.history(limit: 1).map(\.version) == [100])
    }

    /// Redis guesses a stream's memory from its oldest entries, unless it is told to look at all.
    @Test func longEntriesAfterShortOnesShortenTheHistoryToo() throws {
        let rig = try StorageRig()
        var limits = RedisAssignments.HistoryLimits()
        limits.bytes = 1 << 20
        let storage = try rig.storage(history: limits)
        var state = try storage.read()
        for length in Array(repeating: 1, count: 300) + Array(repeating: 50_000, count: 60) {
            let author = String(repeating: "a", count: length)
            guard
                case .stored(let next) = try storage.commit(Change(from: state, to: state.state, .recovery, by: author))
            else { throw Failed() }
            state = next
            let used = try rig.server.command("MEMORY", "USAGE", "{klinecast}:assignments:history", "SAMPLES", "0")
            // The newest comes on top.
            #expect(Int(used)! < limits.bytes + 80_000)
        }
        #expect(try storage.history(limit: 1).map(\.version) == [360])
    }

    @Test func aHistoryOfLongEntriesIsReadInSmallerParts() throws {
        let rig = try StorageRig()
        let storage = try rig.storage()
        var state = try storage.read()
        for number in 1...12 {
            let author = String(repeating: "a", count: number * 15_000)
            guard
                case .stored(let next) = try storage.commit(Change(from: state, to: state.state, .recovery, by: author))
            else { throw Failed() }
            state = next
        }
        var settings = RedisSettings(endpoint: .tcp(host: "127.0.0.1", port: rig.server.port))
        settings.replyLimit = 250_000
        let small = RedisAssignments(settings, patience: .seconds(20))
        #expect(try small.history(limit: 100).map(\.author.count) == (1...12).reversed().map { $0 * 15_000 })
        settings.replyLimit = 100_000
        let error = #expect(throws: StorageError.self) {
            try RedisAssignments(settings, patience: .seconds(20)).history(limit: 100)
        }
        #expect(error?.description.contains("more than 100000 bytes") == true)
    }
}

struct Failed: Error {}
