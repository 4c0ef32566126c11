package import MarketData

package struct KafkaSettings: Sendable {
    let settings: Settings

    package var brokers: [Address] { settings.addresses("kafka.broker") }
    /// As librdkafka's `bootstrap.servers` wants them.
    package var bootstrapServers: String { brokers.map(\.description).joined(separator: ",") }
    package var groupIdentifier: String { settings.text("kafka.group_id") }
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    package var securityProtocol: String { settings.text("kafka.security_protocol") }
    package var saslMechanism: String { settings.text("kafka.sasl_mechanism") }
    package var saslUsername: String? { settings.optionalText("kafka.sasl_username") }
    package var saslPassword: Secret? { settings.secret("kafka.sasl_password") }
    package var sslCertificateAuthorities: String? { settings.optionalText("kafka.ssl_ca_location") }
    package var sessionTimeout: Duration { settings.duration("kafka.session_timeout") }
    package var stallPause: Duration { settings.duration("kafka.stall_pause") }
    package var properties: [String: String] { settings.map("kafka.properties") }
}

package struct RedisSettings: Sendable {
    let settings: Settings

    /// Where to connect: the URL, or host and port where only those are given; user, password and database from their
    /// own settings where the URL holds none.
    package var endpoint: RedisURL {
        guard case .redisURL(var url) = settings.entry("redis.url").value else { settings.misfit("redis.url") }
        if !settings.isGiven("redis.url"), case .tcp(let standard) = url.place {
            let port = settings.optionalInteger("redis.port").map { UInt16($0) }
            url.place = .tcp(
                Address(host: settings.optionalText("redis.host") ?? standard.host, port: port ?? standard.port))
        }
        if url.username == nil { url.username = settings.optionalText("redis.username") }
        if url.password == nil { url.password = settings.secret("redis.password") }
        if url.database == nil { url.database = settings.optionalInteger("redis.db") }
        return url
    }
    /// Whether somebody said where Redis is; `up` starts its own otherwise.
    package var isGiven: Bool { ["redis.url", "redis.host", "redis.port"].contains { settings.isGiven($0) } }
    package var certificateAuthorities: String? { settings.optionalText("redis.ca_location") }
    package var isSharded: Bool { settings.boolean("redis.sharded") }
    package var batchMessages: Int { settings.integer("redis.batch_messages") }
    package var batchBytes: Int { settings.integer("redis.batch_bytes") }
    package var windowBatches: Int { settings.integer("redis.window_batches") }
    package var replyDeadline: Duration { settings.duration("redis.reply_deadline") }
}

package struct RouterSettings: Sendable {
    package enum Sink: String, Sendable, CaseIterable { case publish, last, stream }

    let settings: Settings

    package var address: Address { settings.address("router.address") }
    package var start: StartPosition {
        if case .start(let it) = settings.entry("router.start").value { it } else { settings.misfit("router.start") }
    }
    /// Lower case; empty means every symbol.
    package var symbols: [String] { settings.list("router.symbols") }
    package var channelPrefix: String { settings.text("router.channel_prefix") }
    package var hasLegacyChannels: Bool { settings.boolean("router.legacy_channels") }
    package var hasEnvelope: Bool { settings.text("router.envelope") == "json" }
    package var sinks: Set<Sink> { Set(settings.list("router.sinks").compactMap(Sink.init)) }
    package var streamMaximumLength: Int { settings.integer("router.stream_maxlen") }
    package var messageMaximumBytes: Int { settings.integer("router.message_max_bytes") }
    package var lastCacheBytes: Int { settings.integer("router.last_cache_bytes") }
    package var persists: Bool { settings.boolean("router.persist") }
    package var metricsSeries: Int { settings.integer("router.metrics_series") }
    package var routes: [RouteRule] {
        switch settings.entry("router.routes").value {
        case .routes(let rules): rules
        case .unset: []
        default: settings.misfit("router.routes")
        }
    }
}

package struct GatewaySettings: Sendable {
    package enum AutoRebalance: String, Sendable { case off, plan, live }

    let settings: Settings

    package var address: Address { settings.address("gateway.address") }
    /// In the order in which they are registered.
    package var workers: [Address] { settings.addresses("gateway.workers") }
    package var autoRebalance: AutoRebalance {
        guard let word = AutoRebalance(rawValue: settings.text("gateway.auto_rebalance")) else {
            settings.misfit("gateway.auto_rebalance")
        }
        return word
    }
    package var lease: Duration { settings.duration("gateway.lease") }
    package var timeframes: [Timeframe] { settings.list("gateway.timeframes").compactMap(Timeframe.init) }
}

package struct FeedSettings: Sendable {
    let settings: Settings

    /// Candles a second; 0 is as fast as Kafka takes them.
    package var rate: Int { settings.integer("feed.rate") }
}

package struct UpSettings: Sendable {
    let settings: Settings

    package var files: [String] { settings.list("up.files") }
    package var rate: Int { settings.integer("up.rate") }
}

package struct BrokerSettings: Sendable {
    let settings: Settings

    package var address: Address { settings.address("broker.address") }
}

package struct HTTPSettings: Sendable {
    let settings: Settings

    package var connections: Int { settings.integer("http.connections") }
    /// Empty where nothing is given.
    package var allowedHosts: [String] { settings.list("http.allowed_hosts") }
}

package struct ControlSettings: Sendable {
    let settings: Settings

    package var token: Secret? { settings.secret("control.token") }
    package var isOpen: Bool { settings.boolean("control.open") }
}

package struct ProcessSettings: Sendable {
    let settings: Settings

    package var stateFolder: String { settings.text("process.state_dir") }
    package var drainDeadline: Duration { settings.duration("process.drain_deadline") }
}

package struct LogSettings: Sendable {
    let settings: Settings

    /// `debug`, `info`, `warning` or `error`.
    package var level: String { settings.text("log.level") }
    /// `text` or `json`.
    package var format: String { settings.text("log.format") }
    package var file: String? { settings.optionalText("log.file") }
}

package struct DatabaseSettings: Sendable {
    let settings: Settings

    /// With a SQLite path that is below the state folder where it was relative.
    package var url: DatabaseURL {
        guard case .databaseURL(let url) = settings.entry("database.url").value else {
            settings.misfit("database.url")
        }
        guard case .sqlite(let path) = url, !path.hasPrefix("/") else { return url }
        return .sqlite(path: "\(settings.process.stateFolder)/\(path)")
    }
    package var batchRows: Int { settings.integer("database.batch_rows") }
    package var batchBytes: Int { settings.integer("database.batch_bytes") }
    package var batchTime: Duration { settings.duration("database.batch_time") }
    package var statementTimeout: Duration { settings.duration("database.statement_timeout") }
    /// `nil` keeps all.
    package var retention: Duration? { settings.optionalDuration("database.retention") }
}

package struct PersisterSettings: Sendable {
    let settings: Settings

    package var address: Address { settings.address("persister.address") }
    package var messageMaximumBytes: Int { settings.integer("persister.message_max_bytes") }
}
