package import MarketData

/// One candle on its way to the table `market_data`. Fixed size: its texts lie in the batch's memory, the numbers with the
/// digits they were sent with.
package struct CandleRow: Sendable {
    /// Place in `RowBatch.series`.
    package var series: Int32
    /// Place in `RowBatch.steps`: the partition it came from.
    package var step: Int32
    /// Open time, ms since 1970.
    package var time: Int64
    /// When the venue said so, ms since 1970: decides what is newer.
    package var eventTime: Int64
    /// The record's offset.
    package var offset: Int64
    /// -1 where the message names none.
    package var trades: Int64
    /// Where this row's texts begin in the batch's text: the numbers in the order of `CandleNumber`, then the source.
    package var textStart: UInt32
    /// Bytes of each number, by `CandleNumber.rawValue`; 0 where the message has none.
    package var numberCounts: SIMD8<UInt8>
    package var sourceCount: UInt8
    package var isClosed: Bool
    /// Corrections of a closed candle that this row has swallowed within its batch.
    package var corrections: UInt16

    package init(
        series: Int32, step: Int32, time: Int64, eventTime: Int64, offset: Int64, trades: Int64, textStart: UInt32,
        numberCounts: SIMD8<UInt8>, sourceCount: UInt8, isClosed: Bool, corrections: UInt16 = 0
    ) {
        self.series = series
        self.step = step
        self.time = time
        self.eventTime = eventTime
        self.offset = offset
        self.trades = trades
        self.textStart = textStart
        self.numberCounts = numberCounts
        self.sourceCount = sourceCount
        self.isClosed = isClosed
        self.corrections = corrections
    }
}

/// The numbers of a candle in the order in which a row keeps them. The first four are always there.
package enum CandleNumber: Int, CaseIterable, Sendable {
    case open, high, low, close, volume, quoteVolume, takerBuyBaseVolume, takerBuyQuoteVolume
}

/// What a row belongs to: a symbol as the table spells it, upper case with the venue's suffix, and a timeframe.
package struct Series: Hashable, Sendable {
    package let symbol: String
    package let timeframe: Timeframe

    package init(symbol: String, timeframe: Timeframe) {
        self.symbol = symbol
        self.timeframe = timeframe
    }
}
