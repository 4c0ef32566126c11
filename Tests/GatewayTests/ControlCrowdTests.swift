import Assignment
import Curl
import Gateway
import TestRigs
import Testing

/// A hundred workers, of which half hang: they accept connections and answer nobody.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ControlCrowdTests {
    private static let hanging = (1...50).map { "ws-\($0)" }
    private static let killed = "ws-51"
    private static let living = (52...100).map { "ws-\($0)" }

    @Test func whoCouldNotBeAskedAtOnceIsAskedLaterAndNotGone() throws {
        let rig = try ControlRig()
        let workers = try rig.workers(12, plain: true)
        // The other nine questions of a round are refused by our own client.
        let controller = try rig.control { $0.calls.calls = 3 }
        // In two leases, where an interval is a fifth of one.
        try eventually("each was asked ten times", within: rig.patience * 4) {
            controller.status.counts.statusAnswers >= workers.count * 10
        }
        #expect(controller.status.counts.workersGone == 0)
        #expect(try rig.stored().state.workers.values.allSatisfy { $0.state == .active })
    }

    @Test func fiftyThatHangHoldNobodyUp() throws {
        let rig = try ControlRig(.standard)
        let workers = try rig.workers(100, plain: true)
        let controller = try rig.control()
        try rig.dispatch((1...200).map { "s\($0)usdt" })
        try rig.waitUntilSettled(controller)
        let before = try rig.stored()
        for name in Self.hanging { workers[name]!.freeze() }
        workers[Self.killed]!.kill()
        let hung = ContinuousClock.now

        // One more for each of them, those that hang included.
        try rig.dispatch((201...300).map { "s\($0)usdt" })
        func told(_ name: String) -> Int { workers[name]!.lines(beginning: "POST /subscribe 200").count }
        try eventually("who answers is told", within: rig.patience) { Self.living.allSatisfy { told($0) == 3 } }
        print("told after \(ContinuousClock.now - hung)")
        try eventually("only who hangs is waited for", within: rig.patience) { controller.status.pendingCount == 51 }
        let storage = try rig.storage()
        #expect(
            try storage.read().state.workers.values.allSatisfy { $0.state == .active }, "nobody waited for the others")

        let lost = Set(Self.hanging + [Self.killed])
        let after = try eventually("their symbols have other workers", within: rig.patience) {
            let state = try storage.read()
            return lost.isDisjoint(with: state.symbolsByWorker.keys) ? state : nil
        }
        print("re-owned after \(ContinuousClock.now - hung), lease \(rig.terms.duration)")
        #expect(lost.allSatisfy { after.state(of: $0) == .gone })
        #expect(Self.living.allSatisfy { after.state(of: $0) == .active })
        #expect(after.state.placements.count == 300)
        for (symbol, old) in before.state.placements where !lost.contains(old.worker.text) {
            #expect(after.state.placements[symbol] == old, "\(symbol) stays")
        }
        try rig.waitUntilSettled(controller)
        #expect(Self.living.allSatisfy { workers[$0]!.lines(beginning: "POST /unsubscribe").isEmpty })
        #expect(controller.status.holdsLease && controller.status.counts.tenures == 1)
        #expect(controller.status.counts.workersGone == 51)

        for name in Self.hanging { workers[name]!.thaw() }
        try eventually("they are back", within: rig.patience) {
            let state = try storage.read()
            return Self.hanging.allSatisfy { state.state(of: $0) == .active }
        }
        try rig.waitUntilSettled(controller)
        let status = controller.status
        #expect(status.workers.prefix(50).allSatisfy { $0.symbols == 0 }, "who hung lets go what others have")
        #expect(status.holdsLease && status.counts.tenures == 1)
    }
}
