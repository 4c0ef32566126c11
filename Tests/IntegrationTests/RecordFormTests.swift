import Foundation
import TestRigs
import Testing

/// Forms that a log can have: transactions, codecs, holes.
@Suite("What logs hold", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct RecordFormTests {
    /// `previous` names the record that was heard before, and nothing else.
    private func expectExactPrevious(_ messages: [HeardMessage]) {
        var last: [KafkaPlace: Int64] = [:]
        for message in messages {
            #expect(message.previous == last[message.record.place], "at \(message.record)")
            last[message.record.place] = message.record.offset
        }
    }

    @Test(.timeLimit(.minutes(2))) func abortedTransactionsAreNotDeliveredAndCommittedOnesAre() throws {
        let corner = try KafkaCorner(topics: 1, partitions: 2)
        let writer = try corner.writer(["transactional.id": corner.name, "message.timeout.ms": "30000"])
        try writer.initTransactions()
        let router = try corner.router().waitUntilReady()
        var number = 0
        var committed: Set<Int> = []
        for round in 0..<12 {
            // The log ends with an aborted one.
            let isCommitted = round % 3 == 0
            try writer.begin()
            for _ in 0..<50 {
                number += 1
                try writer.write(corner.places[number % 2], number)
                if isCommitted { committed.insert(number) }
            }
            // In the log before the end: an aborted record that was never sent would prove nothing.
            try writer.flush()
            if isCommitted { try writer.commit() } else { try writer.abort() }
        }
        let expected = writer.written.filter { committed.contains($0.number) }
        #expect(expected.count == committed.count)
        try corner.waitFor(expected)
        try eventually("no lag where only aborted records and marks are left") {
            let partitions = router.partitions
            return partitions.count == 2 && partitions.values.allSatisfy { $0.lag == 0 && ($0.end ?? 0) > 300 }
        }
        #expect(router.stop() == 0)
        let reception = KafkaReception(corner.recorder.messages)
        #expect(reception.records.difference(from: expected) == "")
        #expect(reception.duplicates.isEmpty)
        expectExactPrevious(corner.recorder.messages)
    }

    @Test(.timeLimit(.minutes(2))) func everyCodecIsRead() throws {
        let codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
        let corner = try KafkaCorner(topics: codecs.count)
        var written: Set<WrittenRecord> = []
        for (codec, place) in zip(codecs, corner.places) {
            let writer = try corner.writer(["compression.codec": codec, "linger.ms": "50"])
            for number in 1...500 { try writer.write(place, number) }
            written.formUnion(try writer.flush())
        }
        let router = try corner.router()
        try corner.waitFor(written)
        #expect(router.stop() == 0)
        let reception = KafkaReception(corner.recorder.messages)
        #expect(reception.records.difference(from: written) == "")
        #expect(written.count == 2500)
        #expect(reception.disordered.isEmpty)
    }

    /// On a broker of its own, whose cleaner looks often from the start: told so while it runs, it starts another thread, and
    /// now and then cleaned nothing for minutes.
    @Test(.timeLimit(.minutes(5))) func holesOfACompactedTopicAreNoGaps() throws {
        let kafka = try KafkaCluster(properties: ["log.cleaner.backoff.ms": "200"])
        let corner = try KafkaCorner(spare: 1, kafka: kafka)
        let place = KafkaPlace(topic: corner.topics[1], partition: 0)
        try corner.create(
            place.topic,
            configuration: [
                "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "300",
                "min.compaction.lag.ms": "0",
            ])
        let writer = try corner.writer(["linger.ms": "0"])
        var number = 0
        var offsets: [Int64] = []
        // A segment is cleaned only when another has begun, which takes its 300 ms.
        try eventually("the log has holes in its middle", within: .seconds(200), every: .milliseconds(400)) {
            // Keys return at different distances, so that what stays lies scattered.
            for _ in 0..<20 {
                number += 1
                try writer.write(place, number, key: "k\(number % 7 == 0 ? number : number % 13)")
            }
            try writer.flush()
            offsets = try corner.group.offsets(place)
            return zip(offsets, offsets.dropFirst()).count { $1 > $0 + 1 } > 5
        }
        let router = try corner.router()
        let last = try #require(offsets.last)
        try eventually("the last record came") { corner.recorder.messages.contains { $0.record.offset >= last } }
        // The cleaner goes on: what was heard is compared with the log before and after.
        let after = try corner.group.offsets(place)
        #expect(router.stop() == 0)
        let reception = KafkaReception(corner.recorder.messages)
        let heard = Set(reception.records.map(\.offset))
        #expect(Set(after).subtracting(heard).isEmpty)
        #expect(heard.isSubset(of: Set(offsets)))
        #expect(reception.gaps.isEmpty)
        #expect(reception.duplicates.isEmpty)
        expectExactPrevious(corner.recorder.messages)
    }
}
