internal import CKafkaShim

/// The librdkafka this process runs with, which may be newer than the one it was built with.
package enum KafkaLibrary {
    /// `rd_kafka_version()`: 0xMMmmrrxx, for example 0x020002ff for 2.0.2.
    package static var version: Int32 { rd_kafka_version() }
    /// For people: "2.0.2".
    package static var versionText: String { unsafe String(cString: rd_kafka_version_str()) }

    static let fetchBackoffVersion: Int32 = 0x0202_0000
    static let scramFixVersion: Int32 = 0x0206_0100

    /// A sentence that says what the error text does not, or nil when we know no more.
    ///
    /// Before 2.6.1 librdkafka sent its nonce twice in a SCRAM exchange; brokers before 4.0 let that pass, Kafka 4
    /// answers as if the password were wrong (librdkafka pull request 4895).
    package static func explanation(version: Int32, mechanism: String?, text: String) -> String? {
        guard version < scramFixVersion, let mechanism, mechanism.uppercased().hasPrefix("SCRAM") else { return nil }
        let words = text.lowercased()
        guard words.contains("authentication") || words.contains("invalid credentials") || words.contains("sasl")
        else { return nil }
        return """
            librdkafka \(text: version) cannot do \(mechanism) with Kafka 4 and newer, whatever the password: use \
            librdkafka 2.6.1 or newer, or SASL PLAIN over TLS, or a Kafka before 4.0. With an older Kafka the user or \
            the password is wrong.
            """
    }
}

extension String.StringInterpolation {
    fileprivate mutating func appendInterpolation(text version: Int32) {
        appendLiteral("\(version >> 24 & 0xff).\(version >> 16 & 0xff).\(version >> 8 & 0xff)")
    }
}
