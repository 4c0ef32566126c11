import Configuration
import MarketData
import Testing

@Suite struct ValueTests {
    private func settings(_ variable: String, _ text: String) throws(ConfigurationError) -> Settings {
        try Settings(file: "", environment: [variable: text])
    }

    @Test(arguments: [
        ("60s", Duration.seconds(60)), ("250ms", .milliseconds(250)), ("5m", .seconds(300)), ("2h", .seconds(7_200)),
        ("1d", .seconds(86_400)), ("0s", .zero), ("60 s", .seconds(60)),
    ])
    func durationsHaveAUnit(text: String, duration: Duration) throws {
        #expect(Duration(parsing: text) == duration)
        #expect(Duration(parsing: duration.text) == duration)
    }

    @Test(arguments: ["60", "s", "-5s", "1.5s", "1x", "", "99999999999999999999s", "9999999999999d", "٣s"])
    func otherTextsAreNoDurations(text: String) { #expect(Duration(parsing: text) == nil) }

    @Test(arguments: [("256KB", 262_144), ("1MB", 1_048_576), ("1 GiB", 1_073_741_824), ("4096", 4_096), ("7B", 7)])
    func bytesArePowersOf1024(text: String, bytes: Int) {
        #expect(ByteCount.parse(text) == bytes)
        #expect(ByteCount.parse(ByteCount.text(bytes)) == bytes)
    }

    @Test(arguments: ["", "KB", "-1", "1TB", "1.5MB", "99999999999999999999", "9999999999999GB"])
    func otherTextsAreNoBytes(text: String) { #expect(ByteCount.parse(text) == nil) }

    // Milliseconds from `date -u -d … +%s%3N`.
    @Test(arguments: [
        ("60s", StartPosition.ago(.seconds(60))), ("earliest", .earliest), ("EARLIEST", .earliest),
        ("2026-01-02T03:04:05Z", .time(milliseconds: 1_767_323_045_000)),
        ("2026-01-02T03:04:05.678Z", .time(milliseconds: 1_767_323_045_678)),
        ("2026-01-02T04:04:05+01:00", .time(milliseconds: 1_767_323_045_000)),
        ("2026-01-01 22:04:05-05:00", .time(milliseconds: 1_767_323_045_000)),
        ("2024-02-29", .time(milliseconds: 1_709_164_800_000)), ("500ms", .ago(.milliseconds(500))),
        ("1767323045000", .time(milliseconds: 1_767_323_045_000)), ("12h", .ago(.seconds(43_200))),
        ("1970-01-01", .time(milliseconds: 0)),
    ])
    func startIsADurationEarliestOrATime(text: String, position: StartPosition) throws {
        #expect(try settings("START", text).router.start == position)
        #expect(try settings("START", position.description).router.start == position)
    }

    @Test(arguments: [
        "latest", "2026-02-29", "2026-13-01", "2026-01-02T25:00:00Z", "2026-01-02T03:04:05", "60", "x", "s", "-5m",
        "99999999999999999999d", "9223372036854775807m", "yesterday", "+176732304500", "-176732304500",
        "17673230450000",
    ])
    func otherStartsAreRefused(text: String) {
        let error = #expect(throws: ConfigurationError.self) { try settings("START", text) }
        #expect(error?.description.hasPrefix("router.start: must be a duration like 60s, earliest,") == true)
    }

    @Test(arguments: [
        ("ROUTER_ADDR", "5004"), ("ROUTER_ADDR", ":5004"), ("ROUTER_ADDR", "h:65536"), ("ROUTER_ADDR", "::1:5004"),
        ("SINKS", ""), ("SINKS", ","), ("SINKS", "publish,lasst"), ("SYMBOLS", "BTC/USDC"), ("ENVELOPE", "xml"),
        ("REDIS_SENTINELS", "a:1"), ("REDIS_CLUSTER", "1"), ("REDIS_MASTER", "m"), ("PERSIST", "maybe"),
        ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"), ("REDIS_PORT", "tcp://10.0.0.1:6379"),
    ])
    func aValueThatCannotBeIsRefused(variable: String, text: String) throws {
        if text.isEmpty {
            _ = try settings(variable, text)
            return
        }
        #expect(throws: ConfigurationError.self) { try settings(variable, text) }
    }

    @Test(arguments: [
        ("LOG_LEVEL", "INFO", "info"), ("LOG_LEVEL", "Warning", "warning"), ("LOG_FORMAT", "JSON", "json"),
        ("ENVELOPE", "None", "none"), ("KAFKA_SASL_MECHANISM", "scram-sha-256", "SCRAM-SHA-256"),
        ("KAFKA_SECURITY_PROTOCOL", "SSL", "ssl"), ("SINKS", "LAST,Publish", "last,publish"),
        ("PERSIST", "OFF", "off"), ("SYMBOLS", "BTCUSDT", "btcusdt"), ("AUTO_REBALANCE", "Live", "live"),
        // A minute and a month.
        ("TIMEFRAMES", "1M,1m,1H", "1M,1m,1h"),
    ])
    func aChoiceIsReadInAnyCase(variable: String, text: String, shown: String) throws {
        let value = try settings(variable, text).effectiveValues.first { $0.origin == variable }
        #expect(value?.value == shown)
    }

    /// The limit is the topics' and channels', documented with `Symbol`.
    @Test func aSymbolHasAtMost32Characters() throws {
        let longest = String(repeating: "a", count: 32)
        #expect(try settings("SYMBOLS", "\(longest),b-t_1").router.symbols == [longest, "b-t_1"])
        let error = #expect(throws: ConfigurationError.self) { try settings("SYMBOLS", longest + "a") }
        #expect(error?.description.contains("1…32 of the characters A-Z a-z 0-9 _ - (got \(longest)a)") == true)
    }

    @Test func messagesNameTheThingTheLimitTheValueAndTheRemedy() {
        let error = #expect(throws: ConfigurationError.self) { try settings("SINKS", "publish,lasst") }
        #expect(
            error?.description == "router.sinks: must be publish or last or stream (got lasst); did you mean last?; "
                + "set another value in the variable SINKS")
        let cluster = #expect(throws: ConfigurationError.self) { try settings("REDIS_CLUSTER", "1") }
        #expect(cluster?.description.hasPrefix("redis.cluster: Redis Cluster is not built yet") == true)
    }

    @Test func propertiesThatBreakAPromiseAreRefused() {
        let error = #expect(throws: ConfigurationError.self) {
            try Settings(file: "kafka:\n  properties: {enable.auto.offset.store: true}\n")
        }
        #expect(error?.description.contains("enable.auto.offset.store is refused") == true)
    }

