import Assignment
import Curl
import Foundation
import Gateway
import MarketData
import TestRigs
import Testing

/// What workers are told, in which order, and what happens when they do not do it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ControlMoveTests {
    /// Answered without error, in the order of their moments.
    private func requests(_ double: WorkerDoubleRig, _ prefix: String) -> [WorkerDoubleRig.Line] {
        double.lines(beginning: prefix)
    }

    @Test(arguments: [false, true]) func theOldWorkerIsToldOnlyAfterTheNewOneReports(plain: Bool) throws {
        let rig = try ControlRig()
        let old = plain ? try WorkerDoubleRig(["--name", "ws-1"]) : try rig.worker("ws-1")
        // It answers a second before it has subscribed.
        let late = ["--late", "1000"]
        let new = plain ? try WorkerDoubleRig(["--name", "ws-2"] + late) : try rig.worker("ws-2", late)
        try rig.register("ws-1", at: old.port)
        try rig.register("ws-2", at: new.port)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try rig.waitUntilSettled(controller)
        try rig.dispatch(["btcusdt"], to: "ws-2")
        try rig.waitUntilSettled(controller)
        let subscribed = try #require(requests(new, "POST /subscribe 200").first)
        let released = try #require(requests(old, "POST /unsubscribe 200").first)
        #expect(released.moment >= subscribed.moment + 1_000_000_000, "the answer alone is not enough")
        let asked = requests(new, "GET /status 200").filter {
            $0.moment >= subscribed.moment + 1_000_000_000 && $0.moment < released.moment
        }
        #expect(!asked.isEmpty, "it reported in between")
        #expect(requests(new, "POST /subscribe").count == 1, "a worker that takes its time is not told twice")
        let epoch = plain ? "" : ",\"epoch\":\(try #require(try rig.stored().epoch(of: "btcusdt")))"
        #expect(subscribed.text == "POST /subscribe 200 {\"symbol\":\"BTCUSDT\",\"tfs\":[\"1m\",\"1h\"]\(epoch)}")
        #expect(released.text == "POST /unsubscribe 200 {\"symbol\":\"BTCUSDT\",\"tfs\":[\"1m\",\"1h\"]\(epoch)}")
    }

    @Test func aWorkerThatFailsIsToldAgainLaterEachTimeAndReported() throws {
        let rig = try ControlRig()
        let worker = try rig.worker("ws-1", ["--fail", "3"])
        try rig.register("ws-1", at: worker.port)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"])
        let storage = try rig.storage()
        let told = try eventually("what is pending is told", within: ControlRig.patience) {
            try storage.progress().flatMap { $0.pending.isEmpty ? nil : $0 }
        }
        #expect(told.tag == (try storage.read().tag))
        #expect(told.pending.first?.worker == GatewayTests.worker("ws-1"))
        #expect(told.pending.first?.symbol == symbol("btcusdt") && told.pending.first?.verb == .subscribe)
        #expect(told.pending.first?.error == "answered 500: Told to fail")
        try rig.waitUntilSettled(controller)
        try eventually("nothing is pending any more", within: ControlRig.patience) {
            try storage.progress()?.pending.isEmpty ?? false
        }
        let moments = requests(worker, "POST /subscribe").map(\.moment)
        try #require(moments.count == 4)
        // Half of what doubles from half a second.
        for (number, least) in [250, 500, 1_000].enumerated() {
            #expect(moments[number + 1] >= moments[number] + UInt64(least) * 1_000_000)
        }
        #expect(controller.status.counts.commandsFailed == 3)
    }

    @Test(arguments: [false, true]) func anUnsubscribeThatFailsIsToldAndTriedUntilItIsDone(plain: Bool) throws {
        let rig = try ControlRig()
        let fails = ["--fail-unsubscribe", "3"]
        let old = plain ? try WorkerDoubleRig(["--name", "ws-1"] + fails) : try rig.worker("ws-1", fails)
        let new = plain ? try WorkerDoubleRig(["--name", "ws-2"]) : try rig.worker("ws-2")
        try rig.register("ws-1", at: old.port)
        try rig.register("ws-2", at: new.port)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try rig.waitUntilSettled(controller)
        try rig.dispatch(["btcusdt"], to: "ws-2")
        let storage = try rig.storage()
        let told = try eventually("what is pending is told", within: ControlRig.patience) {
            try storage.progress().flatMap { $0.pending.first?.error == nil ? nil : $0 }
        }
        #expect(told.tag == (try storage.read().tag) && told.pending.count == 1)
        let pending = try #require(told.pending.first)
        #expect(pending.verb == .unsubscribe && pending.worker == GatewayTests.worker("ws-1"))
        #expect(pending.symbol == symbol("btcusdt") && pending.attempts >= 1)
        #expect(pending.error == "answered 500: Told to fail")
        try eventually("it is counted", within: ControlRig.patience) { controller.status.pending.first?.attempts == 3 }
        #expect(!controller.status.isSettled)
        try rig.waitUntilSettled(controller)
        try eventually("nothing is pending any more", within: ControlRig.patience) {
            try storage.progress()?.pending.isEmpty ?? false
        }
        let tried = requests(old, "POST /unsubscribe")
        #expect(tried.map { $0.text.contains(" 200 ") } == [false, false, false, true])
        // Half of what doubles from half a second.
        for (number, least) in [250, 500, 1_000].enumerated() where tried.count == 4 {
            #expect(tried[number + 1].moment >= tried[number].moment + UInt64(least) * 1_000_000)
        }
        #expect(requests(new, "POST /unsubscribe").isEmpty)
    }

    /// It keeps its lease, so that it is not gone, and nobody can tell it.
    @Test func anUnsubscribeThatCannotBeToldIsPendingUntilTheWorkerAnswers() throws {
        let rig = try ControlRig()
        let old = try rig.worker("ws-1")
        let new = try rig.worker("ws-2")
        let link = try TCPProxy(to: old.port)
        defer { link.end() }
        try rig.register("ws-1", at: link.port)
        try rig.register("ws-2", at: new.port)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try rig.waitUntilSettled(controller)
        link.shut()
        try rig.dispatch(["btcusdt"], to: "ws-2")
        let storage = try rig.storage()
        func isPending() throws -> Bool {
            let progress = try storage.progress()
            return try progress?.tag == storage.read().tag && progress?.pending.map(\.verb) == [.unsubscribe]
                && progress?.pending[0].worker == GatewayTests.worker("ws-1") && progress?.pending[0].error != nil
        }
        try eventually("it is pending", within: ControlRig.patience, isPending)
        // Longer than a lease, by what is said again and again.
        let end = ContinuousClock.now + rig.terms.duration * 2
        try eventually("two leases' time goes by", within: ControlRig.patience) {
            let isStill = try isPending()
            try #require(isStill)
            return .now > end
        }
        #expect(try storage.read().state(of: "ws-1") == .active)
        #expect(requests(old, "POST /unsubscribe").isEmpty)
        try link.reopen()
        try eventually("it is told", within: ControlRig.patience) { !requests(old, "POST /unsubscribe 200").isEmpty }
        try rig.waitUntilSettled(controller)
    }

    @Test func aSlowWorkerIsSilentAndHoldsNobodyUp() throws {
        let rig = try ControlRig()
        let slow = try WorkerDoubleRig(["--name", "ws-1", "--slow", "3000"])
        try rig.register("ws-1", at: slow.port)
        let other = try rig.worker("ws-2")
        try rig.register("ws-2", at: other.port)
        let controller = try rig.control { $0.calls = CallLimits(deadline: .seconds(1)) }
        try rig.dispatch(["ethusdt"], to: "ws-2")
        try eventually("the other is told", within: ControlRig.patience) {
            !requests(other, "POST /subscribe 200").isEmpty
        }
        try eventually("the slow one is silent", within: ControlRig.patience) {
            let view = controller.status.workers.first { $0.name == GatewayTests.worker("ws-1") }
            return view?.error == "127.0.0.1:\(slow.port): no answer within 1.0 seconds"
        }
        try eventually("and gone", within: ControlRig.patience) { try rig.stored().state(of: "ws-1") == .gone }
        #expect(controller.status.holdsLease && controller.status.counts.tenures == 1)
    }

    @Test func workersOfTheSettingsAreRegisteredOnce() throws {
        let rig = try ControlRig()
        let worker = try WorkerDoubleRig(["--name", "any"])
        let address = "127.0.0.1:\(worker.port)"
        try rig.control { $0.workers = [address] }
        let storage = try rig.storage()
        try eventually("it is registered", within: ControlRig.patience) {
            try storage.read().state(of: address) == .active
        }
        let entry = try #require(try storage.history(limit: 10).first)
        #expect(entry.action == .register && entry.author == "controller gateway-1")
        try eventually("readers see its lease, which the controller keeps", within: ControlRig.patience) {
            try storage.leases(of: [GatewayTests.worker(address)]).count == 1
        }
        worker.kill()
        try eventually("its lease ends", within: ControlRig.patience) {
            try storage.leases(of: [GatewayTests.worker(address)]).isEmpty
        }
        try rig.control("gateway-2") { $0.workers = [address] }
        #expect(try storage.history(limit: 10).count { $0.action == .register } == 1)
    }

    @Test(arguments: [ControllerSettings.AutoRebalance.off, .plan, .live])
    func aNewWorkerGetsSymbolsOnlyWhereThatIsWanted(mode: ControllerSettings.AutoRebalance) throws {
        let rig = try ControlRig()
        let first = try rig.worker("ws-1")
        try rig.register("ws-1", at: first.port)
        let controller = try rig.control { $0.autoRebalance = mode }
        try rig.dispatch((1...4).map { "s\($0)usdt" })
        try rig.waitUntilSettled(controller)
        let second = try rig.worker("ws-2")
        try rig.register("ws-2", at: second.port)
        let storage = try rig.storage()
        if mode == .live {
            try eventually("the loads are level", within: ControlRig.patience) {
                try storage.read().symbolsByWorker.values.map(\.count) == [2, 2]
            }
            try rig.waitUntilSettled(controller)
        } else {
            // Two leases' time: it would have happened by then.
            let end = ContinuousClock.now + ControlRig.terms.duration * 2
            try eventually("the time has gone", within: ControlRig.patience) { ContinuousClock.now > end }
            #expect(try storage.read().symbolsByWorker.count == 1)
        }
    }

    /// The controller that saw the new worker ends before it levels the loads.
    @Test func theNextControllerLevelsWhatTheOneBeforeHadStillToLevel() throws {
        let rig = try ControlRig()
        let doubles = try (1...2).map { try WorkerDoubleRig(["--name", "ws-\($0)"]) }
        try rig.register("ws-1", at: doubles[0].port)
        try rig.dispatch((1...4).map { "s\($0)usdt" })
        try rig.register("ws-2", at: doubles[1].port)
        let next = try rig.control("gateway-2") { $0.autoRebalance = .live }
        try eventually("the loads are level", within: ControlRig.patience) {
            try rig.stored().symbolsByWorker.values.map(\.count) == [2, 2]
        }
        try rig.waitUntilSettled(next)
    }
}
