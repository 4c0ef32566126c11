import Foundation
import Kafka
import TestRigs
import Testing

import struct Configuration.Secret
import enum Configuration.StartPosition

/// librdkafka in front of a server with each kind of bad certificate. Any server will do: they are judged before its first
/// word.
@Suite("Certificates of brokers", .timeLimit(.minutes(2)))
struct BrokerCertificateTests {
    private static let certificates = Result { try Certificates() }

    enum Kind: String, CaseIterable, Sendable { case expired, wrongHost, selfSigned, otherAuthority }

    @Test(arguments: Kind.allCases) func badOnesAreRefused(_ kind: Kind) throws {
        let certificates = try Self.certificates.get()
        let pair =
            switch kind {
            case .otherAuthority: certificates.good
            case .expired: certificates.expired
            case .wrongHost: certificates.wrongHost
            case .selfSigned: certificates.selfSigned
            }
        let server = try RedisServer { $0.certificate = pair }
        var settings = KafkaSettings(brokers: "localhost:\(server.port)")
        settings.securityProtocol = "SSL"
        settings.certificateAuthorities =
            kind == .otherAuthority ? certificates.selfSigned.certificate : certificates.authority
        let consumer = try Consumer(
            settings: settings, group: "g", instanceID: nil, subscription: ["t"], start: .earliest)
        defer { consumer.close(deadline: .seconds(5)) }
        var said = ""
        try eventually("the client says what is wrong") {
            do { try consumer.join(timeout: .seconds(1)) } catch { said += "\(error)\n" }
            while let event = consumer.nextEvent() { said += "\(event)\n" }
            return said.contains("certificate verify failed")
        }
    }
}

@Suite("TLS and SASL", .enabled(if: KafkaCluster.isAvailable), .serialized, .timeLimit(.minutes(3)))
struct SecurityTests {
    private func secure(_ kafka: KafkaCluster, mechanism: String = "PLAIN", password: String = "secret")
        -> KafkaSettings
    {
        var settings = KafkaSettings(brokers: kafka.secureBootstrap)
        settings.securityProtocol = "SASL_SSL"
        settings.saslMechanism = mechanism
        settings.saslUsername = "klines"
        settings.saslPassword = Secret(password)
        settings.certificateAuthorities = kafka.authorityPath
        return settings
    }

    /// What a consumer says about why it cannot join.
    private func refusal(_ settings: KafkaSettings) throws -> String {
        let consumer = try Consumer(
            settings: settings, group: unique("g"), instanceID: nil, subscription: ["secured"], start: .earliest)
        defer { consumer.close(deadline: .seconds(5)) }
        var said = ""
        do {
            try consumer.join(timeout: .seconds(6))
            return "joined"
        } catch { said += "\(error)" }
        while let event = consumer.nextEvent() { said += " \(event)" }
        return said
    }

    @Test func aGoodPasswordWorksAndWrongOnesAreNamed() throws {
        let kafka = try KafkaCluster(isSecure: true)
        try kafka.make("secured")
        try produce(secure(kafka), "secured", ["over TLS"])
        let driver = try ConsumerDriver(secure(kafka), group: unique("g"), topics: ["secured"])
        try driver.run("the record") { driver.values == ["over TLS"] }
        driver.close()

        let wrong = try refusal(secure(kafka, password: "wrong"))
        #expect(wrong.lowercased().contains("authentication failed"))
        #expect(!wrong.contains("SCRAM"))

        var other = secure(kafka)
        other.certificateAuthorities = kafka.otherAuthorityPath
        #expect(try refusal(other).lowercased().contains("certificate"))

        let scram = try refusal(secure(kafka, mechanism: "SCRAM-SHA-512"))
        if KafkaLibrary.version < 0x0206_0100 {
            #expect(scram.contains("2.6.1"))
        } else {
            #expect(scram == "joined")
        }
    }

    @Test(.enabled(if: TestCluster.available.contains(.three)))
    func scramWorksWithKafkaThree() throws {
        let home = ProcessInfo.processInfo.environment["KAFKA_HOME_3"] ?? ""
        let kafka = try KafkaCluster(home: home, isSecure: true)
        try kafka.make("secured")
        try produce(secure(kafka, mechanism: "SCRAM-SHA-512"), "secured", ["over SCRAM"])
        let driver = try ConsumerDriver(
            secure(kafka, mechanism: "SCRAM-SHA-512"), group: unique("g"), topics: ["secured"])
        try driver.run("the record") { driver.values == ["over SCRAM"] }
        driver.close()
        let wrong = try refusal(secure(kafka, mechanism: "SCRAM-SHA-512", password: "wrong"))
        #expect(wrong.lowercased().contains("authentication failed"))
    }
}
