package import MarketData

/// Where the records of one topic go, and what its envelope says.
package struct Route: Equatable, Sendable {
    package let topic: String
    package let lane: Lane
    package let dataType: DataType
    /// Redis channels in order of publishing: one, and with `LEGACY_CHANNELS` a second for 1h and 1d candles.
    package let channels: [String]
    /// What the envelope adds where the value has no `symbol`; the topic's spelling. `nil` adds nothing.
    package let symbol: String?
    /// The same for `timeframe`.
    package let timeframe: Timeframe?
    /// Whether a top-level `is_closed` and the indicators say something about these records.
    package var isMarketData: Bool { dataType == .rawMarketData || dataType == .rawMarketDataLegacy }
}
