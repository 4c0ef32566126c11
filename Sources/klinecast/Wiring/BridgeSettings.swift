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
            saslPassword = settings.saslPassword.map { KafkaPassword($0.revealed) }
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
        let url = settings.endpoint
        self.init(endpoint: .tcp(host: url.host, port: url.port))
        usesTLS = url.usesTLS
        authorityLocation = settings.certificateAuthorities
        username = url.username
        password = url.password.map { Redis.Secret($0.revealed) }
        database = url.database ?? 0
        self.clientName = clientName
        replyDeadline = settings.replyDeadline
    }
}
