package import MarketData
import Records

/// All mappings from topics to channels: the built-in ones and the configuration's rules, which come first.
package struct RouteTable: Sendable {
    package let prefix: String
    package let rules: [RouteRule]
    /// The only symbols whose market data is taken; empty takes all.
    package let symbols: Set<Symbol>
    /// Publishes 1h and 1d candles also on the channel without a timeframe, as the predecessor did.
    package let legacyChannels: Bool

    private static let trade: [String: (channel: String, dataType: DataType)] = [
        "signals": ("analyze:signal", .signal),
        "analyzer.signals": ("analyze:signal", .signal),
        "signals.filtered": ("signals:filtered", .signal),
        "executions": ("trade:execution", .execution),
        "orders": ("trade:order", .order),
    ]

    package init(prefix: String, rules: [RouteRule] = [], symbols: Set<Symbol> = [], legacyChannels: Bool = false) {
        self.prefix = prefix
        self.rules = rules
        self.symbols = symbols
        self.legacyChannels = legacyChannels
    }

    /// Where a topic's records go; `nil` when nothing maps it.
    package func route(_ topic: String) -> Route? {
        guard !topic.hasSuffix(DeadLetter.topicSuffix) else { return nil }
        for rule in rules {
            guard let channel = rule.channel(for: topic, prefix: prefix) else { continue }
            let market = MarketTopic(topic)
            return Route(
                topic: topic, lane: rule.lane, dataType: rule.dataType, channels: [channel],
                symbol: market?.symbol.name, timeframe: market.map { $0.timeframe ?? .oneMinute })
        }
        if let (channel, dataType) = Self.trade[topic] {
            return Route(
                topic: topic, lane: .trade, dataType: dataType, channels: ["\(prefix):\(channel)"], symbol: nil,
                timeframe: nil)
        }
        guard let market = MarketTopic(topic), symbols.isEmpty || symbols.contains(market.symbol) else { return nil }
        return Route(
            topic: topic, lane: .market, dataType: market.timeframe == nil ? .rawMarketDataLegacy : .rawMarketData,
            channels: channels(of: market), symbol: market.symbol.name, timeframe: market.timeframe ?? .oneMinute)
    }

    private func channels(of market: MarketTopic) -> [String] {
        let legacy = "\(prefix):market:data:\(market.symbol.name)"
        switch market.timeframe {
        case nil: return [legacy]
        case .oneHour?, .oneDay?: return ["\(legacy):\(market.timeframe!.rawValue)"] + (legacyChannels ? [legacy] : [])
        case let timeframe?: return ["\(legacy):\(timeframe.rawValue)"]
        }
    }

    /// What a lane's consumer subscribes to: names, and closed expressions that begin with `^`: the router must not feed
    /// itself with dead letters.
    package func subscription(_ lane: Lane) -> [String] {
        let own = rules.filter { $0.lane == lane }.map(\.subscription)
        switch lane {
        case .trade: return Self.trade.keys.sorted() + own
        case .market: return [MarketTopic.subscription(to: symbols)] + own
        }
    }
}
