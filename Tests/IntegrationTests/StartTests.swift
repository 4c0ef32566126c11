import Foundation
import TestRigs
import Testing

/// Where a group without committed offsets begins.
@Suite("START", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct StartTests {
    private struct History {
        let corner: KafkaCorner
        let writer: KafkaWriter
        let now: Int64
        /// Up to six and a half days old, nothing younger than two minutes; and of the last half minute.
        let old: Set<WrittenRecord>
        let recent: Set<WrittenRecord>
        let timestamps: [Int: Int64]
    }

    /// A week of records, one each ten minutes in each of four partitions, and some of the last half minute.
    private func history() throws -> History {
        let corner = try KafkaCorner(topics: 2, partitions: 2, configuration: ["retention.ms": "-1"])
        let writer = try corner.writer()
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        var timestamps: [Int: Int64] = [:]
        var number = 0
        func write(_ age: Int64) throws {
            for place in corner.places {
                number += 1
                timestamps[number] = now - age
                try writer.write(place, number, timestamp: now - age)
            }
        }
        for step in stride(from: 936, through: 1, by: -1) { try write(Int64(step) * 600_000) }
        try write(120_000)
        let old = try writer.flush()
        for age in stride(from: 30_000, through: 0, by: -1000) { try write(Int64(age)) }
        let recent = try writer.flush().subtracting(old)
        return History(
            corner: corner, writer: writer, now: now, old: old, recent: recent, timestamps: timestamps)
    }

    /// What was heard after everything of `expected` and some live records came: exactly that.
    private func expect(_ history: History, start: String, _ expected: Set<WrittenRecord>) throws {
        let corner = history.corner
        let router = try corner.router(start: start).waitUntilReady()
        let before = history.writer.written
        for (index, place) in corner.places.enumerated() { try history.writer.write(place, 1_000_000 + index) }
        let live = try history.writer.flush().subtracting(before)
        try corner.waitFor(expected.union(live))
        #expect(router.stop() == 0)
        let reception = KafkaReception(corner.recorder.messages)
        #expect(reception.records.difference(from: expected.union(live)) == "")
        #expect(reception.duplicates.isEmpty)
        #expect(reception.gaps.isEmpty)
    }

    @Test(.timeLimit(.minutes(2))) func aFirstStartPublishesTheLastMinuteAndNothingOlder() throws {
        let history = try history()
        try expect(history, start: "60s", history.recent)
    }

    @Test(.timeLimit(.minutes(2))) func earliestPublishesEverything() throws {
        let history = try history()
        try expect(history, start: "earliest", history.old.union(history.recent))
    }

    @Test(.timeLimit(.minutes(2))) func aTimePublishesWhatIsNotOlder() throws {
        let history = try history()
        // Between two of the records: three days back and five minutes.
        let since = history.now - 3 * 86_400_000 - 300_000
        let text = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: Double(since) / 1000))
        let newer = history.old.filter { history.timestamps[$0.number]! >= since }
        #expect(newer.count == 4 * (3 * 144 + 1))
        try expect(history, start: text, newer.union(history.recent))
    }

    /// The position that START found is committed before the first message: a router that is killed before its first
    /// regular commit, and comes back when START lies elsewhere, goes on where it was.
    @Test(.timeLimit(.minutes(3))) func nothingIsMissedWhenTheRouterIsKilledBeforeItsFirstCommit() throws {
        let corner = try KafkaCorner(topics: 2, partitions: 2)
        let load = KafkaLoad(try corner.writer(), corner.places, rate: 400)
        var moments = SeededRandom(seed: 7)
        var delivered = 0
        for round in 0..<6 {
            let group = "\(corner.name)-\(round)"
            let view = try KafkaGroup(corner.kafka.bootstrap, group)
            let begun = Int64(Date().timeIntervalSince1970 * 1000)
            let router = try corner.router(
                start: "1s", prefix: "round\(round)", ["KAFKA_GROUP_ID": group, "KAFKA_SESSION_TIMEOUT": "30s"])
            func heard() -> [HeardMessage] {
                corner.recorder.messages.filter { $0.channel.hasPrefix("round\(round):") }
            }
            if round < 2 {
                usleep(UInt32(moments.next() % 1_000_000))
            } else {
                try eventually("round \(round): the first message") { !heard().isEmpty }
                usleep(UInt32(moments.next() % 400_000))
            }
            router.kill()
            let committed = try view.committed(corner.places)
            let first = heard()
            if !first.isEmpty { delivered += 1 }
            for message in first {
                #expect(committed[message.record.place] != nil, "delivered before its position was committed")
            }
            // Now START means another place.
            try eventually("START has passed by", within: .seconds(5)) {
                Int64(Date().timeIntervalSince1970 * 1000) > begun + 2500
            }
            try router.restart()
            try eventually("round \(round): it delivers") {
                Set(heard().dropFirst(first.count).map(\.record.place)) == Set(corner.places)
            }
            #expect(router.stop() == 0)
            let all = heard()
            #expect(all.allSatisfy { $0.timestamp >= begun - 1000 }, "older than START")
            for place in corner.places {
                let offsets = Set(all.filter { $0.record.place == place }.map(\.record.offset))
                let first = try #require(offsets.min())
                // On a slow machine the first regular commit was quicker than the kill.
                let start = min(committed[place] ?? first, first)
                let last = try #require(offsets.max())
                #expect(offsets == Set(start...last), "round \(round), \(place): from \(start) to \(last)")
            }
        }
        #expect(delivered >= 4)
        _ = try load.stop()
    }
}
