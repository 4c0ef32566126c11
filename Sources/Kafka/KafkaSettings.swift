package import Configuration

/// How to reach a Kafka cluster, for every client of this module.
package struct KafkaSettings: Sendable, Equatable {
    /// `host:port`, several separated by commas.
    package var brokers = "127.0.0.1:9092"
    package var clientID = "klinecast"
    /// `plaintext`, `ssl`, `sasl_plaintext`, `sasl_ssl`; nil leaves librdkafka's default, plaintext.
    package var securityProtocol: String?
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, …
    package var saslMechanism: String?
    package var saslUsername: String?
    package var saslPassword: Secret?
    /// A file or folder of trusted certificates (PEM); nil trusts the system's.
    package var certificateAuthorities: String?
    /// Any other librdkafka property. Applied last, so they win over ours.
    package var properties: [String: String] = [:]

    package init(brokers: String = "127.0.0.1:9092") { self.brokers = brokers }

    /// The group protocol of KIP-848, for which several classic properties are errors.
    var usesConsumerGroupProtocol: Bool { properties["group.protocol"]?.lowercased() == "consumer" }

    /// What every client sets, before what its role sets.
    var connection: [(name: String, value: String)] {
        var all = [
            ("bootstrap.servers", brokers), ("client.id", clientID),
            // Nagle is on by default before 2.8: small requests would wait for the acknowledgement of earlier ones.
            ("socket.nagle.disable", "true"),
            ("log.connection.close", "false"),
        ]
        let optional: [(String, String?)] = [
            ("security.protocol", securityProtocol?.lowercased()), ("sasl.mechanism", saslMechanism),
            ("sasl.username", saslUsername), ("sasl.password", saslPassword?.revealed),
            ("ssl.ca.location", certificateAuthorities),
        ]
        for case (let name, let value?) in optional { all.append((name, value)) }
        // Before 2.0 librdkafka took a certificate for any host.
        if securityProtocol?.lowercased().hasSuffix("ssl") == true {
            all.append(("ssl.endpoint.identification.algorithm", "https"))
        }
        return all
    }
}
