import Foundation
import TestRigs
import Testing

/// Several persisters of one group that write one database, each with a state folder of its own.
@Suite("Persisters that share a group", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct PersisterGroupTests {
    @Test(.timeLimit(.minutes(torture > 1 ? 20 : 3)), arguments: PersisterDatabase.Kind.available)
    func eachRowIsThereOnceWhilePersistersJoinAndLeave(_ kind: PersisterDatabase.Kind) throws {
        let corner = try PersisterCorner(kind, topics: 3, partitions: 4, trade: ["executions", "orders"])
        let load = try corner.load(rate: 1500)
        let first = try corner.persister().waitUntilReady()
        let second = try corner.persister().waitUntilReady()
        var moments = SeededRandom(seed: 11)
        for _ in 0..<min(20, torture) {
            try corner.waitForProgress(of: [first, second])
            usleep(UInt32(moments.next() % 500_000))
            #expect(second.stop() == 0, "\(second.process.text.suffix(3000))")
            try corner.waitForProgress(of: [first])
            try second.restart()
            try second.waitUntilReady()
            try corner.waitForProgress(of: [first, second])
            usleep(UInt32(moments.next() % 500_000))
            first.kill()
            try corner.waitForProgress(of: [second])
            try first.restart()
            try first.waitUntilReady()
        }
        let written = try load.stop()
        try corner.waitFor(written, by: [first, second])
        for persister in [first, second] { #expect(persister.stop() == 0) }
        let lost = try corner.check(written)
        print("SUMMARY join_\(kind.rawValue) n=\(2 * min(20, torture)) lost=\(lost)")
    }

    /// One stands still past its session; the other takes its partitions over, and writes; then the first goes on, with a
    /// batch in its hands that is no longer its own.
    @Test(.timeLimit(.minutes(torture > 1 ? 30 : 3)), arguments: PersisterDatabase.Kind.available)
    func aFrozenPersisterWritesNothingOfWhatTheOtherTookOver(_ kind: PersisterDatabase.Kind) throws {
        let corner = try PersisterCorner(kind, topics: 2, partitions: 3, trade: ["executions"])
        let load = try corner.load(rate: 2000)
        let frozen = try corner.persister(["DATABASE_BATCH_TIME": "2s", "DATABASE_BATCH_ROWS": "16384"])
            .waitUntilReady()
        let other = try corner.persister().waitUntilReady()
        let rounds = torture > 1 ? min(torture, 50) : 1
        var fenced = 0
        for _ in 0..<rounds {
            try corner.waitForProgress(of: [frozen, other])
            try eventually("it has records in its hands that are not written") {
                frozen.stat("records_received") > frozen.stat("records_committed") + 300
            }
            frozen.process.signal(SIGSTOP)
            defer { frozen.process.signal(SIGCONT) }
            var before = corner.database.positions(corner.group)
            try eventually("its partitions are written by the other", within: .seconds(40), every: .milliseconds(500)) {
                let now = corner.database.positions(corner.group)
                defer { before = now }
                if corner.places.allSatisfy({ now[$0]?.next ?? 0 > before[$0]?.next ?? 0 }) { return true }
                // Who stands still within a transaction keeps the lock of SQLite's file, and nobody can take it away.
                return kind == .sqlite && other.health == "degraded"
            }
            let fencedBefore = other.stat("fenced")
            frozen.process.signal(SIGCONT)
            try corner.expectNoPositionGoesBack(for: .seconds(2))
            try corner.waitForProgress(of: [frozen, other])
            #expect(other.stat("fenced") == fencedBefore, "nobody takes anything from the one that goes on")
            fenced = frozen.stat("fenced")
        }
        #expect(frozen.process.isRunning)
        let written = try load.stop()
        try corner.waitFor(written, by: [frozen, other])
        for persister in [frozen, other] { #expect(persister.stop() == 0) }
        let lost = try corner.check(written)
        print("SUMMARY thaw_\(kind.rawValue) n=\(rounds) lost=\(lost) fenced=\(fenced)")
    }

    /// The fence alone, without a group that moves: a claim is made from outside, under the feet of who holds the partition.
    @Test(.timeLimit(.minutes(2)), arguments: PersisterDatabase.Kind.available)
    func whatAnotherClaimedSinceIsRefusedByTheDatabase(_ kind: PersisterDatabase.Kind) throws {
        let corner = try PersisterCorner(kind)
        let load = try corner.load(rate: 500)
        let persister = try corner.persister().waitUntilReady()
        try corner.waitForProgress(of: [persister])
        // What a claim by another process does.
        try corner.database.execute(
            "update consumer_offsets set fence = fence + 1 where consumer_group = '\(corner.group)'")
        try eventually("the refused write is counted and named") { persister.metric("fenced") >= 1 }
        // It holds the partition by the group's word: so it claims again, and goes on from what the table says.
        try corner.waitForProgress(of: [persister])
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        try corner.check(written)
    }
}

extension PersisterCorner {
    /// Looks at the positions again and again: a stale write would set one back, if only for a moment.
    func expectNoPositionGoesBack(for time: Duration, sourceLocation: SourceLocation = #_sourceLocation) throws {
        var before = database.positions(group)
        let deadline = ContinuousClock.now + time
        while ContinuousClock.now < deadline {
            let now = database.positions(group)
            for place in places {
                guard let was = before[place], let now = now[place] else { continue }
                #expect(now.next >= was.next, "\(place)", sourceLocation: sourceLocation)
            }
            before = now
        }
    }

    /// Waits until each partition has moved on by a record at least.
    func waitForProgress(of persisters: [PersisterProcess], within limit: Duration = .seconds(40)) throws {
        let market = places.filter { $0.topic.hasPrefix("market.data.") }
        let before = database.positions(group)
        do {
            try eventually("each partition's position moves on", within: limit, every: .milliseconds(50)) {
                let now = database.positions(group)
                return market.allSatisfy { now[$0]?.next ?? 0 > before[$0]?.next ?? 0 }
            }
        } catch {
            let talk = persisters.map { "\((try? $0.get("/health"))?.text ?? "")\n\($0.process.text.suffix(3000))" }
            throw NeverHappened(description: "\(error)\n\(talk.joined(separator: "\n"))")
        }
    }
}
