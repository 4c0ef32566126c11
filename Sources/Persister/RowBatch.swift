package import Records

/// How much one transaction holds at most.
package struct RowBatchLimits: Sendable, Equatable {
    /// Candles after coalescing.
    package var rows: Int
    /// Bytes of the candles' texts, and as many again of trade messages and dead letters.
    package var bytes: Int

    package init(rows: Int = 16_384, bytes: Int = 4_194_304) {
        self.rows = rows
        self.bytes = bytes
    }
}

/// All of one transaction: rows, dead letters, holes, and how far each partition has come.
///
/// Filled by the pipeline's thread, then read by the store's thread, never by both: the pipeline hands it over and touches
/// it again only when the store has answered. That is what makes it `@unchecked Sendable`. Its memory is taken once and
/// used again for every batch.
@safe package final class RowBatch: @unchecked Sendable {
    package let limits: RowBatchLimits
    /// One candle a key (series, time): the newest.
    package internal(set) var candleCount = 0
    package let candles: UnsafeMutablePointer<CandleRow>
    /// Texts of the candles. What a coalesced row left behind stays until the batch is cleared.
    package internal(set) var textCount = 0
    package let text: UnsafeMutablePointer<UInt8>
    /// What the candles' `series` numbers mean; the same numbers in every batch of one pipeline, growing at the end.
    package var series: [Series] = []
    package var trades: [TradeRow] = []
    package var refused: [RefusedRecord] = []
    /// Bytes that trade messages and dead letters hold.
    package internal(set) var keptByteCount = 0
    package var holes: [Hole] = []
    package var steps: [PartitionStep] = []
    /// Records behind this batch, duplicates and refused ones too.
    package var recordCount = 0
    /// Candles of this batch that another one of their key stands for.
    package internal(set) var coalescedCount = 0
    /// Closed candles that were replaced by another closed one with other values within this batch.
    package internal(set) var correctionCount = 0
    let keys: KeyTable

    /// - Parameter keys: shared with batches that are filled before or after this one; `nil`: its own. Made for as many rows.
    package init(limits: RowBatchLimits, keys: KeyTable? = nil) {
        precondition(limits.rows > 0 && limits.bytes >= Self.candleTextLimit, "room for one candle")
        precondition(limits.rows < 1 << 30 && limits.bytes <= Int(UInt32.max), "what 32 bits can address")
        self.limits = limits
        unsafe candles = .allocate(capacity: limits.rows)
        unsafe text = .allocate(capacity: limits.bytes)
        self.keys = keys ?? KeyTable(rows: limits.rows)
        precondition(self.keys.rows >= limits.rows, "a place for each row")
    }

    deinit {
        unsafe candles.deallocate()
        unsafe text.deallocate()
    }

    package var isEmpty: Bool { steps.isEmpty && holes.isEmpty }

    /// Forgets all it holds but `series`, whose numbers go on, and keeps the memory. Of batches that share their keys it is
    /// the one to be filled from here on.
    package func clear() {
        candleCount = 0
        textCount = 0
        trades.removeAll(keepingCapacity: true)
        refused.removeAll(keepingCapacity: true)
        keptByteCount = 0
        holes.removeAll(keepingCapacity: true)
        steps.removeAll(keepingCapacity: true)
        recordCount = 0
        coalescedCount = 0
        correctionCount = 0
        keys.clear()
    }

    /// Whether one more record with a key and value of together at most `byteCount` bytes fits, whatever becomes of it:
    /// candle, trade message or dead letter. A record greater than the limit fits where there is no other message.
    @inline(__always)
    package func hasRoom(forRecordOf byteCount: Int) -> Bool {
        let kept = keptByteCount == 0 ? 0 : keptByteCount + byteCount + Self.keptOverhead
        return candleCount < limits.rows && textCount <= limits.bytes - Self.candleTextLimit && kept <= limits.bytes
            && trades.count + refused.count < limits.rows
    }

    /// The batch has room for it.
    package func add(_ trade: TradeRow) {
        trades.append(trade)
        keptByteCount += trade.message.count + Self.keptOverhead
    }

    /// The batch has room for it.
    package func add(_ record: RefusedRecord) {
        refused.append(record)
        keptByteCount += (record.key?.count ?? 0) + (record.value?.count ?? 0) + Self.keptOverhead
    }

    /// What a trade message or dead letter takes beside its bytes: the row, its names, its sentence.
    private static let keptOverhead = 512

    /// The bytes of one number as they were sent; empty where there is none.
    package func digits(_ number: CandleNumber, of row: CandleRow) -> UnsafeRawBufferPointer {
        var start = Int(row.textStart)
        for place in 0..<number.rawValue { start += Int(row.numberCounts[place]) }
        return unsafe UnsafeRawBufferPointer(start: text + start, count: Int(row.numberCounts[number.rawValue]))
    }

    /// What the message named as its source; empty where it names none.
    package func source(of row: CandleRow) -> UnsafeRawBufferPointer {
        let start = Int(row.textStart) + Int(row.numberCounts.wrappedTotal)
        return unsafe UnsafeRawBufferPointer(start: text + start, count: Int(row.sourceCount))
    }
}

