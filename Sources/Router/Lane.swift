/// The two roads through the router. Each has its own thread, consumer and Redis connection, so that a backlog of
/// candles never delays an order.
package enum Lane: String, CaseIterable, Sendable {
    case market
    case trade
}

/// What the envelope calls the kind of data (`data_type`).
package enum DataType: String, CaseIterable, Sendable {
    case rawMarketData = "raw_market_data"
    /// A candle that carries an indicator: somebody wrote enriched data to a topic of raw candles.
    case corruptedEnrichedData = "corrupted_enriched_data"
    case rawMarketDataLegacy = "raw_market_data_legacy"
    case signal
    case execution
    case order
}
