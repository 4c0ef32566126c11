import Foundation
import Synchronization
import TestRigs
import Testing

/// The persister's own end, at moments it does not choose: what the tables hold afterwards, row by row.
@Suite("A persister that is killed", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct PersisterKillTests {
    private struct Result: Sendable {
        var kills = 0
        /// Rows that were missing at the end.
        var lost = 0
        /// From a kill to the next record in the table.
        var recoveries: [Duration] = []
    }

    /// Ten kills a database; with KLINECAST_TORTURE=N, N times as many, on four persisters at a time.
    @Test(.timeLimit(.minutes(torture > 1 ? 60 : 3)), arguments: PersisterDatabase.Kind.available)
    func noRowIsMissingOrThereTwiceAfterKillsAtRandomMoments(_ kind: PersisterDatabase.Kind) throws {
        let lanes = torture > 1 ? min(4, torture) : 1
        let share = (10 * torture + lanes - 1) / lanes
        let outcome = Mutex<(results: [Result], problems: [String])>(([], []))
        DispatchQueue.concurrentPerform(iterations: lanes) { lane in
            do {
                // A corner for each fifty: the comparison at the end stays one of some hundred thousand rows.
                for part in 0..<(share + 49) / 50 {
                    let seed = 5_000 + UInt64(lane * 1000 + part)
                    let result = try Self.killAgainAndAgain(kind, min(50, share - 50 * part), seed: seed)
                    outcome.withLock { $0.results.append(result) }
                }
            } catch {
                outcome.withLock { $0.problems.append("\(error)") }
            }
        }
        let (results, problems) = outcome.withLock { $0 }
        #expect(problems.isEmpty)
        #expect(results.allSatisfy { $0.lost == 0 })
        let recoveries = results.flatMap(\.recoveries)
        print(
            "SUMMARY kill_\(kind.rawValue) n=\(results.reduce(0) { $0 + $1.kills })",
            "lost=\(results.reduce(0) { $0 + $1.lost })",
            "recovery_p50_ms=\(percentile(0.5, of: recoveries).milliseconds)",
            "recovery_p99_ms=\(percentile(0.99, of: recoveries).milliseconds)")
    }

    private static func killAgainAndAgain(
        _ kind: PersisterDatabase.Kind, _ kills: Int, seed: UInt64
    ) throws -> Result {
        let corner = try PersisterCorner(kind, topics: 2, partitions: 2, trade: ["executions"])
        let load = try corner.load(rate: 1500)
        var moments = SeededRandom(seed: seed)
        let persister = try corner.persister()
        var result = Result()
        var killed: ContinuousClock.Instant?
        var before = 0
        for index in 0..<kills {
            // One in four dies before it is ready, wherever it is then; the others while they write.
            if moments.next() % 4 == 0 {
                usleep(UInt32(moments.next() % 300_000))
            } else {
                try eventually(
                    "kill \(index): the table grows again\n\(persister.process.text.suffix(2000))",
                    every: .milliseconds(20)
                ) { corner.total() > before }
                if let killed { result.recoveries.append(ContinuousClock.now - killed) }
                usleep(UInt32(moments.next() % 1_200_000))
            }
            killed = ContinuousClock.now
            persister.kill()
            before = corner.total()
            try persister.restart()
            result.kills += 1
        }
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0, "\(persister.process.text.suffix(3000))")
        result.lost = try corner.check(written)
        return result
    }

    /// One kill at a named point of the third batch, one more of the fifth in the next life.
    @Test(
        .timeLimit(.minutes(2)), arguments: PersisterDatabase.Kind.available, PersisterProcess.Failpoint.Place.allCases)
    func noRowIsMissingOrThereTwiceAfterAKillAt(
        _ kind: PersisterDatabase.Kind, _ place: PersisterProcess.Failpoint.Place
    ) throws {
        let corner = try PersisterCorner(kind, topics: 2, partitions: 2, trade: ["executions"])
        let load = try corner.load(rate: 2000)
        let persister = try corner.persister(failpoint: .init(place: place, batch: 3))
        #expect(persister.process.waitForExit() == -SIGKILL, "\(persister.process.text.suffix(3000))")
        try persister.restart(failpoint: .init(place: place, batch: 5))
        #expect(persister.process.waitForExit() == -SIGKILL, "\(persister.process.text.suffix(3000))")
        // The positions are those of the rows, not those that Kafka holds: what a commit there lags behind is not read
        // again into the table.
        let behind = try corner.offsets.committed(corner.places)
        let positions = corner.database.positions(corner.group)
        if place == .afterCommit {
            #expect(corner.places.contains { (positions[$0]?.next ?? 0) > (behind[$0] ?? 0) })
        }
        try persister.restart()
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        try corner.check(written)
    }

    /// Kafka's committed offsets show how far it has come; they never say where it goes on.
    @Test(.timeLimit(.minutes(2))) func recordsThatKafkasOffsetsSkipAreInTheTableAllTheSame() throws {
        let corner = try PersisterCorner(.sqlite)
        let writer = try corner.writer()
        let persister = try corner.persister()
        try corner.waitFor(try corner.write(0..<500, by: writer), by: [persister])
        #expect(persister.stop() == 0)
        let place = corner.places[0]
        #expect(try corner.offsets.committed(corner.places)[place] == 500, "shown to whoever looks at the group")
        let written = try corner.write(500..<800, by: writer)
        // The group takes it once it has forgotten its member, which kept its place for the session's time.
        try eventually("the group's offsets are moved to the end") {
            let answer = try? corner.kafka.run(
                "bin/kafka-consumer-groups.sh",
                [
                    "--bootstrap-server", corner.kafka.bootstrap, "--group", corner.group, "--topic", place.topic,
                    "--reset-offsets", "--to-latest", "--execute",
                ])
            return try answer != nil && corner.offsets.committed(corner.places)[place] == 800
        }
        try persister.restart()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        try corner.check(written)
    }
}

extension PersisterCorner {
    /// Records behind the positions of this corner's own topics.
    func total() -> Int {
        let positions = database.positions(group)
        return places.reduce(0) { sum, place in
            place.topic.hasPrefix("market.data.") ? sum + Int(max(0, positions[place]?.next ?? 0)) : sum
        }
    }
}
