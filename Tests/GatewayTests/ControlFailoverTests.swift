import Assignment
import Gateway
import TestRigs
import Testing

/// A master of Redis that dies after its replica missed acknowledged writes, and workers that live on.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ControlFailoverTests {
    /// Symbols moved, went and came after the replica had heard its last: what it knows is true again, under epochs above all
    /// that were handed out. Another gateway knows of them by what workers report alone.
    @Test(arguments: [true, false])
    func aPromotedReplicaThatMissedWritesHasOneOwnerByEpoch(isSameController: Bool) throws {
        let rig = try ControlRig(.standard)
        let replication = try TCPProxy(to: rig.server.port)
        let place = try TCPProxy(to: rig.server.port)
        defer {
            replication.end()
            place.end()
        }
        rig.place = place.port
        let replica = try RedisServer { $0.further = [["replicaof", "127.0.0.1", "\(replication.port)"]] }
        let workers = try rig.workers(3)
        let controller = try rig.control()
        let kept = ["a1usdt", "a2usdt", "a3usdt", "a4usdt"]
        try rig.dispatch(kept, to: "ws-1")
        try rig.waitUntilSettled(controller)
        let version = "{klinecast}:assignments:version"
        try eventually("the replica has it all") {
            try replica.command("GET", version) == (try rig.server.command("GET", version))
        }
        let before = try rig.stored()
        replication.shut()

        // Acknowledged, done by the workers, and lost with the master.
        try rig.dispatch(["a1usdt"], to: "ws-2")
        try rig.waitUntilSettled(controller)
        try rig.dispatch(["a1usdt"], to: "ws-3")
        try rig.dispatch(["a2usdt", "newusdt"], to: "ws-2")
        _ = try rig.service().remove([symbol("a3usdt")], .live())
        controller.storageChanged()
        try rig.waitUntilSettled(controller)
        let lost = try rig.stored()
        #expect(try replica.command("GET", version) == "\(before.tag.version)")
        if !isSameController { rig.stop(controller) }
        rig.server.kill()
        let failed = ContinuousClock.now
        try replica.command("REPLICAOF", "NO", "ONE")
        place.move(to: replica.port)
        let acting = isSameController ? controller : try rig.control("gateway-2")

        let storage = try rig.storage()
        let moved = ["a1usdt", "a2usdt"]
        try eventually("it is found out", within: rig.patience) {
            guard let state = try? storage.read() else { return false }
            return moved.allSatisfy { state.epoch(of: $0)! > lost.epoch(of: $0)! }
        }
        try rig.waitUntilSettled(acting)
        print("reconciled \(ContinuousClock.now - failed) after the failover, same controller: \(isSameController)")

        let after = try storage.read()
        #expect(after.tag.incarnation != lost.tag.incarnation && after.recovery == nil)
        #expect(after.symbolsByWorker == ["ws-1": Set(kept)])
        #expect(after.state.placements[symbol("a4usdt")] == before.state.placements[symbol("a4usdt")], "it stays")
        #expect(try storage.history(limit: 20).map(\.action).first == .recovery)
        // By what they say themselves nobody serves anything else.
        #expect(acting.status.workers.map(\.symbols) == [4, 0, 0])

        var owners: [String: Set<String>] = [:]
        for (name, double) in workers {
            for line in double.lines(beginning: "POST /subscribe 200") {
                let parts = line.text.split(whereSeparator: "\":,}".contains)
                let at = try #require(parts.firstIndex(of: "epoch"))
                owners["\(parts[parts.firstIndex(of: "symbol")! + 1]) \(parts[at + 1])", default: []].insert(name)
            }
        }
        #expect(owners.count >= 4 + 4 + 2, "each that was handed out, and those of the recovery")
        #expect(owners.values.allSatisfy { $0.count == 1 }, "\(owners)")
        // Who serves under the past lets go only after the owner serves under the present.
        for (symbol, name) in [("A1USDT", "ws-3"), ("A2USDT", "ws-2")] {
            let told = try #require(
                workers["ws-1"]!.lines(beginning: "POST /subscribe 200").last { $0.text.contains(symbol) })
            let released = workers[name]!.lines(beginning: "POST /unsubscribe 200").last { $0.text.contains(symbol) }
            #expect(told.moment < (try #require(released)).moment)
        }
    }
}
