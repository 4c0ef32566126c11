import MarketData

/// Every setting of every command: the one place where names, defaults and limits stand.
package enum Options {
    package static let sections: [OptionSection] = [
        OptionSection(name: "kafka", sentence: "Where the candles come from."),
        OptionSection(name: "redis", sentence: "Where they go."),
        OptionSection(name: "router", sentence: "Which topic goes to which channel, and how."),
        OptionSection(name: "database", sentence: "Where the rows are kept."),
        OptionSection(name: "persister", sentence: "How records become rows."),
        OptionSection(name: "gateway", sentence: "Which worker serves which symbol."),
        OptionSection(name: "feed", sentence: "Candles from CSV files to Kafka."),
        OptionSection(name: "up", sentence: "Everything on one machine."),
        OptionSection(name: "broker", sentence: "The embedded Kafka, for trying and testing."),
        OptionSection(name: "http", sentence: "Health, diagnosis and metrics of every process."),
        OptionSection(name: "control", sentence: "Who may write through HTTP."),
        OptionSection(name: "process", sentence: "Files and ending."),
        OptionSection(name: "log", sentence: "Talk on standard error, or in a file."),
    ]

    package static let all: [Option] = kafka + redis + router + database + gateway + others

    private static let kafka: [Option] = [
        Option(
            "kafka.broker", .addresses(like: 9092), default: "127.0.0.1:9092", environment: ["KAFKA_BROKER"],
            flag: "kafka-broker",
            "The brokers to ask first; the others are learned from them."),
        Option(
            "kafka.group_id", .text, default: "klinecast", environment: ["KAFKA_GROUP_ID"], flag: "kafka-group-id",
            "Consumer group of the market data; the trade lane is <group>.trade, the persister <group>.persister."),
        Option(
            "kafka.security_protocol", .choice(["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
            default: "plaintext",
            environment: ["KAFKA_SECURITY_PROTOCOL"], flag: "kafka-security-protocol",
            "How connections to Kafka are secured."),
        Option(
            "kafka.sasl_mechanism", .choice(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]), default: "PLAIN",
            environment: ["KAFKA_SASL_MECHANISM"], flag: "kafka-sasl-mechanism",
            "SASL mechanism. SCRAM with Kafka 4 needs librdkafka 2.6.1 or newer."),
        Option(
            "kafka.sasl_username", .text, environment: ["KAFKA_SASL_USERNAME"], flag: "kafka-sasl-username",
            "SASL user name."),
        Option("kafka.sasl_password", .secret, environment: ["KAFKA_SASL_PASSWORD"], "SASL password."),
        Option(
            "kafka.ssl_ca_location", .path, environment: ["KAFKA_SSL_CA_LOCATION"], flag: "kafka-ssl-ca-location",
            "File with the certificates that vouch for the brokers; without it the system's."),
        Option(
            "kafka.session_timeout", .duration(.seconds(6) ... .seconds(300)), default: "15s",
            environment: ["KAFKA_SESSION_TIMEOUT"], flag: "kafka-session-timeout",
            "How long the group waits for a vanished member before it gives its partitions away; a restart should take less."
        ),
        // A member that waits for Redis with a full queue holds up its group's rebalances for as long.
        Option(
            "kafka.stall_pause", .duration(.seconds(1) ... .seconds(240)), default: "10s",
            environment: ["KAFKA_STALL_PAUSE"], flag: "kafka-stall-pause",
            "After this long without room in Redis the partitions are paused; until then what was fetched stays ready."),
        Option(
            "kafka.properties", .map, environment: ["KAFKA_PROPERTIES"],
            "Any other librdkafka property, as name: value; it wins over the built-in choice. In the environment: "
                + "name=value, several separated by commas."
        ),
    ]

    private static let redis: [Option] = [
        Option(
            "redis.url", .redisURL, default: "redis://127.0.0.1:6379", environment: ["REDIS_URL"], flag: "redis-url",
            "redis://[user:password@]host[:port][/database], rediss:// for TLS, or unix://[user:password@]path[?db=number]."
        ),
        Option(
            "redis.host", .text, environment: ["REDIS_HOST"], flag: "redis-host", "Host, where there is no redis.url."),
        Option(
            "redis.port", .integer(1...65_535), environment: ["REDIS_PORT"], flag: "redis-port",
            "Port, where there is no redis.url."),
        Option(
            "redis.username", .text, environment: ["REDIS_USERNAME"], flag: "redis-username",
            "User, where the URL holds none."),
        Option("redis.password", .secret, environment: ["REDIS_PASSWORD"], "Password, where the URL holds none."),
        Option(
            "redis.db", .integer(0...65_535), environment: ["REDIS_DB"], flag: "redis-db",
            "Database number of the keys, where the URL holds none; channels have no database."),
        Option(
            "redis.ca_location", .path, environment: ["REDIS_CA_LOCATION"], flag: "redis-ca-location",
            "File with the certificates that vouch for Redis; without it the system's."),
        Option(
            "redis.sharded", .boolean, default: "off", environment: ["REDIS_SHARDED"], flag: "redis-sharded",
            "SPUBLISH instead of PUBLISH."),
        Option(
            "redis.sentinels", .addresses(like: 26379), environment: ["REDIS_SENTINELS"], flag: "redis-sentinels",
            "Sentinels to ask for the master. Not built yet: refused."),
        Option(
            "redis.master", .text, environment: ["REDIS_MASTER"], flag: "redis-master",
            "The master's name at the Sentinels. Not built yet: refused."),
        Option(
            "redis.cluster", .boolean, default: "off", environment: ["REDIS_CLUSTER"], flag: "redis-cluster",
            "Redis Cluster. Not built yet: refused."),
        Option(
            "redis.batch_messages", .integer(1...16_384), default: "1024", environment: ["REDIS_BATCH_MESSAGES"],
            flag: "redis-batch-messages", "Messages sent together at most."),
        Option(
            "redis.batch_bytes", .byteCount(4_096...16_777_216), default: "256KB", environment: ["REDIS_BATCH_BYTES"],
            flag: "redis-batch-bytes", "Bytes sent together, a single larger message aside."),
        Option(
            "redis.window_batches", .integer(1...64), default: "4", environment: ["REDIS_WINDOW_BATCHES"],
            flag: "redis-window-batches", "Batches that may wait for their replies at once."),
        Option(
            "redis.reply_deadline", .duration(.milliseconds(100) ... .seconds(60)), default: "3s",
            environment: ["REDIS_REPLY_DEADLINE"], flag: "redis-reply-deadline",
            "A server that answers nothing for so long is given up, and its connection made anew."),
    ]

    private static let router: [Option] = [
        Option(
            "router.address", .address, default: "127.0.0.1:5004", environment: ["ROUTER_ADDR"], flag: "router-addr",
            "Where the router's HTTP listens."),
        Option(
            "router.start", .start, default: "60s", environment: ["START"], flag: "start",
            "Where a group without committed offsets begins: that long ago, earliest, or a time."),
        Option(
            "router.symbols", .symbols, environment: ["SYMBOLS", "TRADING_SYMBOLS"], flag: "symbols",
            "Only these symbols' market data; without it every symbol's."),
        Option(
            "router.channel_prefix", .text, default: "roottrading", environment: ["CHANNEL_PREFIX"],
            flag: "channel-prefix", "First part of every channel and key."),
        Option(
            "router.legacy_channels", .boolean, default: "off", environment: ["LEGACY_CHANNELS"],
            flag: "legacy-channels",
            "Also publish 1h and 1d candles on the channel without a timeframe."),
        Option(
            "router.envelope", .choice(["json", "none"]), default: "json", environment: ["ENVELOPE"], flag: "envelope",
            "json adds _routing to every message; none leaves the bytes as they are."),
        Option(
            "router.sinks", .choices(["publish", "last", "stream"]), default: "publish,last", environment: ["SINKS"],
            flag: "sinks", "What is written: a message on the channel, the newest value under a key, a stream."),
        Option(
            "router.stream_maxlen", .integer(1...100_000_000), default: "10000", environment: ["STREAM_MAXLEN"],
            flag: "stream-maxlen", "About how many entries a stream keeps."),
        Option(
            "router.message_max_bytes", .byteCount(1_024...67_108_864), default: "1MB",
            environment: ["ROUTER_MESSAGE_MAX_BYTES"], flag: "message-max-bytes",
            "A larger message is a dead letter."),
        Option(
            "router.last_cache_bytes", .byteCount(0...1_073_741_824), default: "16MB",
            environment: ["ROUTER_LAST_CACHE_BYTES"], flag: "last-cache-bytes",
            "Memory for newest values, to write them again when Redis comes back empty."),
        Option(
            "router.persist", .boolean, default: "on", environment: ["PERSIST"], flag: "persist",
            "Whether the router also runs the persister."),
        Option(
            "router.metrics_series", .integer(0...100_000), default: "200", environment: ["ROUTER_METRICS_SERIES"],
            flag: "metrics-series",
            "Series a metric has by topic or symbol at most; the smaller ones are summed as other."),
        Option(
            "router.routes", .routes,
            "Rules before the built-in ones: match (regular expression), channel (template), lane, data_type."),
    ]

    private static let database: [Option] = [
        Option(
            "database.url", .databaseURL, default: "sqlite:klinecast.db", environment: ["DATABASE_URL"],
            flag: "database-url",
            "sqlite:<path>, a relative one below the state folder, or postgresql://[user[:password]@]host[:port]/database."
        ),
        Option(
            "database.batch_rows", .integer(1...65_536), default: "16384", environment: ["DATABASE_BATCH_ROWS"],
            flag: "database-batch-rows",
            "Candles written in one transaction at most. With thousands of symbols more is faster."),
        Option(
            "database.batch_bytes", .byteCount(65_536...67_108_864), default: "4MB",
            environment: ["DATABASE_BATCH_BYTES"], flag: "database-batch-bytes",
            "Bytes of the candles in one transaction at most."),
        Option(
            "database.batch_time", .duration(.zero ... .seconds(60)), default: "50ms",
            environment: ["DATABASE_BATCH_TIME"], flag: "database-batch-time",
            "How long the first record of a batch waits for others."),
        Option(
            "database.statement_timeout", .duration(.seconds(1) ... .seconds(3_600)), default: "60s",
            environment: ["DATABASE_STATEMENT_TIMEOUT"], flag: "database-statement-timeout",
            "A PostgreSQL that has not answered a statement within this is given up, and connected to anew."),
        Option(
            "database.retention", .duration(.seconds(86_400) ... .seconds(100 * 365 * 86_400)),
            environment: ["RETENTION"], flag: "retention",
            "Candles that opened longer ago are removed, like 2y; without it all are kept."),
        Option(
            "persister.address", .address, default: "127.0.0.1:5005", environment: ["PERSISTER_ADDR"],
            flag: "persister-addr", "Where the HTTP of a persister that runs alone listens."),
        Option(
            "persister.message_max_bytes", .byteCount(1_024...67_108_864), default: "1MB",
            environment: ["PERSISTER_MESSAGE_MAX_BYTES"], flag: "persister-message-max-bytes",
            "A larger message is a dead letter."),
    ]

    private static let gateway: [Option] = [
        Option(
            "gateway.address", .address, default: "127.0.0.1:8082", environment: ["GATEWAY_ADDR"],
            flag: "gateway-addr", "Where the gateway's HTTP listens: the assignments' API, health and metrics."),
        Option(
            "gateway.workers", .addresses(like: 8089), environment: ["WS_WORKERS"], flag: "workers",
            "Workers that a gateway registers at its start, named by their address; it asks each for its state itself."
        ),
        Option(
            "gateway.auto_rebalance", .choice(["off", "plan", "live"]), default: "off",
            environment: ["AUTO_REBALANCE"], flag: "auto-rebalance",
            "After a change of the workers: off leaves the loads as they are, plan logs what would level them, live does "
                + "it. Symbols of a worker that is gone get another one in any case."),
        // A renewal each fifth of it, and the holder stops at seven tenths: below 2 s a busy machine loses it for nothing.
        Option(
            "gateway.lease", .duration(.seconds(2) ... .seconds(300)), default: "10s", environment: ["GATEWAY_LEASE"],
            flag: "lease",
            "A worker that was not heard for so long is gone; so is a gateway that was in control."),
        Option(
            "gateway.timeframes", .choices(Timeframe.allCases.map(\.rawValue)), default: "1m,5m,15m,1h,4h",
            environment: ["TIMEFRAMES"], flag: "timeframes", "What a symbol is served with when nobody says."),
    ]

    private static let others: [Option] = [
        Option(
            "feed.rate", .integer(0...10_000_000), default: "0", environment: ["FEED_RATE"], flag: "rate",
            "Candles a second; 0 is as fast as Kafka takes them."),
        Option(
            "up.files", .list, default: "demo/klines", environment: ["UP_FILES"], flag: "files",
            "CSV files, or folders of them, that are fed."),
        Option(
            "up.rate", .integer(1...10_000_000), default: "50", environment: ["UP_RATE"], flag: "up-rate",
            "Candles a second of the demonstration."),
        Option(
            "broker.address", .address, default: "127.0.0.1:9092", environment: ["BROKER_ADDR"], flag: "broker-addr",
            "Where clients begin; the embedded brokers listen on ports of their own choice."),
        Option(
            "http.connections", .integer(8...65_536), default: "1024", environment: ["HTTP_CONNECTIONS"],
            flag: "http-connections", "Connections at once; further ones wait until one ends."),
        Option(
            "http.allowed_hosts", .list, environment: ["HTTP_ALLOWED_HOSTS"], flag: "http-allowed-hosts",
            "Names a request's Host may hold. Without it: on a loopback address the loopback names, elsewhere any."),
        Option(
            "control.token", .secret, environment: ["CONTROL_TOKEN"], "Bearer token of requests that change something."),
        Option(
            "control.open", .boolean, default: "off", environment: ["CONTROL_OPEN"], flag: "control-open",
            "Allow changes without a token on an address that others reach."),
        Option(
            "process.state_dir", .path, default: "./var", environment: ["STATE_DIR"], flag: "state-dir",
            "Folder of what must outlive a restart."),
        Option(
            "process.drain_deadline", .duration(.zero ... .seconds(60)), default: "5s", environment: ["DRAIN_DEADLINE"],
            flag: "drain-deadline", "How long a process that is told to end may finish what it holds."),
        Option(
            "log.level", .choice(["debug", "info", "warning", "error"]), default: "info", environment: ["LOG_LEVEL"],
            flag: "log-level", "The least important lines that are written."),
        Option(
            "log.format", .choice(["text", "json"]), default: "text", environment: ["LOG_FORMAT"], flag: "log-format",
            "One line of text, or one JSON object a line."),
        Option(
            "log.file", .path, environment: ["LOG_FILE"], flag: "log-file",
            "Append to this file instead of standard error; a file that was moved away is made anew."),
    ]

    package static func named(_ name: String) -> Option? { all.first { $0.name == name } }
    package static func inSection(_ section: String) -> [Option] { all.filter { $0.section == section } }
}
