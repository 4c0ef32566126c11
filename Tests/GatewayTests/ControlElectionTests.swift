import Assignment
import Foundation
import Gateway
import TestRigs
import Testing

/// Two gateways: one acts, never both, and there is always one again.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ControlElectionTests {
    private func controllers(_ rig: ControlRig, redisPorts: [UInt16?] = [nil, nil]) throws -> [WorkerDoubleRig] {
        let milliseconds = Int(ControlRig.terms.duration / .milliseconds(1))
        return try redisPorts.enumerated().map { number, port in
            try WorkerDoubleRig([
                "--controls", "--name", "gateway-\(number + 1)", "--lease", "\(milliseconds)", "--redis",
                "redis://127.0.0.1:\(port ?? rig.server.port)",
            ])
        }
    }

    private func acting(_ controllers: [WorkerDoubleRig]) throws -> Int {
        try eventually("one acts", within: ControlRig.patience) {
            controllers.firstIndex { $0.lines.last?.text == "acts" }
        }
    }

    @Test func whenTheActingOneIsKilledTheOtherTakesOverAfterItsLease() throws {
        let rig = try ControlRig()
        let workers = try rig.workers(2)
        let controllers = try controllers(rig)
        let first = try acting(controllers)
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try eventually("the worker is told", within: ControlRig.patience) {
            !workers["ws-1"]!.lines(beginning: "POST /subscribe 200").isEmpty
        }
        let other = controllers[1 - first]
        #expect(other.lines.isEmpty, "the other rests")
        controllers[first].kill()
        let killed = moment()
        try rig.dispatch(["btcusdt"], to: "ws-2")
        let taken = try eventually("the other acts", within: ControlRig.patience) {
            other.lines(beginning: "acts").first
        }
        print("taken over after \(Double(taken.moment - killed) / 1e9) s, lease \(ControlRig.terms.duration)")
        #expect(taken.moment > killed)
        try eventually("what was stored meanwhile is done", within: ControlRig.patience) {
            !workers["ws-1"]!.lines(beginning: "POST /unsubscribe 200").isEmpty
        }
        let told = try #require(workers["ws-2"]!.lines(beginning: "POST /subscribe 200").first)
        let epoch = try #require(try rig.stored().epoch(of: "btcusdt"))
        #expect(told.moment > killed && told.text.contains("\"epoch\":\(epoch)"))
    }

    /// The one that lost Redis rests by its own clock before the other one can begin.
    @Test func theActingOneWithoutRedisRestsBeforeTheOtherActs() throws {
        let rig = try ControlRig()
        let link = try TCPProxy(to: rig.server.port)
        defer { link.end() }
        let first = try controllers(rig, redisPorts: [link.port])[0]
        _ = try acting([first])
        let other = try controllers(rig, redisPorts: [nil])[0]
        link.shut()
        let rested = try eventually("it rests", within: ControlRig.patience) { first.lines(beginning: "rests").first }
        let taken = try eventually("the other acts", within: ControlRig.patience) {
            other.lines(beginning: "acts").first
        }
        #expect(rested.moment < taken.moment)
        try link.reopen()
        try eventually("it sees the other's lease", within: ControlRig.patience) { link.accepted > 1 }
        #expect(first.lines.last?.text == "rests")
    }

    /// What the frozen one was about to say is not said when another acts, and nobody loses a symbol by its sleep.
    @Test func aFrozenOneRestsWhenItGoesOn() throws {
        let rig = try ControlRig()
        let workers = try rig.workers(2, plain: true)
        let first = try controllers(rig, redisPorts: [nil])[0]
        _ = try acting([first])
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try eventually("the worker is told", within: ControlRig.patience) {
            !workers["ws-1"]!.lines(beginning: "POST /subscribe 200").isEmpty
        }
        first.freeze()
        let other = try controllers(rig, redisPorts: [nil])[0]
        try eventually("the other acts", within: ControlRig.patience) { other.lines.last?.text == "acts" }
        try rig.dispatch(["btcusdt"], to: "ws-2")
        try eventually("what is stored is done", within: ControlRig.patience) {
            !workers["ws-1"]!.lines(beginning: "POST /unsubscribe 200").isEmpty
        }
        first.thaw()
        try eventually("it rests", within: ControlRig.patience) { first.lines.last?.text == "rests" }
        #expect(other.lines.last?.text == "acts")
        #expect(workers["ws-2"]!.lines(beginning: "POST /unsubscribe").isEmpty)
        #expect(try rig.storage().history(limit: 100).allSatisfy { $0.action != .gone })
    }

    @Test func aLeaseThatIsGivenBackIsTakenAtOnce() throws {
        let rig = try ControlRig()
        let first = try rig.control("gateway-1")
        try eventually("it acts", within: ControlRig.patience) { first.status.holdsLease }
        let storage = try rig.storage()
        first.stop()
        #expect(!first.status.holdsLease)
        #expect(try storage.acquire(.controller, token: "another", for: .seconds(1)))
        rig.forget(first)
    }
}
