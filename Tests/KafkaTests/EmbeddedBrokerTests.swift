import Foundation
import Kafka
import TestRigs
import Testing

@Suite("Embedded broker", .serialized, .timeLimit(.minutes(2)))
struct EmbeddedBrokerTests {
    private func quick(_ brokers: String) -> KafkaSettings {
        var settings = KafkaSettings(brokers: brokers)
        settings.properties["fetch.wait.max.ms"] = "20"
        return settings
    }

    @Test func recordsGoThroughAFixedPort() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("round", partitions: 1)
        let forwarder = try PortForwarder(port: 0, target: broker.bootstrap)
        let settings = quick("127.0.0.1:\(forwarder.port)")
        let values = (0..<500).map { "round \($0)" }
        try produce(KafkaSettings(brokers: "127.0.0.1:\(forwarder.port)"), "round", values)
        let driver = try ConsumerDriver(settings, group: "g", topics: ["round"], sessionTimeout: .seconds(6))
        try driver.run("all records") { driver.records.count == 500 }
        #expect(driver.values == values)
        driver.close()
        forwarder.stop()
        #expect(throws: KafkaError.self) { try PortForwarder(port: 0, target: "nowhere") }
    }

    @Test func theForwarderCarriesMoreThanItsBuffersAndEndsWithItsConnectionsOpen() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("big", partitions: 1)
        let forwarder = try PortForwarder(port: 0, target: broker.bootstrap)
        let producer = try Producer(
            settings: KafkaSettings(brokers: "127.0.0.1:\(forwarder.port)"), compression: .none)
        for _ in 0..<20 { try producer.produce(topic: "big", key: nil, value: [UInt8](repeating: 7, count: 200_000)) }
        #expect(producer.flush(deadline: .seconds(20)))
        #expect(producer.poll().allSatisfy { $0.failure == nil })
        forwarder.stop()
    }

    @Test func aBusyPortIsAnError() throws {
        let first = try PortForwarder(port: 0, target: "127.0.0.1:1")
        #expect(throws: KafkaError.system(attempt: "listen on 127.0.0.1:\(first.port)", errno: EADDRINUSE)) {
            try PortForwarder(port: first.port, target: "127.0.0.1:1")
        }
        first.stop()
    }

    @Test func aPartitionWithoutALeaderHoldsUpNoOther() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("led", partitions: 3)
        for partition in 0..<3 {
            try produce(KafkaSettings(brokers: broker.bootstrap), "led", ["\(partition)"], partition: Int32(partition))
        }
        let waiting = TopicPartition(topic: "led", partition: 1)
        try broker.setLeader(waiting, nil)
        func member() throws -> ConsumerDriver {
            try ConsumerDriver(quick(broker.bootstrap), group: "g", topics: ["led"], sessionTimeout: .seconds(6))
        }
        let first = try member()
        try first.run("both that have a leader") { Set(first.values) == ["0", "2"] }
        // The group moves meanwhile: whoever has it then waits for the leader.
        let second = try member()
        func turn() throws {
            for driver in [first, second] {
                try driver.step()
                driver.consumer.checkMembership()
            }
        }
        try eventually("the two share them") {
            try turn()
            return first.owns.union(second.owns).count == 2 && !first.owns.isEmpty && !second.history.isEmpty
        }
        #expect(!first.owns.union(second.owns).contains(waiting))
        try broker.setLeader(waiting, 1)
        try eventually("the third, once it has a leader") {
            try turn()
            return (first.values + second.values).contains("1")
        }
        // The group may be moving still.
        try eventually("each partition has one owner") {
            try turn()
            return first.owns.isDisjoint(with: second.owns) && first.owns.union(second.owns).count == 3
        }
        first.close()
        second.close()
    }

    @Test func injectedErrorsAreOvercomeAndAnAdminRequestIsRefusedByName() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("errors", partitions: 1)
        // Produce (0) twice refused for the time being, NOT_LEADER_FOR_PARTITION (6).
        broker.pushErrors(apiKey: 0, codes: [6, 6])
        try produce(KafkaSettings(brokers: broker.bootstrap), "errors", ["a", "b"])
        // Fetch (1) and the coordinator's look-up (10): COORDINATOR_NOT_AVAILABLE (15).
        broker.pushErrors(apiKey: 10, codes: [15, 15])
        broker.pushErrors(apiKey: 1, codes: [6])
        let driver = try ConsumerDriver(
            quick(broker.bootstrap), group: "g", topics: ["errors"], sessionTimeout: .seconds(6))
        try driver.run("both") { driver.values == ["a", "b"] }
        driver.close()
        let admin = try Admin(settings: KafkaSettings(brokers: broker.bootstrap))
        #expect(throws: KafkaError.unsupported(attempt: "create topic x")) {
            try admin.createTopic("x", timeout: .seconds(5))
        }
    }

    @Test func aBrokerThatIsDownIsToldAndComesBack() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("down", partitions: 1)
        let driver = try ConsumerDriver(
            quick(broker.bootstrap), group: "g", topics: ["down"], sessionTimeout: .seconds(6))
        try driver.run("the partition") { driver.owned.count == 1 }
        try broker.setDown(1)
        try driver.run("it is told") { driver.consumer.areBrokersDown }
        try broker.setUp(1)
        try produce(KafkaSettings(brokers: broker.bootstrap), "down", ["after"])
        try driver.run("the record") { driver.values == ["after"] }
        #expect(!driver.consumer.areBrokersDown)
        driver.close()
    }
}
