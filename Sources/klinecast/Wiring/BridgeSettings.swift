import Configuration
import Kafka
import Redis

extension Kafka.KafkaSettings {
    /// The settings as the bridge wants them.
    init(_ settings: Configuration.KafkaSettings) {
        self.init(brokers: settings.bootstrapServers)
        securityProtocol = settings.securityProtocol
        if settings.securityProtocol.hasPrefix("sasl") {
            saslMechanism = settings.saslMechanism
            saslUsername = settings.saslUsername
            saslPassword = settings.saslPassword
        }
        certificateAuthorities = settings.sslCertificateAuthorities
        properties = settings.properties
    }
}

extension Redis.RedisSettings {
    /// The settings as the bridge wants them.
    ///
    /// - Parameter clientName: shown by CLIENT LIST.
    init(_ settings: Configuration.RedisSettings, clientName: String = "klinecast") {
        self.init(settings.endpoint)
        authorityLocation = settings.certificateAuthorities
        self.clientName = clientName
        replyDeadline = settings.replyDeadline
    }
}
