import Assignment
import Foundation
import Gateway
import TestRigs
import Testing

/// Workers that are killed, frozen and cut off: their symbols, and only theirs, get another worker.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ControlFaultTests {
    private static let symbols = (1...9).map { "s\($0)usdt" }

    /// Three workers with three symbols each, all settled.
    private func settled(_ rig: ControlRig, plain: Bool = false) throws -> (
        Controller, [String: WorkerDoubleRig], StoredState
    ) {
        let workers = try rig.workers(3, plain: plain)
        let controller = try rig.control()
        try rig.dispatch(Self.symbols)
        try rig.waitUntilSettled(controller)
        let before = try rig.stored()
        #expect(before.symbolsByWorker.values.map(\.count).sorted() == [3, 3, 3])
        return (controller, workers, before)
    }

    /// Waits until nothing is the worker's any more, and looks at what moved.
    private func expectReplaced(
        _ name: String, _ rig: ControlRig, _ before: StoredState, since: ContinuousClock.Instant
    ) throws {
        let storage = try rig.storage()
        let after = try eventually("symbols of \(name) have other workers", within: ControlRig.patience) {
            let state = try storage.read()
            return state.symbolsByWorker[name] == nil ? state : nil
        }
        let took = ContinuousClock.now - since
        print("re-owned after \(took), lease \(ControlRig.terms.duration)")
        #expect(after.state(of: name) == .gone)
        let lost = before.symbolsByWorker[name] ?? []
        for symbol in Self.symbols {
            let (old, new) = (
                before.state.placements[GatewayTests.symbol(symbol)]!,
                after.state.placements[GatewayTests.symbol(symbol)]!
            )
            if lost.contains(symbol) {
                #expect(new.epoch > old.epoch)
            } else {
                #expect(new == old, "\(symbol) stays where it was")
            }
        }
        #expect(took < ControlRig.patience)
    }

    @Test(arguments: [false, true]) func symbolsOfAKilledWorkerMoveAndNoOthers(plain: Bool) throws {
        let rig = try ControlRig()
        let (controller, workers, before) = try settled(rig, plain: plain)
        let killed = ContinuousClock.now
        workers["ws-2"]!.kill()
        try expectReplaced("ws-2", rig, before, since: killed)
        try rig.waitUntilSettled(controller)
        let status = controller.status
        #expect(status.counts.workersGone == 1 && status.counts.symbolsReplaced == 3)
        #expect(try rig.storage().history(limit: 10).map(\.action).prefix(2) == [.rebalance, .gone])
    }

    @Test(arguments: [false, true]) func symbolsOfWorkersThatDieTogetherStayWhereTheyAreUntilOneIsBack(plain: Bool)
        throws
    {
        let rig = try ControlRig()
        let (controller, workers, before) = try settled(rig, plain: plain)
        for worker in workers.values { worker.kill() }
        let storage = try rig.storage()
        try eventually("all are gone", within: ControlRig.patience) {
            try storage.read().state.workers.values.allSatisfy { $0.state == .gone }
        }
        try eventually("nobody is left to wait for", within: ControlRig.patience) {
            controller.status.counts.workersGone == 3
        }
        #expect(try storage.read().state.placements == before.state.placements)
        #expect(try !storage.history(limit: 10).map(\.action).contains(.rebalance))
    }

    @Test func aFrozenWorkerServesNothingWhenItGoesOn() throws {
        let rig = try ControlRig()
        let (controller, workers, before) = try settled(rig)
        let worker = workers["ws-2"]!
        let served = worker.lines.count
        let frozen = ContinuousClock.now
        worker.freeze()
        try expectReplaced("ws-2", rig, before, since: frozen)
        #expect(worker.lines(beginning: "stopped").isEmpty)
        worker.thaw()
        try eventually("it stops by its own clock", within: ControlRig.patience) {
            !worker.lines(beginning: "stopped").isEmpty
        }
        // An answer that it was just writing may come first: it was given before it froze.
        let first = worker.lines.dropFirst(served).first { !$0.text.hasPrefix("GET") || $0.text.hasPrefix("stopped") }
        #expect(first?.text.hasPrefix("stopped") == true, "before it takes anything: \(first?.text ?? "")")
        try eventually("it is back", within: ControlRig.patience) { try rig.stored().state(of: "ws-2") == .active }
        try rig.waitUntilSettled(controller)
        #expect(try rig.stored().symbolsByWorker["ws-2"] == nil, "what moved stays until somebody asks")
    }

    @Test func aFrozenPlainWorkerIsToldToLetGoWhenItGoesOn() throws {
        let rig = try ControlRig()
        let (controller, workers, before) = try settled(rig, plain: true)
        let worker = workers["ws-2"]!
        worker.freeze()
        try expectReplaced("ws-2", rig, before, since: .now)
        worker.thaw()
        try eventually("it lets go", within: ControlRig.patience) {
            worker.lines(beginning: "POST /unsubscribe 200").count == 3
        }
        try rig.waitUntilSettled(controller)
        #expect(try rig.stored().state(of: "ws-2") == .active)
    }

    /// It keeps no lease that would end, so it serves on: whoever has its symbols by then is not alone until it is told.
    @Test(arguments: [LinkFault.refuses, .swallows])
    func aPlainWorkerThatWasCutOffLetsGoExactlyWhatItHad(fault: LinkFault) throws {
        let rig = try ControlRig()
        let double = try WorkerDoubleRig(["--name", "ws-1"])
        let others = try (2...3).map { try WorkerDoubleRig(["--name", "ws-\($0)"]) }
        let link = try TCPProxy(to: double.port)
        defer { link.end() }
        try rig.register("ws-1", at: link.port)
        for (number, other) in others.enumerated() { try rig.register("ws-\(number + 2)", at: other.port) }
        let controller = try rig.control()
        try rig.dispatch(Self.symbols)
        try rig.waitUntilSettled(controller)
        let before = try rig.stored()
        let cut = ContinuousClock.now
        switch fault {
        case .refuses: link.shut()
        case .swallows: link.freeze()
        }
        try expectReplaced("ws-1", rig, before, since: cut)
        #expect(double.lines(beginning: "POST /unsubscribe").isEmpty, "nobody could tell it")
        switch fault {
        case .refuses: try link.reopen()
        case .swallows: link.thaw()
        }
        try eventually("it lets go", within: ControlRig.patience) {
            double.lines(beginning: "POST /unsubscribe 200").count == 3
        }
        try rig.waitUntilSettled(controller)
        let had = try #require(before.symbolsByWorker["ws-1"])
        #expect(
            Set(double.lines(beginning: "POST /unsubscribe").map(\.text))
                == Set(had.map { #"POST /unsubscribe 200 {"symbol":"\#($0.uppercased())","tfs":["1m","1h"]}"# }))
        #expect(others.allSatisfy { $0.lines(beginning: "POST /unsubscribe").isEmpty })
        #expect(try rig.stored().state(of: "ws-1") == .active && rig.stored().symbolsByWorker["ws-1"] == nil)
        #expect(controller.status.workers.first?.symbols == 0)
    }

    /// What a link that is cut does with connections.
    enum LinkFault { case refuses, swallows }

    @Test(arguments: [true, false]) func aWorkerWithoutRedisStopsBeforeItsSymbolsMove(canBeAsked: Bool) throws {
        let rig = try ControlRig()
        let redis = try TCPProxy(to: rig.server.port)
        let worker = try rig.worker("ws-1", redisPort: redis.port)
        let http = try TCPProxy(to: worker.port)
        defer {
            redis.end()
            http.end()
        }
        try rig.register("ws-1", at: http.port)
        let other = try rig.worker("ws-2")
        try rig.register("ws-2", at: other.port)
        let controller = try rig.control()
        try rig.dispatch(Self.symbols)
        try rig.waitUntilSettled(controller)
        let before = try rig.stored()
        let cut = ContinuousClock.now
        redis.shut()
        if !canBeAsked { http.shut() }
        try expectReplaced("ws-1", rig, before, since: cut)
        let replaced = moment()
        let stopped = try #require(worker.lines(beginning: "stopped").last)
        #expect(stopped.moment < replaced)
        let granted = try #require(UInt64(stopped.text.dropFirst("stopped granted=".count)))
        let lease = UInt64(ControlRig.terms.duration / .nanoseconds(1))
        #expect(stopped.moment < granted + lease, "its own clock ends before the storage's")
        try redis.reopen()
        if !canBeAsked { try http.reopen() }
        try eventually("it is back", within: ControlRig.patience) { try rig.stored().state(of: "ws-1") == .active }
        try rig.waitUntilSettled(controller)
    }

    @Test func aRestartOfRedisMovesNothing() throws {
        let rig = try ControlRig()
        let (controller, workers, before) = try settled(rig)
        try rig.server.restart()
        try rig.dispatch(["laterusdt"])
        try rig.waitUntilSettled(controller)
        let after = try rig.stored()
        for (symbol, placement) in before.state.placements { #expect(after.state.placements[symbol] == placement) }
        #expect(after.state.workers.count == workers.count)
        #expect(after.state.workers.values.allSatisfy { $0.state == .active })
        #expect(try rig.storage().history(limit: 100).allSatisfy { $0.action != .gone && $0.action != .recovery })
    }

    /// Redis comes back as it was before the last dispatch, as a replica does that had not heard of it.
    @Test func afterLostWritesTheStoredOwnerHasTheHighestEpoch() throws {
        let rig = try ControlRig()
        let workers = try rig.workers(2)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try rig.waitUntilSettled(controller)
        let copy = try TemporaryFolder("lost-writes")
        let files = FileManager.default
        rig.server.freeze()
        for name in try files.contentsOfDirectory(atPath: rig.server.folder.path) {
            try files.copyItem(atPath: rig.server.folder.file(name), toPath: copy.file(name))
        }
        rig.server.thaw()
        try rig.dispatch(["btcusdt"], to: "ws-2")
        try rig.waitUntilSettled(controller)
        let lost = try #require(try rig.stored().epoch(of: "btcusdt"))
        rig.server.kill()
        try rig.server.forgetData()
        for name in try files.contentsOfDirectory(atPath: copy.path) {
            try files.copyItem(atPath: copy.file(name), toPath: rig.server.folder.file(name))
        }
        try rig.server.start()
        let after = try eventually("the epoch is raised", within: ControlRig.patience) {
            let state = try rig.stored()
            return (state.epoch(of: "btcusdt") ?? 0) > lost ? state : nil
        }
        #expect(after.worker(of: "btcusdt") == "ws-1")
        try rig.waitUntilSettled(controller)
        #expect(try rig.storage().history(limit: 20).contains { $0.action == .recovery })
        let epoch = try #require(after.epoch(of: "btcusdt"))
        #expect(
            try #require(workers["ws-1"]!.lines(beginning: "POST /subscribe 200").last).text.contains(
                "\"epoch\":\(epoch)}"))
        #expect(!workers["ws-2"]!.lines(beginning: "POST /unsubscribe 200").isEmpty)
        let epochs = workers.values.map { double in
            Set(double.lines(beginning: "POST /subscribe 200").map { $0.text.split(separator: ":").last })
        }
        #expect(epochs[0].isDisjoint(with: epochs[1]), "no epoch ever had two owners")
    }
}
