import Assignment
import Curl
import Foundation
import Gateway
import HTTP
import MarketData
import Telemetry
import TestRigs
import Testing

/// Steps of the controller that fail, or meet somebody else's change, on the way to Redis.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ControlStepTests {
    /// Fails so many commits of one kind.
    private static func failing(_ action: HistoryEntry.Action, _ times: Int) -> HookedStorage.Hook {
        let left = Locked(times)
        return { call throws(StorageError) in
            guard call == .commit(action) else { return }
            let fails = left.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw .unavailable("cut off") }
        }
    }

    /// Somebody else is faster, so many times: a change that alters nothing but the version.
    private static func outrunning(_ rig: ControlRig, _ action: HistoryEntry.Action, _ times: Int) throws
        -> HookedStorage.Hook
    {
        let left = Locked(times)
        let redis = try rig.redis()
        return { call throws(StorageError) in
            guard call == .commit(action) else { return }
            let isFaster = left.withLock { left in
                left -= 1
                return left >= 0
            }
            guard isFaster else { return }
            let storage = RedisAssignments(redis, patience: .seconds(5))
            let base = try storage.read()
            _ = try storage.commit(Change(from: base, to: base.state, .activate, by: "another"))
        }
    }

    /// What to do with the commits of the controller.
    enum Trouble { case fails, isOutrun }

    private func hook(_ trouble: Trouble, _ rig: ControlRig, _ action: HistoryEntry.Action) throws -> HookedStorage.Hook
    {
        switch trouble {
        case .fails: Self.failing(action, 1)
        case .isOutrun: try Self.outrunning(rig, action, 9)
        }
    }

    @Test(arguments: [Trouble.fails, .isOutrun])
    func symbolsOfOneThatIsGoneMoveThoughTheFirstAttemptFails(trouble: Trouble) throws {
        let rig = try ControlRig()
        let workers = try rig.workers(2, plain: true)
        rig.hook = try hook(trouble, rig, .rebalance)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try rig.waitUntilSettled(controller)
        workers["ws-1"]!.kill()
        try eventually("it has another worker", within: rig.patience) {
            try rig.stored().worker(of: "btcusdt") == "ws-2"
        }
        try rig.waitUntilSettled(controller)
    }

    @Test(arguments: [Trouble.fails, .isOutrun])
    func loadsAreLevelledThoughTheFirstAttemptFails(trouble: Trouble) throws {
        let rig = try ControlRig()
        rig.hook = try hook(trouble, rig, .rebalance)
        let controller = try rig.control { $0.autoRebalance = .live }
        let workers = try rig.workers(1, plain: true)
        try rig.dispatch((1...4).map { "s\($0)usdt" })
        let second = try WorkerDoubleRig(["--name", "ws-2"])
        try rig.register("ws-2", at: second.port)
        try eventually("the loads are level", within: rig.patience) {
            try rig.stored().symbolsByWorker.values.map(\.count) == [2, 2]
        }
        try rig.waitUntilSettled(controller)
        withExtendedLifetime(workers) {}
    }

    @Test(arguments: [Trouble.fails, .isOutrun])
    func workersOfTheSettingsAreRegisteredThoughTheFirstAttemptFails(trouble: Trouble) throws {
        let rig = try ControlRig()
        rig.hook = try hook(trouble, rig, .register)
        try rig.control { $0.workers = ["127.0.0.1:4001"] }
        try eventually("it is registered", within: rig.patience) {
            try rig.stored().state(of: "127.0.0.1:4001") == .active
        }
    }

    /// Redis comes back without a change, of which workers know alone; raising the epochs fails until they have no more news.
    @Test func epochsAreRaisedThoughTheFirstAttemptsFail() throws {
        let rig = try ControlRig()
        let workers = try rig.workers(2)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try rig.waitUntilSettled(controller)
        let keys = ["assignments", "assignments:version", "assignments:meta", "workers"]
        for key in keys { try rig.server.command("COPY", "{klinecast}:\(key)", "copy of \(key)") }
        try rig.dispatch(["btcusdt"], to: "ws-2")
        try rig.waitUntilSettled(controller)
        let lost = try #require(try rig.stored().epoch(of: "btcusdt"))
        rig.stop(controller)
        for key in keys { try rig.server.command("COPY", "copy of \(key)", "{klinecast}:\(key)", "REPLACE") }
        let isWell = Locked(false)
        let failures = Locked(0)
        rig.hook = { call throws(StorageError) in
            guard call == .commit(.recovery), !isWell.withLock({ $0 }) else { return }
            failures.withLock { $0 += 1 }
            throw .unavailable("cut off")
        }
        let next = try rig.control("gateway-2")
        let back = workers["ws-1"]!
        try eventually("who is stored serves it, and has said so", within: rig.patience) {
            let lines = back.lines.drop { !$0.text.hasPrefix("POST /unsubscribe") }
            let told = lines.drop { !$0.text.hasPrefix("POST /subscribe 200") }
            return told.count { $0.text.hasPrefix("GET") } > 3
        }
        #expect(failures.withLock { $0 } > 0)
        isWell.withLock { $0 = true }
        try eventually("the epoch is raised", within: rig.patience) {
            try #require(try rig.stored().epoch(of: "btcusdt")) > lost
        }
        try rig.waitUntilSettled(next)
    }

    /// An operator gives the name to another process between the decision and its commit.
    @Test func aWorkerThatWasRegisteredAnewMeanwhileIsNotGone() throws {
        let rig = try ControlRig()
        let workers = try rig.workers(1, plain: true)
        let fresh = try WorkerDoubleRig(["--name", "fresh"])
        let redis = try rig.redis()
        let isFirst = Locked(true)
        rig.hook = { call throws(StorageError) in
            guard call == .commit(.gone), isFirst.withLock({ $0 }) else { return }
            isFirst.withLock { $0 = false }
            let service = AssignmentService(storage: RedisAssignments(redis, patience: .seconds(5)))
            do throws(AssignmentError) {
                _ = try service.register(
                    worker("ws-1"), address: "127.0.0.1:\(fresh.port)", capacity: nil, weight: 1, .live())
            } catch {
                throw .unavailable(error.description)
            }
        }
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"])
        try rig.waitUntilSettled(controller)
        workers["ws-1"]!.kill()
        try eventually("the new one is told", within: rig.patience) {
            !fresh.lines(beginning: "POST /subscribe 200").isEmpty
        }
        try rig.waitUntilSettled(controller)
        #expect(!isFirst.withLock { $0 })
        #expect(try rig.storage().history(limit: 100).allSatisfy { $0.action != .gone })
    }

    /// It stands still in the middle of a change until the storage has given its lease to another: then it repeats nothing.
    @Test func nothingIsStoredAgainAfterTheLeaseIsOver() throws {
        let rig = try ControlRig()
        let workers = try rig.workers(2, plain: true)
        let redis = try rig.redis()
        let commits = Locked(0)
        rig.hook = { call throws(StorageError) in
            guard call == .commit(.gone) else { return }
            let isFirst = commits.withLock { commits in
                commits += 1
                return commits == 1
            }
            guard isFirst else { return }
            let storage = RedisAssignments(redis, patience: .seconds(5))
            do {
                try eventually("another gateway has the lease", within: ControlRig.patience) {
                    try storage.acquire(.controller, token: "another", for: .seconds(600))
                }
                let base = try storage.read()
                _ = try storage.commit(Change(from: base, to: base.state, .activate, by: "another"))
            } catch {
                throw .unavailable("\(error)")
            }
        }
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try rig.waitUntilSettled(controller)
        workers["ws-1"]!.kill()
        try eventually("it rests", within: rig.patience) { !controller.status.holdsLease }
        #expect(commits.withLock { $0 } == 1)
        #expect(try rig.storage().history(limit: 100).allSatisfy { $0.action != .gone })
    }

    /// Each call of the storage takes more than half of the time from one renewal to the next.
    @Test func aSlowStorageLetsTheControllerDoItsWork() throws {
        let rig = try ControlRig()
        let workers = try rig.workers(1, plain: true)
        let slowness = rig.terms.interval * 5 / 8
        rig.hook = { _ in Thread.sleep(forTimeInterval: slowness / .seconds(1)) }
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"])
        try eventually("the worker is told", within: rig.patience) {
            !workers["ws-1"]!.lines(beginning: "POST /subscribe 200").isEmpty
        }
        try eventually("and that is said", within: rig.patience) {
            try rig.storage().progress().map { try $0.pending.isEmpty && $0.tag == rig.stored().tag } ?? false
        }
        #expect(controller.status.counts.tenures == 1)
    }

    /// Each answer takes longer than a lease: as long as no question fails, nobody is gone.
    @Test func whoAnswersSlowlyIsNotGone() throws {
        let rig = try ControlRig()
        let milliseconds = Int(rig.terms.duration * 5 / 4 / .milliseconds(1))
        let double = try WorkerDoubleRig(["--name", "ws-1", "--slow", "\(milliseconds)"])
        try rig.register("ws-1", at: double.port)
        let controller = try rig.control { $0.calls = CallLimits(deadline: .seconds(60)) }
        try eventually("it has answered twice", within: rig.patience) { controller.status.counts.statusAnswers == 2 }
        #expect(try rig.storage().history(limit: 100).allSatisfy { $0.action != .gone })
    }

    /// It answers, whatever it means: its symbols stay where they are.
    @Test(arguments: ["<html>", String(repeating: "x", count: 100_000)])
    func whoseAnswerIsNoStatusIsNotGone(document: String) throws {
        let rig = try ControlRig()
        let answer = Locked(#"{"kline_channels":["futures/klineBin1m:BTCUSDT"]}"#)
        let server = try Server(
            host: "127.0.0.1", port: 0, setting: "--port",
            routes: [Route("GET", "/status") { _ in Response(body: Array(answer.withLock { $0 }.utf8)) }], hosts: .any,
            metrics: HTTPMetrics())
        defer { server.stop() }
        try rig.register("ws-1", at: server.port)
        try rig.dispatch(["btcusdt"], timeframes: [.oneMinute])
        let controller = try rig.control { $0.calls.answerBytes = 1 << 16 }
        try rig.waitUntilSettled(controller)
        answer.withLock { $0 = document }
        try eventually("that is said", within: rig.patience) { controller.status.workers.first?.error != nil }
        let end = ContinuousClock.now + rig.terms.duration * 2
        try eventually("two leases' time goes by", within: rig.patience) { .now > end }
        #expect(try rig.storage().history(limit: 100).allSatisfy { $0.action != .gone })
        #expect(try rig.storage().leases(of: [worker("ws-1")]).count == 1, "readers see that it is heard")
        #expect(!controller.status.isSettled)
    }

    /// What is not answered by the lease's end is given up, however long answers may take otherwise.
    @Test func aCommandEndsWithTheLeaseUnderWhichItWasGiven() throws {
        let rig = try ControlRig()
        let ends = DispatchSemaphore(value: 0)
        let server = try Server(
            host: "127.0.0.1", port: 0, setting: "--port",
            routes: [
                Route("GET", "/status") { _ in Response(body: Array(#"{"kline_channels":[]}"#.utf8)) },
                Route("POST", "/subscribe") { _ in
                    ends.wait()
                    ends.signal()
                    return Response(body: [])
                },
            ], hosts: .any, metrics: HTTPMetrics())
        defer {
            ends.signal()
            server.stop()
        }
        try rig.register("ws-1", at: server.port)
        try rig.dispatch(["btcusdt"])
        let controller = try rig.control { $0.calls = CallLimits(deadline: .seconds(600)) }
        try eventually("it is given up", within: rig.patience) { controller.status.counts.commandsFailed > 0 }
        #expect(controller.status.holdsLease)
    }
}
