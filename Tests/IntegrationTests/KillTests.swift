import Foundation
import Synchronization
import TestRigs
import Testing

/// The router's own end, at moments it does not choose.
@Suite("A router that ends under load", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct KillTests {
    /// One SIGKILL, and what was known at that moment.
    private struct Kill: Sendable {
        /// Messages heard before it.
        let heard: Int
        /// What the group held in the broker, read after it.
        let committed: [KafkaPlace: Int64]
        let moment: ContinuousClock.Instant
        /// Since when this life delivered; nil if it never did.
        let alive: ContinuousClock.Instant?
        /// Redis answered nothing before it.
        let isHung: Bool
        /// To the first message of the next life that lived long enough to deliver.
        var recovery: Duration?
    }

    private struct Result: Sendable {
        var kills: [Kill] = []
        var lost = 0
        var duplicates: [Int] = []
        var recoveries: [Duration] = []
    }

    /// Ten kills a round; with KLINECAST_TORTURE=N, N times as many, on four routers at a time.
    @Test(.timeLimit(.minutes(torture > 1 ? 60 : 3)))
    func noRecordLostWhenTheRouterIsKilledAtRandomMoments() throws {
        let lanes = torture > 1 ? min(4, torture) : 1
        let share = (10 * torture + lanes - 1) / lanes
        let outcome = Mutex<(results: [Result], problems: [String])>(([], []))
        DispatchQueue.concurrentPerform(iterations: lanes) { lane in
            do {
                let result = try Self.killAgainAndAgain(share, seed: 20_260 + UInt64(lane))
                outcome.withLock { $0.results.append(result) }
            } catch {
                outcome.withLock { $0.problems.append("\(error)") }
            }
        }
        let (results, problems) = outcome.withLock { $0 }
        #expect(problems.isEmpty)
        let duplicates = results.flatMap(\.duplicates).sorted()
        let recoveries = results.flatMap(\.recoveries)
        let lost = results.reduce(0) { $0 + $1.lost }
        #expect(lost == 0)
        print(
            "SUMMARY kill n=\(duplicates.count) lost=\(lost)",
            "duplicates_p50=\(duplicates.isEmpty ? 0 : duplicates[duplicates.count / 2])",
            "duplicates_max=\(duplicates.last ?? 0) recovery_p50_ms=\(percentile(0.5, of: recoveries).milliseconds)",
            "recovery_p99_ms=\(percentile(0.99, of: recoveries).milliseconds)")
    }

    private static func killAgainAndAgain(_ kills: Int, seed: UInt64) throws -> Result {
        let corner = try KafkaCorner(topics: 2, partitions: 4)
        let load = KafkaLoad(try corner.writer(), corner.places, rate: 1500)
        var moments = SeededRandom(seed: seed)
        let router = try corner.router()
        var result = Result()
        var launched = 0
        for index in 0..<kills {
            // One in four dies before it is ready, wherever it is then; the others while they deliver.
            var alive: ContinuousClock.Instant?
            if moments.next() % 4 == 0 {
                usleep(UInt32(moments.next() % 300_000))
            } else {
                alive = try eventually("kill \(index): the router delivers again") {
                    corner.recorder.arrival(after: launched)
                }
                if let last = result.kills.indices.last, let alive {
                    result.kills[last].recovery = alive - result.kills[last].moment
                }
                usleep(UInt32(moments.next() % 2_500_000))
            }
            // Now and then Redis hangs before: then much is on its way, unanswered.
            let hangs = alive != nil && index % 5 == 3
            if hangs {
                corner.redis.freeze()
                usleep(1_400_000)
            }
            let moment = ContinuousClock.now
            router.kill()
            if hangs { corner.redis.thaw() }
            corner.recorder.catchUp()
            result.kills.append(
                Kill(
                    heard: corner.recorder.count, committed: try corner.group.committed(corner.places), moment: moment,
                    alive: alive, isHung: hangs))
            launched = corner.recorder.count
            try router.restart()
            if index % 50 == 49 { print("NOTE \(index + 1) kills of seed \(seed), \(corner.recorder.count) messages") }
        }
        let written = try load.stop()
        try corner.waitFor(written)
        #expect(router.stop() == 0)
        check(corner, written, &result)
        return result
    }

    private static func check(_ corner: KafkaCorner, _ written: Set<WrittenRecord>, _ result: inout Result) {
        let heard = corner.recorder.messages
        let reception = KafkaReception(heard)
        result.lost = written.subtracting(reception.records).count
        #expect(reception.records.difference(from: written) == "")
        #expect(reception.disordered.isEmpty)
        #expect(reception.gaps.isEmpty, "a gap where nothing is missing")
        result.recoveries = result.kills.compactMap(\.recovery)
        var seen: Set<WrittenRecord> = []
        var next = 0
        var duplicates = [Int](repeating: 0, count: result.kills.count)
        for (index, message) in heard.enumerated() {
            while next < result.kills.count, result.kills[next].heard <= index { next += 1 }
            guard !seen.insert(message.record).inserted else { continue }
            guard next > 0 else {
                Issue.record("delivered twice before the first kill: \(message.record)")
                continue
            }
            duplicates[next - 1] += 1
            let committed = result.kills[next - 1].committed[message.record.place] ?? 0
            #expect(message.record.offset >= committed, "delivered before the last commit, and again after it")
        }
        result.duplicates = duplicates
        checkCommits(heard, result)
    }

    /// A commit comes each second: what a life had delivered two seconds before its end is committed.
    private static func checkCommits(_ heard: [HeardMessage], _ result: Result) {
        for kill in result.kills {
            guard let alive = kill.alive, kill.moment - alive > .seconds(2), !kill.isHung else { continue }
            for message in heard[..<kill.heard] where message.arrival < kill.moment - .seconds(2) {
                #expect(kill.committed[message.record.place] ?? 0 > message.record.offset)
            }
        }
    }

    @Test(.timeLimit(.minutes(torture > 1 ? 20 : 2))) func afterSigtermNothingIsDeliveredTwice() throws {
        let corner = try KafkaCorner(topics: 2, partitions: 4)
        let load = KafkaLoad(try corner.writer(), corner.places, rate: 2000)
        var moments = SeededRandom(seed: 15)
        let router = try corner.router()
        var pauses: [Duration] = []
        for _ in 0..<min(5 * torture, 100) {
            let before = corner.recorder.count
            try eventually("the router delivers") { corner.recorder.count > before + 500 }
            usleep(UInt32(moments.next() % 1_200_000))
            let begun = ContinuousClock.now
            let code = router.stop()
            #expect(code == 0, "\(router.process.text.suffix(3000))")
            pauses.append(ContinuousClock.now - begun)
            try router.restart()
        }
        let written = try load.stop()
        try corner.waitFor(written)
        #expect(router.stop() == 0)
        let reception = KafkaReception(corner.recorder.messages)
        #expect(reception.records.difference(from: written) == "")
        #expect(reception.duplicates.isEmpty)
        #expect(reception.gaps.isEmpty)
        #expect(reception.disordered.isEmpty)
        #expect(pauses.allSatisfy { $0 < .seconds(8) })
        print(
            "SUMMARY sigterm n=\(pauses.count) lost=\(written.subtracting(reception.records).count)",
            "duplicates_max=\(reception.duplicates.count) end_max_ms=\(pauses.map(\.milliseconds).max() ?? 0)")
    }
}