    @Test func everyAccessorHasItsDeclaredType() throws {
        let s = try Settings(file: "")
        #expect(s.kafka.bootstrapServers == "127.0.0.1:9092" && s.kafka.groupIdentifier == "klinecast")
        #expect(s.kafka.securityProtocol == "plaintext" && s.kafka.saslMechanism == "PLAIN")
        #expect(s.kafka.saslUsername == nil && s.kafka.saslPassword == nil && s.kafka.sslCertificateAuthorities == nil)
        #expect(
            s.kafka.sessionTimeout == .seconds(15) && s.kafka.stallPause == .seconds(10) && s.kafka.properties.isEmpty)
        #expect(s.redis.endpoint.description == "redis://127.0.0.1:6379" && s.redis.certificateAuthorities == nil)
        #expect(!s.redis.isSharded && s.redis.batchMessages == 1_024 && s.redis.batchBytes == 262_144)
        #expect(s.redis.windowBatches == 4 && s.redis.replyDeadline == .seconds(3))
        #expect(s.router.address == Address(host: "127.0.0.1", port: 5_004) && s.router.start == .ago(.seconds(60)))
        #expect(s.router.symbols.isEmpty && s.router.channelPrefix == "roottrading" && !s.router.hasLegacyChannels)
        #expect(s.router.hasEnvelope && s.router.sinks == [.publish, .last] && s.router.streamMaximumLength == 10_000)
        #expect(s.router.messageMaximumBytes == 1 << 20 && s.router.lastCacheBytes == 16 << 20 && s.router.persists)
        #expect(s.router.metricsSeries == 200 && s.router.routes.isEmpty)
        #expect(s.gateway.address == Address(host: "127.0.0.1", port: 8_082) && s.gateway.workers.isEmpty)
        #expect(s.gateway.autoRebalance == .off && s.gateway.lease == .seconds(10))
        #expect(s.gateway.timeframes == [.oneMinute, .fiveMinutes, .fifteenMinutes, .oneHour, .fourHours])
        #expect(s.feed.rate == 0 && s.up.files == ["demo/klines"] && s.up.rate == 50)
        #expect(s.broker.address.port == 9_092 && s.http.connections == 1_024 && s.http.allowedHosts.isEmpty)
        #expect(s.control.token == nil && !s.control.isOpen)
        #expect(s.process.stateFolder == "./var" && s.process.drainDeadline == .seconds(5))
        #expect(s.log.level == "info" && s.log.format == "text" && s.log.file == nil)
    }

    @Test(arguments: [
        ("kitten", "sitting", 3), ("", "abc", 3), ("ab", "ba", 1), ("flaw", "lawn", 2), ("same", "same", 0),
    ])
    func distanceCountsEdits(left: String, right: String, distance: Int) {
        #expect(Suggestion.distance(left, right) == distance)
        #expect(Suggestion.distance(right, left) == distance)
    }

    @Test func aSuggestionIsNearOrNone() {
        let words = ["router", "feed", "tail", "check", "config"]
        #expect(Suggestion.nearest(to: "ruoter", among: words) == "router")
        #expect(Suggestion.nearest(to: "cehck", among: words) == "check")
        #expect(Suggestion.nearest(to: "elephant", among: words) == nil)
    }
}
