import Foundation
import Kafka
import MarketData
import Records
import TestRigs
import Testing

import enum Configuration.StartPosition

/// The clusters the suites run against: KAFKA_HOME, and KAFKA_HOME_3 where it is set.
enum TestCluster: String, CaseIterable, Sendable {
    case current, three

    static var available: [TestCluster] {
        let home = ProcessInfo.processInfo.environment["KAFKA_HOME_3"] ?? ""
        return home.isEmpty ? [.current] : [.current, .three]
    }
    private static let older = Result {
        try KafkaCluster(home: ProcessInfo.processInfo.environment["KAFKA_HOME_3"] ?? "").keptUntilExit()
    }
    func get() throws -> KafkaCluster {
        switch self {
        case .current: try KafkaCluster.shared()
        case .three: try Self.older.get()
        }
    }
}

@Suite("Consumer on a real Kafka", .enabled(if: KafkaCluster.isAvailable), .serialized, .timeLimit(.minutes(2)))
struct ConsumerTests {
    @Test(arguments: TestCluster.available)
    func recordsArriveInOrderWithKeyValueAndTimestamp(on cluster: TestCluster) throws {
        let kafka = try cluster.get()
        let topic = unique("order")
        try kafka.make(topic)
        let values = (0..<1500).map { $0 == 7 ? nil : $0 == 8 ? "" : "value \($0)" }
        try produce(kafka.settings, topic, values, key: "K", timestamp: { 1_700_000_000_000 + Int64($0) })
        try produce(kafka.settings, topic, ["last"])
        let driver = try ConsumerDriver(kafka.settings, group: unique("g"), topics: [topic])
        try driver.run("all records and the end") { driver.ends[TopicPartition(topic: topic, partition: 0)] == 1501 }
        #expect(driver.records.count == 1501)
        #expect(driver.records.map(\.offset) == Array(0..<1501))
        #expect(driver.records.prefix(1500).map(\.value) == values)
        #expect(driver.records.prefix(1500).allSatisfy { $0.key == "K" })
        #expect(driver.records.prefix(1500).map(\.timestamp) == (0..<1500).map { 1_700_000_000_000 + Int64($0) })
        #expect(driver.records.last?.key == nil)
        #expect(driver.consumer.isJoined)
        let slot = try #require(driver.owned.keys.first)
        #expect(driver.consumer.watermarks(slot)?.high == 1501)
        driver.close()
    }

    @Test(arguments: TestCluster.available)
    func onlyStoredOffsetsAreCommittedAndARestartGoesOnThere(on cluster: TestCluster) throws {
        let kafka = try cluster.get()
        let topic = unique("stored")
        let group = unique("g")
        try kafka.make(topic)
        try produce(kafka.settings, topic, (0..<10).map { "\($0)" })
        let first = try ConsumerDriver(kafka.settings, group: group, topics: [topic])
        first.storesOffsets = false
        try first.run("ten records") { first.records.count == 10 }
        let slot = try #require(first.owned.keys.first)
        first.consumer.store(slot, nextOffset: 4)
        try first.run("the automatic commit") { first.consumer.committed(slot) == 4 }
        first.close()
        let second = try ConsumerDriver(kafka.settings, group: group, topics: [topic])
        try second.run("the rest") { second.records.count == 6 }
        #expect(second.values == ["4", "5", "6", "7", "8", "9"])
        #expect(second.assigned.first?.position == 4)
        #expect(second.assigned.first?.previous == 3)
        second.close()
    }

    @Test func aGroupWithoutACommitBeginsAtStartAndCommitsItAtOnce() throws {
        let kafka = try KafkaCluster.shared()
        let old = unique("history")
        let quiet = unique("history")
        let group = unique("g")
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        try kafka.make(old)
        try kafka.make(quiet)
        // A week up to 61 s ago, then the last minute.
        let ages = (0..<50).map { 604_800_000 - Int64($0) * 12_000_000 } + [61_000, 50_000, 20_000, 1_000]
        try produce(kafka.settings, old, ages.map { "\($0)" }, timestamp: { now - ages[$0] })
        try produce(kafka.settings, quiet, ["too old"], timestamp: { _ in now - 3_600_000 })
        let first = try ConsumerDriver(
            kafka.settings, group: group, topics: ["^\(old)$", "^\(quiet)$"], start: .ago(.seconds(60)),
            processStart: now)
        try first.run("both partitions") { first.owned.count == 2 }
        // It dies here, before it has read or committed anything itself; its START was the only chance.
        first.consumer.close(deadline: .seconds(5))
        try produce(kafka.settings, quiet, ["new"], timestamp: { _ in now + 5 })
        let second = try ConsumerDriver(
            kafka.settings, group: group, topics: ["^\(old)$", "^\(quiet)$"], start: .ago(.seconds(60)),
            processStart: now + 3_600_000)
        try second.run("the last minute") { second.ends.count == 2 && second.records.count >= 4 }
        let seen = second.records.filter { $0.topic == old }.compactMap(\.value)
        #expect(seen == ["50000", "20000", "1000"])
        #expect(second.records.filter { $0.topic == quiet }.compactMap(\.value) == ["new"])
        #expect(first.assigned.allSatisfy { $0.previous == nil })
        second.close()
    }

