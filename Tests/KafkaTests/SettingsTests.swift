import Foundation
import Testing

import struct Configuration.Secret
import enum Configuration.StartPosition

@testable import Kafka

@Suite("Kafka settings")
struct SettingsTests {
    @Test func anUnknownPropertyIsNamedWithItsValueAndTheLibrarysWords() throws {
        var settings = KafkaSettings()
        settings.properties["fetch.min.bites"] = "5"
        let error = #expect(throws: KafkaError.self) { try Producer(settings: settings) }
        let text = try #require(error).description
        #expect(text == "kafka.properties: fetch.min.bites=5: No such configuration property: \"fetch.min.bites\"")
    }

    @Test func aBadValueIsNamedAndASecretIsNot() throws {
        var settings = KafkaSettings()
        settings.properties["fetch.wait.max.ms"] = "soon"
        let bad = #expect(throws: KafkaError.self) { try Producer(settings: settings) }
        #expect(try #require(bad).description.contains("fetch.wait.max.ms=soon"))
        var secret = KafkaSettings()
        secret.saslPassword = Secret("hush")
        secret.properties["ssl.key.passwords"] = "hush"
        let hidden = #expect(throws: KafkaError.self) { try Producer(settings: secret) }
        #expect(!(try #require(hidden).description.contains("hush")))
        #expect(!"\(secret.saslPassword as Any) \(String(reflecting: secret.saslPassword))".contains("hush"))
    }

    @Test func propertiesOfTheUserWinOverOurs() throws {
        var settings = KafkaSettings()
        // Ours is 10 s; this one alone would be refused by the library, together with ours it must be too.
        settings.properties["session.timeout.ms"] = "400000"
        #expect(throws: KafkaError.self) {
            try Consumer(settings: settings, group: "g", instanceID: nil, subscription: ["t"], start: .earliest)
        }
    }

    @Test func theNewGroupProtocolIsGivenNoClassicSetting() {
        var settings = KafkaSettings()
        settings.properties["group.protocol"] = "consumer"
        let names = Consumer.properties(settings, group: "g", instanceID: "i", sessionTimeout: .seconds(10)).map(\.name)
        for classic in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
            #expect(!names.contains(classic))
        }
        #expect(names.contains("group.instance.id"))
    }

    @Test func scramWithAnOldLibraryIsExplained() {
        let refused =
            "SASL authentication error: Authentication failed during authentication due to invalid credentials"
        let old = KafkaLibrary.explanation(version: 0x0200_02ff, mechanism: "SCRAM-SHA-512", text: refused)
        #expect(old?.contains("librdkafka 2.0.2") == true && old?.contains("2.6.1") == true)
        #expect(KafkaLibrary.explanation(version: 0x0206_00ff, mechanism: "scram-sha-256", text: refused) != nil)
        #expect(KafkaLibrary.explanation(version: 0x0206_01ff, mechanism: "SCRAM-SHA-512", text: refused) == nil)
        #expect(KafkaLibrary.explanation(version: 0x0200_02ff, mechanism: "PLAIN", text: refused) == nil)
        #expect(KafkaLibrary.explanation(version: 0x0200_02ff, mechanism: nil, text: refused) == nil)
        #expect(
            KafkaLibrary.explanation(version: 0x0200_02ff, mechanism: "SCRAM-SHA-512", text: "Connection refused")
                == nil)
    }

    @Test func oneLogLineASecondAndTheRestIsCounted() {
        var throttle = LogThrottle()
        #expect(throttle.admit("a", nowMilliseconds: 0) == 0)
        #expect(throttle.admit("a", nowMilliseconds: 1) == nil)
        #expect(throttle.admit("b", nowMilliseconds: 2) == 0)
        #expect(throttle.admit("a", nowMilliseconds: 999) == nil)
        #expect(throttle.admit("a", nowMilliseconds: 1000) == 2)
        #expect(throttle.admit("a", nowMilliseconds: 2000) == 0)
    }

    @Test func theTableAgreesWithADictionary() {
        var table = PartitionTable()
        var model: [String: Int32] = [:]
        var random = SystemRandomNumberGenerator()
        for step in 0..<20_000 {
            let topic = UInt.random(in: 0..<200, using: &random) * 64 + 0x5000
            let partition = Int32.random(in: 0..<4, using: &random)
            if model["\(topic) \(partition)"] == nil, step % 3 == 0 {
                let slot = Int32.random(in: 0..<100, using: &random)
                table.insert(topic, partition, slot: slot)
                model["\(topic) \(partition)"] = slot
            }
            if step % 500 == 499 {
                let gone = Int32.random(in: 0..<100, using: &random)
                table.remove { $0 % 10 == gone % 10 }
                model = model.filter { $0.value % 10 != gone % 10 }
            }
            #expect(table.slot(topic, partition) == model["\(topic) \(partition)"] ?? -1)
        }
    }
}
