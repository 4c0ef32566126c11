import Configuration
import Testing

@Suite struct FileTests {
    private func failure(_ text: String) -> String {
        do {
            _ = try Settings(file: text, path: "k.yaml")
            return "accepted"
        } catch { return error.description }
    }

    @Test(arguments: [
        (
            "redis:\n  windw_batches: 3\n",
            "k.yaml:2:3: unknown key redis.windw_batches; did you mean redis.window_batches?"
        ),
        ("reddis:\n  url: x\n", "k.yaml:1:1: unknown key reddis; did you mean redis?"),
        ("kafka:\n  REDIS_URL: x\n", "k.yaml:2:3: unknown key kafka.REDIS_URL; did you mean redis.url?"),
        ("zzzzzzzzz: 1\n", "k.yaml:1:1: unknown key zzzzzzzzz; `klinecast config` lists every key"),
        ("redis:\n  db: 1\n  db: 2\n", "k.yaml:3:3: db is given twice (first on line 2); leave one"),
        ("redis:\n  window_batches: 0\n", "redis.window_batches: must be 1…64 (got 0); set another value at k.yaml:2"),
        ("redis: 5\n", "k.yaml:1:8: redis is a section: its keys stand below it, indented"),
        ("- a\n", "k.yaml:1:1: the file must hold sections, like `kafka:` with `  broker: …` below"),
        ("redis: &a {}\nkafka: *a\n", "k.yaml:2:8: aliases (*name) are not read; write the value out"),
        ("a: 1\n---\nb: 2\n", "k.yaml:2:1: a second document begins here; one file holds one"),
        ("redis:\n  db: [1, 2]\n", "redis.db: must be one value (0…65535), not a list; set another value at k.yaml:2"),
        ("? [a, b]\n: c\n", "k.yaml:1:3: a key must be a plain word"),
    ])
    func aFaultIsNamedWithItsPlaceAndRemedy(text: String, message: String) {
        #expect(failure(text) == message)
    }

    @Test func brokenYamlHasAPlace() {
        #expect(failure("redis:\n\tdb: 1\n").hasPrefix("k.yaml:2:"))
        #expect(failure("redis: {db: 1\n").hasPrefix("k.yaml:"))
        #expect(failure("a: \u{1}\n").hasPrefix("k.yaml:"))
    }

    @Test func allProblemsAreReportedTogether() {
        let text = failure("redis:\n  db: x\n  batch_messages: 0\nlog:\n  levl: info\n")
        #expect(text.split(separator: "\n").count == 3)
    }

    @Test func depthNodesAndSizeAreBounded() {
        #expect(failure(String(repeating: "[", count: 5_000)).contains("more than 16 levels is refused"))
        let wide = "kafka:\n  properties:\n" + (0..<20_000).map { "    k\($0): v\n" }.joined()
        #expect(failure(wide).contains("more than 10000 values is refused"))
        #expect(failure("#" + String(repeating: "x", count: 1 << 20)).contains("more than the limit"))
    }

    @Test func routesAreReadWithTheirLines() throws {
        let settings = try Settings(
            file: """
                router:
                  routes:
                    - match: 'ticks\\.(?<symbol>[a-z]+)'
                      channel: "ticks:{symbol}"
                    - {match: fills, channel: 'trade:fill', lane: Trade, data_type: EXECUTION}
                """)
        #expect(
            settings.router.routes == [
                RouteRule(
                    match: #"ticks\.(?<symbol>[a-z]+)"#, channel: "ticks:{symbol}", lane: .market,
                    dataType: "raw_market_data", line: 3),
                RouteRule(match: "fills", channel: "trade:fill", lane: .trade, dataType: "execution", line: 5),
            ])
        let wrong = failure("router:\n  routes:\n    - mtach: a\n      channel: b\n")
        #expect(wrong.contains("unknown key mtach on line 3; did you mean match?"))
        #expect(failure("router:\n  routes:\n    - match: a\n").contains("needs match and channel"))
        #expect(failure("router:\n  routes:\n    - {match: a, channel: b, lane: fast}\n").contains("market or trade"))
    }

    @Test func listsAndMapsAreReadInBothForms() throws {
        let block = try Settings(file: "kafka:\n  broker: [a:1, '[::1]:2']\n  properties:\n    fetch.min.bytes: 1\n")
        #expect(block.kafka.bootstrapServers == "a:1,[::1]:2")
        #expect(block.kafka.properties == ["fetch.min.bytes": "1"])
        #expect(try Settings(file: "kafka:\n  broker: a:1, b:2\n").kafka.brokers.map(\.port) == [1, 2])
    }
}