    @Test func aNewTopicIsFoundWithinTenSecondsWithItsFirstMessage() throws {
        let kafka = try KafkaCluster.shared()
        let prefix = unique("new")
        let driver = try ConsumerDriver(
            kafka.settings, group: unique("g"), topics: ["^\(prefix)\\..+"], start: .ago(.seconds(60)))
        try driver.run("an empty assignment") { driver.consumer.isJoined }
        let began = ContinuousClock.now
        try kafka.make("\(prefix).one")
        // An old timestamp: a new topic is read whole all the same.
        try produce(kafka.settings, "\(prefix).one", ["first", "second"], timestamp: { _ in 1_600_000_000_000 })
        try kafka.make("\(prefix).one.dlq")
        try driver.run("the first message", within: .seconds(10)) { driver.records.count == 2 }
        #expect(ContinuousClock.now - began < .seconds(10))
        #expect(driver.values == ["first", "second"])
        try driver.run("another refresh", within: .seconds(8)) { ContinuousClock.now - began > .seconds(6) }
        #expect(driver.owns == [TopicPartition(topic: "\(prefix).one", partition: 0)])
        driver.close()
    }

    @Test(arguments: Producer.Compression.allCases)
    func everyCodecIsRead(_ codec: Producer.Compression) throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("codec")
        try kafka.make(topic)
        let values = (0..<200).map { "value value value \($0)" }
        try produce(kafka.settings, topic, values, compression: codec)
        let driver = try ConsumerDriver(kafka.settings, group: unique("g"), topics: [topic])
        try driver.run("all records") { driver.records.count == 200 }
        #expect(driver.values == values)
        driver.close()
        // Kafka's record batch, version 2: the codec is in the lowest bits of the attributes, which stand behind base
        // offset (8 bytes), length (4), leader epoch (4), magic (1) and checksum (4).
        let batch = try kafka.firstSegment(topic)
        let known: [Producer.Compression: UInt8] = [.none: 0, .gzip: 1, .snappy: 2, .lz4: 3, .zstd: 4]
        #expect(batch.count > 22 && batch[16] == 2)
        #expect(batch[22] & 7 == known[codec])
    }

    @Test(arguments: [Reader.capacity, 1]) func pausedPartitionsAreSilentAndGoOnWithoutGapOrRepeat(readerCapacity: Int)
        throws
    {
        let kafka = try KafkaCluster.shared()
        let topic = unique("pause")
        try kafka.make(topic, partitions: 2)
        for partition in 0..<2 { try produce(kafka.settings, topic, ["a", "b"], partition: Int32(partition)) }
        let driver = try ConsumerDriver(
            kafka.settings, group: unique("g"), topics: [topic], readerCapacity: readerCapacity)
        try driver.run("the first four") { driver.records.count == 4 }
        let slot = try #require(driver.owned.first { $0.value.partition == 0 }?.key)
        driver.consumer.pause([slot])
        for partition in 0..<2 { try produce(kafka.settings, topic, ["c", "d"], partition: Int32(partition)) }
        try driver.run("partition 1 alone") { driver.records.count { $0.partition == 1 } == 4 }
        #expect(driver.records.count { $0.partition == 0 } == 2)
        driver.consumer.resume([0, 1])
        try driver.run("partition 0 too") { driver.records.count == 8 }
        for partition in 0..<2 {
            #expect(driver.records.filter { $0.partition == partition }.map(\.offset) == [0, 1, 2, 3])
        }
        driver.close()
    }

    @Test func aTopicCreatedAnewIsReadFromItsBeginningAndTold() throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("anew")
        let group = unique("g")
        try kafka.make(topic)
        try produce(kafka.settings, topic, (0..<20).map { "old \($0)" })
        let first = try ConsumerDriver(kafka.settings, group: group, topics: ["^\(topic)$"])
        try first.run("the old ones") { first.records.count == 20 }
        first.close()
        let admin = try Admin(settings: kafka.settings)
        try admin.deleteTopic(topic)
        try eventually("the topic is created again") {
            do {
                try admin.createTopic(topic, partitions: 1)
                try produce(kafka.settings, topic, ["new 0", "new 1"])
                return true
            } catch { return false }
        }
        let second = try ConsumerDriver(kafka.settings, group: group, topics: ["^\(topic)$"])
        try second.run("the new ones") { second.records.count == 2 }
        #expect(second.values == ["new 0", "new 1"])
        // The brokers forget the commits of a deleted topic; where they did not, the reset is reported.
        #expect(second.resets.count == (second.assigned.first?.previous == nil && second.resets.isEmpty ? 0 : 1))
        second.close()
    }

    @Test func aCommitOutsideTheLogIsReportedAndReadingGoesOnAtItsBeginning() throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("outside")
        let group = unique("g")
        try kafka.make(topic)
        try produce(kafka.settings, topic, ["a", "b", "c"])
        let first = try ConsumerDriver(kafka.settings, group: group, topics: [topic])
        first.storesOffsets = false
        try first.run("three") { first.records.count == 3 }
        let slot = try #require(first.owned.keys.first)
        first.consumer.store(slot, nextOffset: 1000)
        first.close()
        let second = try ConsumerDriver(kafka.settings, group: group, topics: [topic])
        try second.run("all again") { second.records.count == 3 }
        #expect(second.resets == [.positionReset(slot: 0, from: 1000, to: 0)])
        #expect(second.assigned.first?.previous == nil)
        second.close()
    }
}
