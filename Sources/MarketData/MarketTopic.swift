/// A topic of candles: `market.data.<symbol>.<timeframe>`, or the legacy one without a timeframe.
package struct MarketTopic: Hashable, Sendable {
    package static let prefix = "market.data."
    /// What a timeframe may be in a regular expression.
    package static var timeframePattern: String { "(\(Timeframe.allCases.map(\.rawValue).joined(separator: "|")))" }

    /// The closed expression that matches the topics of these symbols, of any timeframe and none; of every symbol where the
    /// set is empty. An open one such as `^market\.data\..+` would take dead-letter topics in.
    package static func subscription(to symbols: Set<Symbol>) -> String {
        let names = symbols.isEmpty ? "[a-z0-9_-]+" : "(\(symbols.map(\.name).sorted().joined(separator: "|")))"
        return "^market\\.data\\.\(names)(\\.\(timeframePattern))?$"
    }

    package let symbol: Symbol
    /// `nil` on a legacy topic.
    package let timeframe: Timeframe?
    package var name: String { Self.prefix + symbol.name + (timeframe.map { "." + $0.rawValue } ?? "") }

    package init(symbol: Symbol, timeframe: Timeframe?) {
        self.symbol = symbol
        self.timeframe = timeframe
    }

    /// `nil` for any other topic, one whose symbol is not in lower case among them.
    package init?(_ topic: some StringProtocol) {
        guard topic.hasPrefix(Self.prefix) else { return nil }
        let parts = topic.dropFirst(Self.prefix.count).split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let symbol = Symbol(parts[0]), symbol.name == parts[0] else { return nil }
        self.symbol = symbol
        guard parts.count == 2 else {
            timeframe = nil
            return
        }
        guard let timeframe = Timeframe(rawValue: String(parts[1])) else { return nil }
        self.timeframe = timeframe
    }
}
