import MarketData
import Testing

@testable import Router

@Suite struct RouteTableTests {
    /// The map of docs/contracts/redis.md.
    @Test(arguments: [
        ("market.data.btcusdc.1m", "roottrading:market:data:btcusdc:1m"),
        ("market.data.btcusdc.5m", "roottrading:market:data:btcusdc:5m"),
        ("market.data.btcusdc.1h", "roottrading:market:data:btcusdc:1h"),
        ("market.data.btcusdc.1d", "roottrading:market:data:btcusdc:1d"),
        ("market.data.btcusdc.1M", "roottrading:market:data:btcusdc:1M"),
        ("market.data.btc-usd_perp.1w", "roottrading:market:data:btc-usd_perp:1w"),
        ("market.data.btcusdc", "roottrading:market:data:btcusdc"),
        ("executions", "roottrading:trade:execution"),
        ("orders", "roottrading:trade:order"),
        ("signals", "roottrading:analyze:signal"),
        ("analyzer.signals", "roottrading:analyze:signal"),
        ("signals.filtered", "roottrading:signals:filtered"),
    ]) func topicHasTheContractsChannel(topic: String, channel: String) {
        #expect(RouteTable(prefix: "roottrading").route(topic)?.channels == [channel])
    }

    @Test(arguments: [
        "market.data.btcusdc.1m.dlq", "orders.dlq", "market.data.", "market.data.BTCUSDC.1m", "market.data.btcusdc.7m",
        "market.data.btcusdc.1m.x", "market.data.btc usd.1m", "order", "orders.x", "", "market.data..1m",
        "market.data.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.1m",
    ]) func otherTopicsHaveNoChannel(topic: String) {
        #expect(RouteTable(prefix: "roottrading").route(topic) == nil)
    }

    @Test func hourAndDayGoToTheLegacyChannelTooWhenAsked() {
        let table = RouteTable(prefix: "p", legacyChannels: true)
        #expect(table.route("market.data.x.1h")?.channels == ["p:market:data:x:1h", "p:market:data:x"])
        #expect(table.route("market.data.x.1d")?.channels == ["p:market:data:x:1d", "p:market:data:x"])
        #expect(table.route("market.data.x.4h")?.channels == ["p:market:data:x:4h"])
    }

    @Test func symbolsRestrictTheMarketDataOnly() throws {
        let table = RouteTable(prefix: "p", symbols: [try #require(Symbol("BTCUSDC"))])
        #expect(table.route("market.data.btcusdc.1m") != nil)
        #expect(table.route("market.data.btcusdc") != nil)
        #expect(table.route("market.data.ethusdc.1m") == nil)
        #expect(table.route("orders") != nil)
        #expect(table.subscription(.market).first?.contains("(btcusdc)") == true)
    }

    /// What a subscription takes in and what the table maps must be the same, and never a dead-letter topic.
    @Test func subscriptionMatchesWhatIsMapped() throws {
        let table = RouteTable(prefix: "p")
        let expression = try Regex(try #require(table.subscription(.market).first))
        for topic in ["market.data.btcusdc.1m", "market.data.a-b_1", "market.data.btcusdc.1M"] {
            #expect(try expression.wholeMatch(in: topic) != nil && table.route(topic) != nil)
        }
        for topic in ["market.data.btcusdc.1m.dlq", "market.data.btcusdc.2m", "market.data.BTC.1m", "xmarket.data.a"] {
            #expect(try expression.wholeMatch(in: topic) == nil && table.route(topic) == nil)
        }
    }

    @Test func ruleFillsItsTemplate() throws {
        let rule = try RouteRule(
            match: #"prices\.(?<venue>[a-z]+)\.(?<symbol>\w+)"#, channel: "{prefix}:{venue}:{symbol}:{topic}",
            lane: .trade, dataType: .signal)
        let table = RouteTable(prefix: "p", rules: [rule])
        let route = try #require(table.route("prices.binance.btc_usd"))
        #expect(route.channels == ["p:binance:btc_usd:prices.binance.btc_usd"])
        #expect(route.lane == .trade)
        #expect(table.subscription(.trade).last == #"^prices\.([a-z]+)\.([A-Za-z0-9_]+)$"#)
        #expect(table.route("prices.binance.btc_usd.dlq") == nil)
    }

    @Test func ruleIsRefusedWithTheReason() {
        #expect(throws: RouteRule.Failure.template("{x}", unknown: "x", known: ["prefix", "topic", "symbol"])) {
            try RouteRule(match: "(?<symbol>a)", channel: "{x}", lane: .market, dataType: .rawMarketData)
        }
        for pattern in ["(?=a)b", #"\bword"#, "(?<a", "a(", #"\"#] {
            #expect(throws: RouteRule.Failure.self, "\(pattern)") {
                try RouteRule(match: pattern, channel: "x", lane: .market, dataType: .rawMarketData)
            }
        }
    }
}