extension SIMD8<UInt8> {
    /// The sum of all eight, in a type that holds it.
    package var wrappedTotal: UInt16 { SIMD8<UInt16>(truncatingIfNeeded: self).wrappedSum() }
}

/// A signal, execution or order: kept as it was sent.
package struct TradeRow: Sendable, Equatable {
    package enum Table: String, CaseIterable, Sendable {
        case signals = "trading_signals"
        case executions = "trade_executions"
        case orders = "trade_orders"
    }
    package let table: Table
    /// Place in `RowBatch.steps`.
    package let step: Int32
    package let offset: Int64
    /// The record's own time, ms since 1970; -1 when it has none.
    package let timestamp: Int64
    /// One JSON object, UTF-8, as sent.
    package let message: [UInt8]
    /// The message's own names, for the indexed columns; `nil` where it has none.
    package let symbol: String?
    package let orderID: String?
    package let clientOrderID: String?
    package let strategy: String?
    package let side: String?

    package init(
        table: Table, step: Int32, offset: Int64, timestamp: Int64, message: [UInt8], symbol: String?, orderID: String?,
        clientOrderID: String?, strategy: String?, side: String?
    ) {
        self.table = table
        self.step = step
        self.offset = offset
        self.timestamp = timestamp
        self.message = message
        self.symbol = symbol
        self.orderID = orderID
        self.clientOrderID = clientOrderID
        self.strategy = strategy
        self.side = side
    }
}

/// A record that the table can't take, for `dead_letters`.
package struct RefusedRecord: Sendable, Equatable {
    /// Place in `RowBatch.steps`.
    package let step: Int32
    package let offset: Int64
    /// The record's own time, ms since 1970; -1 when it has none.
    package let timestamp: Int64
    package let key: [UInt8]?
    package let value: [UInt8]?
    package let reason: PersistRefusal
    /// What is wrong with it, in words.
    package let detail: String

    package init(
        step: Int32, offset: Int64, timestamp: Int64, key: [UInt8]?, value: [UInt8]?, reason: PersistRefusal,
        detail: String
    ) {
        self.step = step
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.reason = reason
        self.detail = detail
    }
}

/// Offsets that retention took before they were read: `from..<to`.
package struct Hole: Sendable, Equatable {
    package let source: SourcePartition
    package let generation: Int64
    package let from: Int64
    package let to: Int64

    package init(source: SourcePartition, generation: Int64, from: Int64, to: Int64) {
        self.source = source
        self.generation = generation
        self.from = from
        self.to = to
    }
}

/// How far one partition comes with a batch.
package struct PartitionStep: Sendable, Equatable {
    package let source: SourcePartition
    package let generation: Int64
    /// What `claim` gave: whoever claimed later has a higher one.
    package let fence: Int64
    /// `consumer_offsets.next_offset` before this batch; -1 before the first.
    package let expectedOffset: Int64
    package var nextOffset: Int64
    /// Time and CRC-32 of the value of the record at `nextOffset - 1`.
    package var lastTimestamp: Int64
    package var lastCRC32: UInt32

    package init(
        source: SourcePartition, generation: Int64, fence: Int64, expectedOffset: Int64, nextOffset: Int64,
        lastTimestamp: Int64, lastCRC32: UInt32
    ) {
        self.source = source
        self.generation = generation
        self.fence = fence
        self.expectedOffset = expectedOffset
        self.nextOffset = nextOffset
        self.lastTimestamp = lastTimestamp
        self.lastCRC32 = lastCRC32
    }
}
