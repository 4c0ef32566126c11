import Foundation
import Kafka
import TestRigs
import Testing

@Suite("Producer and admin on a real Kafka", .enabled(if: KafkaCluster.isAvailable), .timeLimit(.minutes(2)))
struct ProducerTests {
    @Test func eachRecordIsReportedOnceWithItsOffset() throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("reports")
        try kafka.make(topic)
        let producer = try Producer(settings: kafka.settings)
        for token in 1...100 {
            try producer.produce(
                topic: topic, key: Array("k".utf8), value: Array("v".utf8),
                headers: [("reason", Array("none".utf8)), ("empty", [])], token: UInt64(token))
        }
        #expect(producer.outstanding == 100)
        #expect(producer.flush(deadline: .seconds(10)))
        let deliveries = producer.poll()
        #expect(deliveries.map(\.token) == Array(1...100))
        #expect(deliveries.compactMap(\.offset) == Array(0..<100))
        #expect(deliveries.allSatisfy { $0.failure == nil })
    }

    @Test func aRecordTheBrokerRefusesIsReportedAsFailed() throws {
        let kafka = try KafkaCluster.shared()
        let topic = unique("small")
        try kafka.make(topic, configuration: ["max.message.bytes": "1000"])
        let producer = try Producer(settings: kafka.settings, compression: .none)
        try producer.produce(topic: topic, key: nil, value: [UInt8](repeating: 65, count: 5000), token: 7)
        #expect(producer.flush(deadline: .seconds(10)))
        let delivery = try #require(producer.poll().first)
        #expect(delivery.token == 7)
        #expect(delivery.offset == nil)
        #expect(delivery.failure?.name == "MSG_SIZE_TOO_LARGE")
    }

    @Test func aFullQueueSaysSo() throws {
        let producer = try Producer(
            settings: KafkaSettings(brokers: "127.0.0.1:\(freePort())"), deliveryTimeout: .milliseconds(300),
            queueLimit: 3)
        #expect(throws: KafkaError.queueFull) {
            for _ in 0..<4 { try producer.produce(topic: "t", key: nil, value: [1]) }
        }
        var deliveries: [Delivery] = []
        try eventually("all three have failed") {
            deliveries += producer.poll(timeout: .milliseconds(50))
            return deliveries.count == 3
        }
        #expect(deliveries.allSatisfy { $0.failure != nil })
        #expect(producer.outstanding == 0)
    }

    @Test func creatingATopicTwiceIsNoError() throws {
        let kafka = try KafkaCluster.shared()
        let admin = try Admin(settings: kafka.settings)
        let topic = unique("twice")
        try admin.createTopic(topic, partitions: 2, configuration: ["retention.ms": "60000"])
        try admin.createTopic(topic, partitions: 2)
        #expect(throws: KafkaError.self) { try admin.createTopic("not/a/name", partitions: 1) }
        #expect(throws: KafkaError.self) { try admin.createTopic(unique("x"), configuration: ["no.such": "1"]) }
        try admin.deleteTopic(topic)
        #expect(throws: KafkaError.self) { try admin.deleteTopic(unique("never")) }
    }
    @Test func anAdminOverAProducersClientListsAndCreatesTopicsAndLeavesTheClientAlive() throws {
        let kafka = try KafkaCluster.shared()
        let producer = try Producer(settings: kafka.settings)
        let (old, new) = (unique("old"), unique("new"))
        try Admin(settings: kafka.settings).createTopic(old, partitions: 1)
        var admin: Admin? = Admin(sharing: producer)
        try eventually("the topic is listed") { try admin!.topicNames(timeout: .seconds(10)).contains(old) }
        #expect(try !admin!.topicNames(timeout: .seconds(10)).contains(new))
        try admin!.createTopics([old, new], configuration: [:], timeout: .seconds(10))
        try eventually("the topic is listed") { try admin!.topicNames(timeout: .seconds(10)).contains(new) }
        admin = nil
        try producer.produce(topic: new, key: nil, value: [1])
        var deliveries: [Delivery] = []
        try eventually("the record is stored") {
            deliveries += producer.poll(timeout: .milliseconds(50))
            return !deliveries.isEmpty
        }
        #expect(deliveries.map(\.failure) == [nil])
    }
}
