import Assignment
import Foundation
import Gateway
import MarketData
import Redis
import Telemetry
import TestRigs
import Testing

/// A server that comes back, with all it had or with less.
@Suite(.timeLimit(.minutes(2))) struct StorageRecoveryTests {
    @Test func aRestartMakesANewIncarnationAndLosesNothing() throws {
        let rig = try StorageRig { $0.isDurable = true }
        let service = try rig.service()
        try service.registerWorkers(2)
        let before = try #require(try service.dispatch(["btcusdt"], by: .worker(worker("ws-1")))).after
        try rig.server.restart()
        let error = #expect(throws: AssignmentError.self) {
            try service.dispatch(["ethusdt"], .live(if: before.tag))
        }
        guard case .storage(.conflict(before.tag, _)) = error else { throw Failed() }
        let after = try service.storage.read()
        #expect(after.tag.incarnation != before.tag.incarnation && after.tag.version == before.tag.version)
        #expect(after.state.placements == before.state.placements && after.state.workers == before.state.workers)
        #expect(after.recovery == nil)
        #expect(try rig.storage().read().tag == after.tag)
    }

    @Test func aCommitToARestartedServerIsAConflict() throws {
        let rig = try StorageRig { $0.isDurable = true }
        let storage = try rig.storage()
        let base = try storage.read()
        try rig.server.restart()
        #expect(throws: StorageError.self) { try storage.commit(Change(from: base, to: base.state, .clear, by: "t")) }
        #expect(try storage.history(limit: 1).isEmpty)
        // The scripts were forgotten with the restart, too.
        let fresh = try storage.read()
        guard case .stored = try storage.commit(Change(from: fresh, to: fresh.state, .clear, by: "t")) else {
            throw Failed()
        }
    }

    @Test func aReplicaThatStoppedReplicatingIsFoundOutWhenItIsPromoted() throws {
        let rig = try StorageRig()
        let replica = try RedisServer {
            $0.further = [["replicaof", "127.0.0.1", "\(rig.server.port)"]]
        }
        let place = Switch(rig.server.port)
        let service = AssignmentService(
            storage: RedisAssignments(RedisSettings(), source: place, patience: .seconds(20)))
        let witness = AssignmentService(
            storage: RedisAssignments(RedisSettings(), source: place, patience: .seconds(20)))
        try service.registerWorkers(3)
        try service.dispatch(["btcusdt", "ethusdt", "solusdt"], by: .worker(worker("ws-1")))
        try eventually("the replica has it all") {
            try replica.command("GET", "{klinecast}:assignments:version") == "4"
        }
        try replica.command("REPLICAOF", "NO", "ONE")

        // Acknowledged, and lost with the master: two changes of owner, a removal, a new symbol.
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-2")))
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-3")))
        _ = try service.remove([symbol("ethusdt")], .live())
        try service.dispatch(["adausdt"], by: .worker(worker("ws-2")))
        let lost = try service.storage.read()
        #expect(lost.tag.version == 8 && lost.recovery == nil)
        let handedOut = try #require(lost.state.placements.values.map(\.epoch).max())
        rig.server.kill()
        place.port.withLock { $0 = replica.port }

        // Before anybody repairs it: what is old is refused, what is new lies above.
        let error = #expect(throws: AssignmentError.self) { try witness.dispatch(["xrpusdt"], .live(if: lost.tag)) }
        guard case .storage(.conflict(lost.tag, _)) = error else { throw Failed() }
        let fresh = try #require(try witness.dispatch(["xrpusdt"])).after
        #expect(fresh.tag.incarnation != lost.tag.incarnation)
        #expect(fresh.state.placements[symbol("xrpusdt")]!.epoch > handedOut)
        #expect(fresh.recovery == nil, "who knew nothing newer reports nothing")

        let found = try service.storage.read()
        let recovery = try #require(found.recovery)
        #expect(recovery.known == lost.tag)
        #expect(recovery.epochs[symbol("btcusdt")] == lost.state.placements[symbol("btcusdt")]?.epoch)
        #expect(found.worker(of: "btcusdt") == "ws-1" && found.worker(of: "ethusdt") == "ws-1")

        var next = found.state
        #expect(next.raiseEpochs(above: recovery.epochs) == [symbol("btcusdt")])
        guard case .stored(let stored) = try service.storage.commit(Change(from: found, to: next, .recovery, by: "c"))
        else { throw Failed() }
        #expect(stored.recovery == nil)
        let repaired = try witness.storage.read()
        #expect(repaired.recovery == nil)
        #expect(repaired.state.placements[symbol("btcusdt")]!.epoch > handedOut)
        #expect(repaired.worker(of: "btcusdt") == "ws-1")
        #expect(
            try witness.storage.history(limit: 1).first?.steps == [
                .init(symbol: "btcusdt", from: "ws-1", to: "ws-1")
            ])
    }

    @Test func aLogThatWasCutBackIsFoundOut() throws {
        let rig = try StorageRig { $0.isDurable = true }
        let service = try rig.service()
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt", "ethusdt"], by: .worker(worker("ws-1")))
        let log = try rig.growingLog()
        let length = try FileManager.default.attributesOfItem(atPath: log)[.size] as? UInt64
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-2")))
        let lost = try service.storage.read()
        rig.server.kill()
        let handle = try #require(FileHandle(forWritingAtPath: log))
        try handle.truncate(atOffset: try #require(length))
        try handle.close()
        try rig.server.start()

        let found = try service.storage.read()
        #expect(found.tag.version == lost.tag.version - 1 && found.tag.incarnation != lost.tag.incarnation)
        let epoch = try #require(lost.state.placements[symbol("btcusdt")]?.epoch)
        #expect(found.recovery == Recovery(known: lost.tag, epochs: [symbol("btcusdt"): epoch]))
        let moved = try #require(try service.dispatch(["ethusdt"], by: .worker(worker("ws-2")))).after
        #expect(moved.state.placements[symbol("ethusdt")]!.epoch > epoch)
        #expect(moved.recovery != nil, "until somebody has said that it is repaired")
        #expect(try service.storage.read().recovery != nil)
    }

    /// Nothing but the version tells: the process of the server and the sizes of the hashes are the same.
    @Test(arguments: [true, false])
    func keysThatWerePutBackFromACopyAreFoundOut(_ byReading: Bool) throws {
        let rig = try StorageRig()
        let service = try rig.service()
        try service.registerWorkers(2)
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-1")))
        let keys = ["assignments", "assignments:version", "assignments:meta", "workers"]
        for key in keys { try rig.server.command("COPY", "{klinecast}:\(key)", "copy of \(key)") }
        try service.dispatch(["btcusdt"], by: .worker(worker("ws-2")))
        let lost = try service.storage.read()
        for key in keys { try rig.server.command("COPY", "copy of \(key)", "{klinecast}:\(key)", "REPLACE") }

        if !byReading {
            #expect(throws: StorageError.self) {
                try service.storage.commit(Change(from: lost, to: lost.state, .clear, by: "t"))
            }
        }
        let found = try service.storage.read()
        #expect(found.tag.version == lost.tag.version - 1 && found.tag.incarnation != lost.tag.incarnation)
        let epoch = try #require(lost.state.placements[symbol("btcusdt")]?.epoch)
        #expect(found.recovery == Recovery(known: lost.tag, epochs: [symbol("btcusdt"): epoch]))
        #expect(found.state.epochFloor > epoch)
    }

    /// A floor that one bad report has brought that high protects all the same.
    @Test func theEpochFloorRisesWithEachIncarnation() throws {
        let rig = try StorageRig()
        try rig.service().registerWorkers(1)
        let meta = "{klinecast}:assignments:meta"
        let high: Int64 = (1 << 52) + (1 << 30)
        try rig.server.command("HSET", meta, "epoch_floor", "\(high)")
        for number in 1...3 {
            try rig.server.command("HSET", meta, "incarnation", "mine")
            #expect(try rig.storage().read().state.epochFloor.number == high + Int64(number) << 20)
        }
        for end in [(1 << 53) - (1 << 20) - 1, (1 << 53) - 1] as [Int64] {
            try rig.server.command("HSET", meta, "epoch_floor", "\(end)", "incarnation", "mine")
            #expect(try rig.storage().read().state.epochFloor.number == (1 << 53) - 1)
        }
    }

    /// An epoch far above all that was handed out was written by hand; the numbers are not used up by it.
    @Test func anEpochThatNobodyHandedOutDoesNotRaiseTheFloor() throws {
        let rig = try StorageRig()
        try rig.service().registerWorkers(1)
        let floor = try rig.storage().read().state.epochFloor.number
        try rig.server.command(
            "HSET", "{klinecast}:assignments", "btcusdt",
            #"{"worker":"ws-1","timeframes":["1m"],"epoch":9007199254740000}"#)
        #expect(try rig.storage().read().state.epochFloor.number == floor + 1 << 20)
    }

    @Test func aLostChangeWithoutANewEpochIsFoundOutToo() throws {
        let rig = try StorageRig { $0.isDurable = true }
        let service = try rig.service()
        try service.registerWorkers(1)
        let log = try rig.growingLog()
        let length = try FileManager.default.attributesOfItem(atPath: log)[.size] as? UInt64
        _ = try service.setState(.draining, of: worker("ws-1"), .live())
        rig.server.kill()
        let handle = try #require(FileHandle(forWritingAtPath: log))
        try handle.truncate(atOffset: try #require(length))
        try handle.close()
        try rig.server.start()
        // Somebody else's change brings the version to the number that was known.
        try rig.service().dispatch(["btcusdt"])
        #expect(try service.storage.read().recovery?.epochs == [:])
    }

    @Test func epochsStayAboveAllOfThePastWhenEverythingIsGone() throws {
        let rig = try StorageRig()
        var highest: Epoch?
        for _ in 0..<5 {
            // Each time by somebody who remembers nothing.
            let service = try rig.service()
            try service.registerWorkers(2)
            for number in 0..<10 { try service.dispatch(["btcusdt"], by: .worker(worker("ws-\(1 + number % 2)"))) }
            let placement = try #require(try service.storage.read().state.placements[symbol("btcusdt")])
            if let highest { #expect(placement.epoch.number - 10 > highest.number) }
            highest = placement.epoch
            try rig.server.command("FLUSHALL")
        }
    }

    @Test(arguments: [
        ["DEL", "{klinecast}:assignments"], ["DEL", "{klinecast}:workers"], ["DEL", "{klinecast}:assignments:version"],
        ["DEL", "{klinecast}:assignments:meta"], ["HDEL", "{klinecast}:assignments", "btcusdt"],
        ["SET", "{klinecast}:assignments:version", "many"], ["HDEL", "{klinecast}:assignments:meta", "epoch_floor"],
        ["HSET", "{klinecast}:assignments:meta", "incarnation", "mine"],
        ["HSET", "{klinecast}:assignments", "xrpusdt", #"{"worker":"ws-1","timeframes":["1m"],"epoch":3}"#],
        ["FLUSHALL"],
    ])
    func whatIsMissingOrToldByNobodyMakesANewIncarnation(_ command: [String]) throws {
        let rig = try StorageRig()
        let service = try rig.service()
        try service.registerWorkers(1)
        let before = try #require(try service.dispatch(["btcusdt", "ethusdt"])).after
        try rig.server.command(command)
        let after = try rig.service().storage.read()
        #expect(after.tag.incarnation != before.tag.incarnation)
        #expect(after.state.epochFloor > before.state.placements.values.map(\.epoch).max()!)
        #expect(try service.storage.read().tag == after.tag)
        #expect(throws: StorageError.conflict(expected: before.tag, current: after.tag)) {
            try service.storage.commit(Change(from: before, to: before.state, .clear, by: "t"))
        }
    }

    @Test func aRemovedSymbolComesBackAboveItsOldEpoch() throws {
        let rig = try StorageRig { $0.isDurable = true }
        let service = try rig.service()
        try service.registerWorkers(2)
        for number in 0..<7 { try service.dispatch(["btcusdt"], by: .worker(worker("ws-\(1 + number % 2)"))) }
        let epoch = try #require(try service.storage.read().epoch(of: "btcusdt"))
        _ = try service.remove(nil, .live())
        #expect(try rig.service().dispatch(["btcusdt"])?.after.epoch(of: "btcusdt") == epoch + 1)
    }
}

/// Where the master is.
private final class Switch: EndpointSource {
    let port: Locked<UInt16>

    init(_ port: UInt16) { self.port = Locked(port) }

    func endpoint(after failure: RedisError?) -> RedisSettings.Endpoint {
        .tcp(host: "127.0.0.1", port: port.withLock { $0 })
    }
}

extension StorageRig {
    /// The file that the server appends to: 7.0 and later keep it in a folder of parts.
    func growingLog() throws -> String {
        let folder = server.folder.file("appendonlydir")
        let parts = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        guard let part = parts.first(where: { $0.hasSuffix(".incr.aof") }) else {
            return server.folder.file("appendonly.aof")
        }
        return folder + "/" + part
    }
}
