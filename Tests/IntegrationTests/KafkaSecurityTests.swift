import Foundation
import TestRigs
import Testing

/// The router and a broker that wants TLS and a password.
@Suite("A router and a secured Kafka", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct KafkaSecurityTests {
    private func environment(
        _ kafka: KafkaCluster, mechanism: String = "PLAIN", password: String = "secret", authority: String? = nil
    ) -> [String: String] {
        [
            "KAFKA_BROKER": kafka.secureBootstrap, "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
            "KAFKA_SASL_MECHANISM": mechanism, "KAFKA_SASL_USERNAME": "klines", "KAFKA_SASL_PASSWORD": password,
            "KAFKA_SSL_CA_LOCATION": authority ?? kafka.authorityPath,
        ]
    }

    private func expectDelivery(_ corner: KafkaCorner, _ environment: [String: String]) throws {
        let writer = try corner.writer()
        for number in 1...50 { try writer.write(corner.places[0], number) }
        let written = try writer.flush()
        let router = try corner.router(environment).waitUntilReady()
        try corner.waitFor(written)
        #expect(router.health == "healthy")
        #expect(!router.process.text.contains("secret"))
        #expect(router.stop() == 0)
    }

    /// The router stays up, is not ready, and says all of these, in /health and in its log.
    private func expectRefusal(_ corner: KafkaCorner, _ environment: [String: String], _ words: [String]) throws {
        let router = try corner.router(environment)
        try eventually("/health says why: \(words)") {
            guard router.process.isRunning else { throw NeverHappened(description: router.process.text) }
            let reasons = router.reasons.joined(separator: "\n")
            return words.allSatisfy { reasons.contains($0) }
        } as Void
        #expect(router.health == "degraded")
        #expect(try router.get("/health/ready")?.status == 503)
        let log = router.process.text
        for word in words { #expect(log.contains(word)) }
        #expect(!log.contains("secret") && !log.contains("wrong-one"))
        #expect(corner.recorder.count == 0)
        #expect(router.stop() == 0)
    }

    @Test(.timeLimit(.minutes(4))) func passwordsAndCertificatesAreCheckedAndRefusalsExplained() throws {
        let kafka = try KafkaCluster(isSecure: true)
        try expectDelivery(try KafkaCorner(kafka: kafka), environment(kafka))
        let corner = try KafkaCorner(kafka: kafka)
        try expectRefusal(corner, environment(kafka, password: "wrong-one"), ["uthentication failed"])
        try expectRefusal(
            corner, environment(kafka, authority: kafka.otherAuthorityPath), ["certificate verify failed"])
        try expectRefusal(
            corner, environment(kafka, mechanism: "SCRAM-SHA-512"), ["uthentication failed", "use librdkafka 2.6.1"])
    }

    /// An older broker takes the SCRAM of any librdkafka.
    @Test(
        .timeLimit(.minutes(3)),
        .enabled(if: ProcessInfo.processInfo.environment["KAFKA_HOME_3"] != nil, "KAFKA_HOME_3: an unpacked Kafka 3.9"))
    func scramWorksWithAnOlderKafka() throws {
        let home = try #require(ProcessInfo.processInfo.environment["KAFKA_HOME_3"])
        let kafka = try KafkaCluster(home: home, isSecure: true)
        try expectDelivery(try KafkaCorner(kafka: kafka), environment(kafka, mechanism: "SCRAM-SHA-512"))
        try expectRefusal(
            try KafkaCorner(kafka: kafka), environment(kafka, mechanism: "SCRAM-SHA-512", password: "wrong-one"),
            ["uthentication failed"])
    }
}

/// Needs no Kafka: it ends before it asks one.
@Suite("librdkafka's properties")
struct KafkaPropertyTests {
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("no.such.property: 1", "kafka.properties: no.such.property=1: No such configuration property"),
            ("fetch.min.bytes: lots", "kafka.properties: fetch.min.bytes=lots: Invalid value"),
            ("socket.timeout.ms: 1", "kafka.properties: socket.timeout.ms=1: Configuration property"),
        ])
    func aBadPropertyEndsTheRouterWithASentence(_ line: String, _ sentence: String) throws {
        let folder = try TemporaryFolder("properties")
        try "kafka:\n  properties:\n    \(line)\n".write(
            toFile: folder.file("klinecast.yaml"), atomically: true, encoding: .utf8)
        let router = try ChildProcess(
            RouterProcess.binary, ["router", "--config", folder.file("klinecast.yaml")],
            environment: [
                "KAFKA_BROKER": "127.0.0.1:\(freePort())", "REDIS_URL": "redis://127.0.0.1:\(freePort())",
                "ROUTER_ADDR": "127.0.0.1:\(freePort())", "STATE_DIR": folder.path, "PERSIST": "off",
            ])
        try eventually("the router ends") { !router.isRunning }
        let code = router.waitForExit()
        #expect(code == 1 || code == 2)
        #expect(router.text.contains(sentence))
    }
}
