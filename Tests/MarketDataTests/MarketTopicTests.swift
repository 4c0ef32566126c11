import MarketData
import Testing

@Suite struct MarketTopicTests {
    @Test func everyTimeframesTopicIsReadAsItIsWritten() throws {
        for text in ["btcusdt", "1000pepe-usdt", "a_b", "x"] {
            let symbol = try #require(Symbol(text))
            for timeframe in Timeframe.allCases.map(Optional.init) + [nil] {
                let topic = MarketTopic(symbol: symbol, timeframe: timeframe)
                #expect(topic.name == "market.data.\(text)" + (timeframe.map { ".\($0.rawValue)" } ?? ""))
                #expect(MarketTopic(topic.name) == topic)
            }
        }
    }

    @Test(arguments: [
        "", "market.data", "market.data.", "market.data..", "market.data..1m", "market.data.btcusdt.",
        "market.data.btcusdt.1x", "market.data.btcusdt.1m.", "market.data.btcusdt.1m.dlq", "market.data.BTCUSDT.1m",
        "market.data.btcusdt.1H", "Market.data.btcusdt.1m", "xmarket.data.btcusdt.1m", "market.data.btc usdt.1m",
        "market.data.btcusdt.1m\n", "market,data,btcusdt,1m", "signals",
        "market.data.abcdefghijklmnopqrstuvwxyz0123456.1m",
    ])
    func otherTopicsHoldNoCandles(topic: String) { #expect(MarketTopic(topic) == nil) }

    /// Every text of up to three of these parts between dots is a topic just where it has one or two that fit.
    @Test func exactlySymbolOrSymbolAndTimeframeFollowThePrefix() {
        let parts = ["", "a", "1m", "1M", "A", "1x"]
        let symbols: Set = ["a", "1m", "1x"]
        let timeframes: Set = ["1m", "1M"]
        for first in parts {
            #expect((MarketTopic("market.data.\(first)") != nil) == symbols.contains(first), "\(first)")
            for second in parts {
                let isTopic = symbols.contains(first) && timeframes.contains(second)
                #expect((MarketTopic("market.data.\(first).\(second)") != nil) == isTopic, "\(first).\(second)")
                for third in parts { #expect(MarketTopic("market.data.\(first).\(second).\(third)") == nil) }
            }
        }
    }

    @Test func thePatternNamesEveryTimeframe() {
        #expect(MarketTopic.timeframePattern == "(1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)")
    }
}
