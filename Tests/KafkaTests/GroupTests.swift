import Foundation
import Kafka
import MarketData
import Records
import TestRigs
import Testing

import enum Configuration.StartPosition

@Suite("Members of a group", .enabled(if: KafkaCluster.isAvailable), .serialized, .timeLimit(.minutes(2)))
struct GroupTests {
    /// Lets all of them turn until `condition` holds.
    private func turn(
        _ drivers: [ConsumerDriver], _ what: String, within limit: Duration = .seconds(40), until condition: () -> Bool
    ) throws {
        let deadline = ContinuousClock.now + limit
        while !condition() {
            guard ContinuousClock.now < deadline else {
                throw DriverFailure(description: "\(what): \(drivers.map { "\($0.owns.count) \($0.history)" })")
            }
            for driver in drivers { try driver.step() }
        }
    }

    @Test(arguments: TestCluster.available)
    func eachPartitionHasOneOwnerAndNoneMovesNeedlessly(on cluster: TestCluster) throws {
        let kafka = try cluster.get()
        let topic = unique("shared")
        let group = unique("g")
        try kafka.make(topic, partitions: 12)
        let all = Set((0..<12).map { TopicPartition(topic: topic, partition: $0) })
        let first = try ConsumerDriver(kafka.settings, group: group, topics: [topic])
        try turn([first], "one owns all") { first.owns == all }
        let second = try ConsumerDriver(kafka.settings, group: group, topics: [topic])
        try turn([first, second], "two share") { first.owns.count == 6 && second.owns.count == 6 }
        #expect(first.owns.union(second.owns) == all)
        let third = try ConsumerDriver(kafka.settings, group: group, topics: [topic])
        let before = (first.owns, second.owns)
        try turn([first, second, third], "three share") {
            [first, second, third].allSatisfy { $0.owns.count == 4 }
        }
        #expect(first.owns.union(second.owns).union(third.owns) == all)
        // Who stays keeps four of its six: nothing moved between the first two.
        #expect(first.owns.isSubset(of: before.0) && second.owns.isSubset(of: before.1))
        let kept = (first.owns, second.owns)
        third.close()
        #expect(third.hasClosedInTime)
        try turn([first, second], "two share again") { first.owns.union(second.owns) == all }
        #expect(first.owns.isSuperset(of: kept.0) && second.owns.isSuperset(of: kept.1))
        #expect(first.failures.isEmpty && second.failures.isEmpty)
        first.close()
        second.close()
    }

