/// What no single value shows: settings that contradict each other. Pure.
enum SettingsCheck {
    /// librdkafka properties that have a setting of their own, or on which a promise rests.
    private static let ownProperties: [String: String] = [
        "bootstrap.servers": "set kafka.broker",
        "metadata.broker.list": "set kafka.broker",
        "group.id": "set kafka.group_id",
        "security.protocol": "set kafka.security_protocol",
        "sasl.mechanism": "set kafka.sasl_mechanism",
        "sasl.mechanisms": "set kafka.sasl_mechanism",
        "sasl.username": "set kafka.sasl_username",
        "sasl.password": "set kafka.sasl_password, or KAFKA_SASL_PASSWORD_FILE",
        "session.timeout.ms": "set kafka.session_timeout",
        "enable.auto.offset.store": "an offset is stored when Redis has answered for it",
        "enable.auto.commit": "stored offsets are committed every second",
        "enable.partition.eof": "the lag at a partition's end depends on it",
        "isolation.level": "it is read_committed",
    ]

    static func problems(_ settings: Settings) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        func refuse(_ option: String, _ reason: String) { problems.append(.conflict(option: option, reason: reason)) }

        for (name, variable) in [("redis.sentinels", "REDIS_SENTINELS"), ("redis.master", "REDIS_MASTER")]
        where settings.entry(name).value != .unset {
            refuse(name, "Redis Sentinel is not built yet; unset \(variable) and set REDIS_URL to the master")
        }
        if settings.boolean("redis.cluster") {
            refuse(
                "redis.cluster", "Redis Cluster is not built yet; unset REDIS_CLUSTER and set REDIS_URL to one server")
        }
        if settings.kafka.securityProtocol.hasPrefix("sasl") {
            if settings.kafka.saslUsername == nil {
                refuse(
                    "kafka.sasl_username", "is needed with \(settings.kafka.securityProtocol); set KAFKA_SASL_USERNAME")
            }
            if settings.kafka.saslPassword == nil {
                refuse(
                    "kafka.sasl_password",
                    "is needed with \(settings.kafka.securityProtocol); set KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE"
                )
            }
        }
        if settings.redis.endpoint.username != nil, settings.redis.endpoint.password == nil {
            refuse("redis.username", "is given without a password; set REDIS_PASSWORD or REDIS_PASSWORD_FILE")
        }
        for property in settings.kafka.properties.keys.sorted() {
            if let remedy = ownProperties[property] { refuse("kafka.properties", "\(property) is refused: \(remedy)") }
        }
        return problems
    }

    static func warnings(_ settings: Settings) -> [String] {
        var warnings: [String] = []
        let usesSasl = settings.kafka.securityProtocol.hasPrefix("sasl")
        if !usesSasl, settings.kafka.saslUsername != nil || settings.kafka.saslPassword != nil {
            warnings.append(
                "kafka.sasl_username and kafka.sasl_password are not used with \(settings.kafka.securityProtocol); "
                    + "set KAFKA_SECURITY_PROTOCOL=sasl_ssl")
        }
        for name in ["redis.host", "redis.port"] where settings.isGiven("redis.url") && settings.isGiven(name) {
            warnings.append("\(name) is not used, since redis.url is set (\(settings.entry("redis.url").origin))")
        }
        if settings.redis.certificateAuthorities != nil, !settings.redis.endpoint.usesTLS {
            warnings.append("redis.ca_location is not used without TLS; set REDIS_URL to rediss://…")
        }
        return warnings
    }
}
