import Foundation
import Kafka
import Records
import TestRigs
import Testing

/// Partitions that are many are divided among several clients; here three are many.
@Suite("Readers beside the member", .enabled(if: KafkaCluster.isAvailable), .serialized, .timeLimit(.minutes(2)))
struct ReaderTests {
    private func driver(_ topic: String, _ group: String) throws -> ConsumerDriver {
        try ConsumerDriver(try KafkaCluster.shared().settings, group: group, topics: [topic], readerCapacity: 3)
    }

    /// `count` records in each of `partitions`, named by partition and number, from `first` on.
    private func fill(_ topic: String, partitions: Range<Int32>, numbers: Range<Int>) throws {
        let producer = try Producer(settings: try KafkaCluster.shared().settings)
        for number in numbers {
            for partition in partitions {
                try producer.produce(
                    topic: topic, partition: partition, key: nil, value: Array("\(partition) \(number)".utf8))
            }
        }
        _ = producer.flush(deadline: .seconds(10))
    }

    private func expectEachOnce(_ records: [SeenRecord], partitions: Range<Int32>, numbers: Range<Int>) {
        for partition in partitions {
            #expect(
                records.filter { $0.partition == partition }.compactMap(\.value)
                    == numbers.map { "\(partition) \($0)" })
        }
    }

    @Test func eachPartitionIsReadOnceAndItsCommitIsTheMembers() throws {
        let kafka = try KafkaCluster.shared()
        let (topic, group) = (unique("divided"), unique("g"))
        try kafka.make(topic, partitions: 10)
        try fill(topic, partitions: 0..<10, numbers: 0..<50)
        let first = try driver(topic, group)
        try first.run("all records and ends") { first.records.count >= 500 && first.ends.count == 10 }
        #expect(first.consumer.readerCount == 1 + 4)
        expectEachOnce(first.records, partitions: 0..<10, numbers: 0..<50)
        for slot in first.owned.keys {
            let limits = try #require(first.consumer.watermarks(slot))
            #expect(limits == (0, 50))
        }
        first.close()
        #expect(first.hasClosedInTime && first.failures.isEmpty && first.consumer.refusedStores == 0)
        try fill(topic, partitions: 0..<10, numbers: 50..<60)
        let second = try driver(topic, group)
        try second.run("only what is new") { second.records.count >= 100 && second.ends.count == 10 }
        expectEachOnce(second.records, partitions: 0..<10, numbers: 50..<60)
        second.close()
    }

    /// While they are few the member reads them itself, and goes on with those when more come.
    @Test func theMemberKeepsWhatItReads() throws {
        let kafka = try KafkaCluster.shared()
        let name = unique("grows")
        try kafka.make("\(name).1", partitions: 2)
        let driver = try driver("^\(name)\\.[0-9]$", unique("g"))
        try fill("\(name).1", partitions: 0..<2, numbers: 0..<20)
        try driver.run("the first topic") { driver.records.count == 40 }
        #expect(driver.consumer.readerCount == 1)
        try kafka.make("\(name).2", partitions: 4)
        try fill("\(name).2", partitions: 0..<4, numbers: 0..<20)
        try driver.run("the second topic") { driver.records.count == 120 }
        #expect(driver.consumer.readerCount == 1 + 2)
        try fill("\(name).1", partitions: 0..<2, numbers: 20..<40)
        try driver.run("the first again") { driver.records.count == 160 }
        expectEachOnce(driver.records.filter { $0.topic == "\(name).1" }, partitions: 0..<2, numbers: 0..<40)
        expectEachOnce(driver.records.filter { $0.topic == "\(name).2" }, partitions: 0..<4, numbers: 0..<20)
        driver.close()
    }

    /// Moved, also while it is paused: each goes on where it was told to, and the others are not touched.
    @Test func aMoveReachesWhoReadsThePartition() throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("moved")
        try kafka.make(topic, partitions: 6)
        try fill(topic, partitions: 0..<6, numbers: 0..<30)
        let driver = try driver(topic, unique("g"))
        try driver.run("all records") { driver.records.count == 180 }
        let moved = driver.owned.filter { $0.value.partition % 2 == 0 }.map(\.key)
        driver.consumer.pause([moved[0]])
        try driver.consumer.move(moved, to: moved.map { _ in 20 })
        driver.records = []
        try driver.run("ten of each again") { driver.records.count >= 30 }
        try fill(topic, partitions: 0..<6, numbers: 30..<35)
        try driver.run("and what is new") { driver.records.count >= 60 }
        for partition in Int32(0)..<6 {
            expectEachOnce(
                driver.records, partitions: partition..<(partition + 1), numbers: partition % 2 == 0 ? 20..<35 : 30..<35
            )
        }
        driver.close()
    }
}