    @Test(arguments: [Reader.capacity, 1]) func noRecordIsMissedWhileMembersComeAndGo(readerCapacity: Int) throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("moving")
        let group = unique("g")
        try kafka.make(topic, partitions: 6)
        let producer = try Producer(settings: kafka.settings)
        var sent = 0
        func send(_ count: Int) throws {
            for _ in 0..<count {
                try producer.produce(topic: topic, partition: Int32(sent % 6), key: nil, value: Array("\(sent)".utf8))
                sent += 1
            }
            _ = producer.flush(deadline: .seconds(10))
            _ = producer.poll()
        }
        let first = try ConsumerDriver(kafka.settings, group: group, topics: [topic], readerCapacity: readerCapacity)
        try send(300)
        try turn([first], "the first batch") { first.records.count == 300 }
        let second = try ConsumerDriver(kafka.settings, group: group, topics: [topic], readerCapacity: readerCapacity)
        try send(300)
        try turn([first, second], "both own") { second.owns.count == 3 }
        try send(300)
        try turn([first, second], "what was sent") { Set(first.values).union(second.values).count == sent }
        second.close()
        try send(300)
        try turn([first], "the rest") { Set(first.values).union(second.values).count == sent }
        // Everything handed out was stored before each move, so there is no repeat either.
        #expect(first.values.count + second.values.count == sent)
        first.close()
    }

    /// The library keeps a pause when a partition is given back, and we forget it.
    @Test(arguments: [Reader.capacity, 1]) func whatWasPausedWhenItWentIsReadWhenItComesBack(readerCapacity: Int) throws
    {
        let kafka = try KafkaCluster.shared()
        let topic = unique("paused")
        let group = unique("g")
        try kafka.make(topic, partitions: 2)
        let all = Set((0..<2).map { TopicPartition(topic: topic, partition: $0) })
        let stays = try ConsumerDriver(kafka.settings, group: group, topics: [topic], readerCapacity: readerCapacity)
        try turn([stays], "one owns both") { stays.owns == all }
        stays.consumer.pause(Array(stays.owned.keys))
        let visitor = try ConsumerDriver(kafka.settings, group: group, topics: [topic], readerCapacity: readerCapacity)
        try turn([stays, visitor], "they share") { stays.owns.count == 1 && visitor.owns.count == 1 }
        visitor.close()
        try turn([stays], "both are back") { stays.owns == all }
        stays.consumer.resume(Array(stays.owned.keys))
        let producer = try Producer(settings: kafka.settings)
        for partition in 0..<2 {
            try producer.produce(topic: topic, partition: Int32(partition), key: nil, value: Array("\(partition)".utf8))
        }
        _ = producer.flush(deadline: .seconds(10))
        try turn([stays], "both are read") { Set(stays.values) == ["0", "1"] }
        stays.close()
    }

    @Test func aStaticMemberComesBackToItsPartitionsAndTheOthersKeepTheirs() throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("static")
        let group = unique("g")
        try kafka.make(topic, partitions: 4)
        let stays = try ConsumerDriver(
            kafka.settings, group: group, topics: [topic], instanceID: "a", sessionTimeout: .seconds(30))
        let leaves = try ConsumerDriver(
            kafka.settings, group: group, topics: [topic], instanceID: "b", sessionTimeout: .seconds(30))
        try turn([stays, leaves], "they share") { stays.owns.count == 2 && leaves.owns.count == 2 }
        let owned = leaves.owns
        // What moved; the end of the first rebalance, which gives nobody anything, may still be to come.
        func moves() -> [String] { stays.history.filter { $0 != "+0" } }
        let before = moves()
        leaves.close()
        let back = try ConsumerDriver(
            kafka.settings, group: group, topics: [topic], instanceID: "b", sessionTimeout: .seconds(30))
        try turn([stays, back], "it is back") { back.owns == owned }
        #expect(moves() == before)
        stays.close()
        back.close()
    }

    @Test func abortedRecordsAreNotHandedOutAndTheEndIsReached() throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("transactions")
        try kafka.make(topic)
        var settings = kafka.settings
        settings.properties["transactional.id"] = unique("tx")
        let producer = try Producer(settings: settings)
        try producer.prepareTransactions()
        for (name, isKept) in [("kept", true), ("dropped", false), ("kept too", true), ("dropped last", false)] {
            try producer.beginTransaction()
            for index in 0..<5 { try producer.produce(topic: topic, key: nil, value: Array("\(name) \(index)".utf8)) }
            // An abort may drop what was never sent; this must have reached the log.
            #expect(producer.flush(deadline: .seconds(10)))
            if isKept { try producer.commitTransaction() } else { try producer.abortTransaction() }
        }
        let driver = try ConsumerDriver(kafka.settings, group: unique("g"), topics: [topic])
        // Twenty records and a marker for each transaction.
        try driver.run("the end behind the last marker") {
            driver.ends[TopicPartition(topic: topic, partition: 0)] == 24
        }
        #expect(driver.values == (0..<5).map { "kept \($0)" } + (0..<5).map { "kept too \($0)" })
        #expect(driver.resets.isEmpty)
        driver.close()
    }

    @Test func closingWithAnUnansweredAssignmentDoesNotHang() throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("unanswered")
        try kafka.make(topic)
        let consumer = try Consumer(
            settings: kafka.settings, group: unique("g"), instanceID: nil, subscription: [topic], start: .earliest)
        try consumer.join()
        let buffer = UnsafeMutablePointer<Record>.allocate(capacity: 1)
        defer { unsafe buffer.deallocate() }
        try eventually("an assignment is offered") {
            _ = unsafe consumer.take(into: buffer, limit: 1)
            return consumer.nextEvent() == .assigning([TopicPartition(topic: topic, partition: 0)])
        }
        #expect(consumer.close(deadline: .seconds(5)))
    }

    @Test func aBrokerThatComesBackIsNoticedBothWays() throws {
        let kafka = try KafkaCluster()
        let topic = unique("outage")
        try kafka.make(topic)
        try produce(kafka.settings, topic, ["before"])
        let driver = try ConsumerDriver(kafka.settings, group: unique("g"), topics: [topic])
        try driver.run("the first") { driver.records.count == 1 }
        #expect(!driver.consumer.areBrokersDown)
        kafka.kill(1)
        try driver.run("the outage is told") { driver.consumer.areBrokersDown }
        #expect(driver.consumer.lastFailure != nil)
        try kafka.boot(1)
        try driver.run("the broker is back") {
            driver.consumer.checkMembership()
            return !driver.consumer.areBrokersDown
        }
        try produce(kafka.settings, topic, ["after"])
        try driver.run("the second") { driver.values.last == "after" }
        driver.close()
    }
}
