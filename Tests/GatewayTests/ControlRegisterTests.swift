import Assignment
import Curl
import Foundation
import Gateway
import TestRigs
import Testing

/// Workers that join, leave and move house, and what becomes of the processes behind their names.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ControlRegisterTests {
    private func told(_ double: WorkerDoubleRig, _ prefix: String) throws {
        try eventually("\(prefix) comes", within: ControlRig.patience) { !double.lines(beginning: prefix).isEmpty }
    }

    @Test func anAddressHasOneName() throws {
        let rig = try ControlRig()
        try rig.register("ws-1", at: 4_001)
        try rig.register("ws-1", at: 4_001)
        #expect(throws: AssignmentError.self) { try rig.register("ws-2", at: 4_001) }
        try rig.control { $0.workers = ["127.0.0.1:4001", "127.0.0.1:4002"] }
        let storage = try rig.storage()
        try eventually("the other one is registered", within: ControlRig.patience) {
            try storage.read().state(of: "127.0.0.1:4002") != nil
        }
        #expect(try storage.read().state(of: "127.0.0.1:4001") == nil)
    }

    /// Its symbols move, and it is removed before its successor has them.
    @Test(arguments: [false, true]) func aRemovedWorkerIsToldToLetGo(plain: Bool) throws {
        let rig = try ControlRig()
        let old = plain ? try WorkerDoubleRig(["--name", "ws-1"]) : try rig.worker("ws-1")
        let late = try rig.worker("ws-2", ["--late", "1000"])
        try rig.register("ws-1", at: old.port)
        try rig.register("ws-2", at: late.port)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"], to: "ws-1")
        try rig.waitUntilSettled(controller)
        try rig.dispatch(["btcusdt"], to: "ws-2")
        _ = try rig.service().removeWorker(worker("ws-1"), abandons: false, .live())
        controller.storageChanged()
        try told(old, "POST /unsubscribe 200")
        let taken = try #require(late.lines(beginning: "POST /subscribe 200").first)
        #expect(old.lines(beginning: "POST /unsubscribe 200")[0].moment >= taken.moment + 1_000_000_000)
        try rig.waitUntilSettled(controller)
    }

    @Test func aNameAtAnotherAddressIsAnotherProcess() throws {
        let rig = try ControlRig()
        let (first, second) = (try WorkerDoubleRig(["--name", "a"]), try WorkerDoubleRig(["--name", "b"]))
        try rig.register("ws-1", at: first.port)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"])
        try rig.waitUntilSettled(controller)
        try rig.register("ws-1", at: second.port)
        controller.storageChanged()
        try told(second, "POST /subscribe 200")
        try told(first, "POST /unsubscribe 200")
        let moments = (
            second.lines(beginning: "POST /subscribe 200")[0].moment,
            first.lines(beginning: "POST /unsubscribe 200")[0].moment
        )
        #expect(moments.0 < moments.1)
        try rig.waitUntilSettled(controller)
    }

    /// The old process answers a question from before the move, the new one nothing yet: nobody lets go by that.
    @Test func anAnswerFromTheOldAddressIsNotTheNewProcesss() throws {
        let rig = try ControlRig()
        let first = try WorkerDoubleRig(["--name", "a", "--slow", "1000"])
        let second = try WorkerDoubleRig(["--name", "b", "--slow", "4000"])
        try rig.register("ws-1", at: first.port)
        let controller = try rig.control { $0.calls = CallLimits(deadline: .seconds(60)) }
        try rig.dispatch(["btcusdt"])
        try rig.waitUntilSettled(controller)
        try rig.register("ws-1", at: second.port)
        controller.storageChanged()
        try eventually("the old one lets go", within: rig.patience * 2) {
            !first.lines(beginning: "POST /unsubscribe 200").isEmpty
        }
        let taken = try #require(second.lines(beginning: "POST /subscribe 200").first)
        #expect(taken.moment < first.lines(beginning: "POST /unsubscribe 200")[0].moment)
    }

    @Test func workersOfTheSettingsAreRegisteredAgainWhenRedisLostAll() throws {
        let rig = try ControlRig()
        let double = try WorkerDoubleRig(["--name", "any"])
        let address = "127.0.0.1:\(double.port)"
        let controller = try rig.control { $0.workers = [address] }
        let storage = try rig.storage()
        func isRegistered() throws {
            try eventually("it is registered", within: ControlRig.patience) {
                (try? storage.read().state(of: address)) == .active
            }
        }
        try isRegistered()
        rig.server.kill()
        try rig.server.forgetData()
        try rig.server.start()
        try isRegistered()
        try rig.dispatch(["btcusdt"])
        try told(double, "POST /subscribe 200")
        try rig.waitUntilSettled(controller)
    }

    @Test func aDrainingWorkerThatDiesReturnsDraining() throws {
        let rig = try ControlRig()
        let double = try rig.worker("ws-1")
        try rig.register("ws-1", at: double.port)
        try rig.control()
        _ = try rig.service().setState(.draining, of: worker("ws-1"), .live())
        let storage = try rig.storage()
        double.freeze()
        try eventually("it is gone", within: ControlRig.patience) { try storage.read().state(of: "ws-1") == .gone }
        double.thaw()
        try eventually("it is back", within: ControlRig.patience) { try storage.read().state(of: "ws-1") != .gone }
        #expect(try storage.read().state(of: "ws-1") == .draining)
    }

    /// It forgets within its lease what it served, and serves what nobody wants.
    @Test func whatDriftsIsRepaired() throws {
        let rig = try ControlRig()
        let double = try WorkerDoubleRig(["--name", "ws-1"])
        try rig.register("ws-1", at: double.port)
        let controller = try rig.control()
        try rig.dispatch(["btcusdt"])
        try rig.waitUntilSettled(controller)
        try double.tell("subscribe", "DRIFTUSDT")
        try double.tell("unsubscribe", "BTCUSDT")
        try eventually("both are repaired", within: ControlRig.patience) {
            double.lines(beginning: "POST /subscribe 200").count { $0.text.contains("BTCUSDT") } == 2
                && double.lines(beginning: "POST /unsubscribe 200").contains { $0.text.contains("DRIFTUSDT") }
        }
        try rig.waitUntilSettled(controller)
    }

    /// Nobody wanted what it serves, it refused to let go, and then somebody wants it: its next report says what the last did.
    @Test func anOwnerThatRefusedToLetGoIsSettledByItsNextReport() throws {
        let rig = try ControlRig()
        let double = try WorkerDoubleRig(["--name", "ws-1", "--fail-unsubscribe", "1"])
        try double.tell("subscribe", "BTCUSDT")
        try rig.register("ws-1", at: double.port)
        let controller = try rig.control()
        try told(double, "POST /unsubscribe 500")
        try rig.dispatch(["btcusdt"])
        try rig.waitUntilSettled(controller)
    }

    /// Its name leads elsewhere from one moment to the next: what the name service said before is not believed for long.
    @Test(.enabled(if: WorkerDoubleRig.canHaveHosts, "needs unshare --map-root-user --mount"))
    func aWorkerIsFoundWhereItsNameLeadsNow() throws {
        let rig = try ControlRig()
        let folder = try TemporaryFolder("hosts")
        let hosts = folder.file("hosts")
        func lead(to address: String) throws {
            // Into the same file: it is mounted.
            try "\(address) worker.test\n".write(toFile: hosts, atomically: false, encoding: .utf8)
        }
        try lead(to: "127.0.0.1")
        let here = try WorkerDoubleRig(["--name", "here"])
        let there = try WorkerDoubleRig(["--name", "there", "--host", "127.0.0.2", "--port", "\(here.port)"])
        _ = try rig.service().register(
            worker("ws-1"), address: "worker.test:\(here.port)", capacity: nil, weight: 1, .live())
        let milliseconds = Int(rig.terms.duration / .milliseconds(1))
        let redis = "redis://127.0.0.1:\(rig.place)"
        let controller = try WorkerDoubleRig(
            ["--controls", "--name", "gateway-1", "--lease", "\(milliseconds)", "--redis", redis], hosts: hosts)
        try rig.dispatch(["btcusdt"])
        try told(here, "POST /subscribe 200")
        try lead(to: "127.0.0.2")
        here.kill()
        try told(there, "POST /subscribe 200")
        withExtendedLifetime(controller) {}
    }
}
