package import Persister
package import Records

/// What the commands read and change in the tables. Confined to one thread; every call blocks. Errors are `StoreError`:
/// never `fenced` or `refused`.
package protocol Archive: AnyObject {
    /// Every symbol and timeframe that has a candle, in that order.
    func series() throws(StoreError) -> [Series]
    /// Candles with `from <= time < to` (ms since 1970) in order of time, handed out one by one; stops when the reader says
    /// so by answering false.
    func candles(of series: Series, from: Int64, to: Int64, _ reader: (StoredCandle) throws -> Bool) throws
    /// The open time of the `count`th newest candle in the same range, of its oldest where there are fewer; `nil` when there is
    /// none. `onlyClosed` counts closed ones alone.
    func start(ofLast count: Int, of series: Series, from: Int64, to: Int64, onlyClosed: Bool) throws(StoreError)
        -> Int64?
    /// Open times that are followed by a later one than the next of their timeframe, with that later one, in order.
    func jumps(in series: Series) throws(StoreError) -> [(after: Int64, before: Int64)]
    /// Newest first found first in the list; all partitions.
    func holes() throws(StoreError) -> [StoredHole]
    /// In order of id; those already replayed only when asked for.
    func deadLetters(_ filter: DeadLetterFilter) throws(StoreError) -> [StoredDeadLetter]
    /// Marks a replayed letter, or counts one more attempt.
    func noteReplay(of id: Int64, succeeded: Bool) throws(StoreError)
    /// The number removed.
    func removeDeadLetters(_ filter: DeadLetterFilter) throws(StoreError) -> Int
    /// Writes the rows of a batch as `Store.write` does and leaves its steps alone: no position moves, no fence is asked.
    func replay(_ batch: RowBatch) throws(StoreError) -> WriteReport
    func close()
}

/// A row of `market_data`; the numbers as the database spells them, `nil` where the column is null.
package struct StoredCandle: Sendable, Equatable {
    package let time: Int64
    package let open: String
    package let high: String
    package let low: String
    package let close: String
    package let volume: String?
    package let quoteVolume: String?
    package let trades: Int64?
    package let takerBuyBaseVolume: String?
    package let takerBuyQuoteVolume: String?
    package let isClosed: Bool
    package let eventTime: Int64
    package let source: String?
    package let revision: Int64

    package init(
        time: Int64, open: String, high: String, low: String, close: String, volume: String?, quoteVolume: String?,
        trades: Int64?, takerBuyBaseVolume: String?, takerBuyQuoteVolume: String?, isClosed: Bool, eventTime: Int64,
        source: String?, revision: Int64
    ) {
        self.time = time
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.quoteVolume = quoteVolume
        self.trades = trades
        self.takerBuyBaseVolume = takerBuyBaseVolume
        self.takerBuyQuoteVolume = takerBuyQuoteVolume
        self.isClosed = isClosed
        self.eventTime = eventTime
        self.source = source
        self.revision = revision
    }
}

package struct StoredHole: Sendable, Equatable {
    package let hole: Hole
    /// ms since 1970.
    package let foundAt: Int64

    package init(hole: Hole, foundAt: Int64) {
        self.hole = hole
        self.foundAt = foundAt
    }
}

/// Which dead letters; a member that is `nil` lets all through.
package struct DeadLetterFilter: Sendable, Equatable {
    package var id: Int64?
    /// Only those with a greater id: what a reader goes on from.
    package var after: Int64?
    package var topic: String?
    package var reason: String?
    package var includesReplayed = false
    package var limit = Int.max

    package init() {}
}

/// A row of `dead_letters`.
package struct StoredDeadLetter: Sendable, Equatable {
    package let id: Int64
    package let source: SourcePartition
    package let generation: Int64
    package let offset: Int64
    /// The record's own time, ms since 1970; -1 when it had none.
    package let timestamp: Int64
    package let key: [UInt8]?
    package let value: [UInt8]?
    package let reason: String
    package let detail: String
    package let attempts: Int64
    /// ms since 1970.
    package let firstSeen: Int64
    package let replayedAt: Int64?

    package init(
        id: Int64, source: SourcePartition, generation: Int64, offset: Int64, timestamp: Int64, key: [UInt8]?,
        value: [UInt8]?, reason: String, detail: String, attempts: Int64, firstSeen: Int64, replayedAt: Int64?
    ) {
        self.id = id
        self.source = source
        self.generation = generation
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.reason = reason
        self.detail = detail
        self.attempts = attempts
        self.firstSeen = firstSeen
        self.replayedAt = replayedAt
    }
}
