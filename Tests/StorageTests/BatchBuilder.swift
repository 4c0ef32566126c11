import MarketData
import Persister
import Records
import Storage

/// One candle as a test writes it down; numbers as sent, `nil` for what the message lacks.
struct CandleUpdate: Sendable {
    var symbol = "BTCUSDT"
    var timeframe = Timeframe.oneMinute
    var time: Int64 = 1_700_000_000_000
    var eventTime: Int64 = 1_700_000_030_000
    var offset: Int64 = 0
    var open = "100.5"
    var high = "101.25"
    var low = "99.75"
    var close = "100.75"
    var volume: String? = "12.5"
    var quoteVolume: String? = "1259.375"
    var takerBuyBase: String? = "6.25"
    var takerBuyQuote: String? = "629.6875"
    var trades: Int64? = 42
    var source: String? = "binance_websocket"
    var isClosed = false
    var corrections: UInt16 = 0
}

/// Puts rows into a batch for one writer's partitions.
struct BatchBuilder {
    static let source = SourcePartition(topic: "market.data.btcusdt.1m", partition: 0)

    let batch: RowBatch
    private var places: [Series: Int32] = [:]

    init(rows: Int = 4_096) { batch = RowBatch(limits: RowBatchLimits(rows: rows, bytes: 65_536 + rows * 256)) }

    /// A step of the claimed partition up to `nextOffset`; the place of it for the rows.
    @discardableResult
    func step(
        _ claim: Claim, to nextOffset: Int64, of source: SourcePartition = source, generation: Int64? = nil,
        timestamp: Int64 = 1_700_000_030_000, crc: UInt32 = 0xcbf4_3926
    ) -> Int32 {
        batch.steps.append(
            PartitionStep(
                source: source, generation: generation ?? claim.generation, fence: claim.fence,
                expectedOffset: claim.position?.nextOffset ?? -1, nextOffset: nextOffset, lastTimestamp: timestamp,
                lastCRC32: crc))
        return Int32(batch.steps.count - 1)
    }

    mutating func add(_ update: CandleUpdate, step: Int32 = 0) {
        let series = Series(symbol: update.symbol, timeframe: update.timeframe)
        let place =
            places[series]
            ?? {
                batch.series.append(series)
                return Int32(batch.series.count - 1)
            }()
        places[series] = place
        let numbers = [
            update.open, update.high, update.low, update.close, update.volume ?? "", update.quoteVolume ?? "",
            update.takerBuyBase ?? "", update.takerBuyQuote ?? "",
        ]
        var counts = SIMD8<UInt8>()
        for (index, number) in numbers.enumerated() { counts[index] = UInt8(number.utf8.count) }
        let text = Array((numbers.joined() + (update.source ?? "")).utf8)
        let row = CandleRow(
            series: place, step: step, time: update.time, eventTime: update.eventTime, offset: update.offset,
            trades: update.trades ?? -1, textStart: 0, numberCounts: counts,
            sourceCount: UInt8(update.source?.utf8.count ?? 0), isClosed: update.isClosed,
            corrections: update.corrections)
        let isAdded = unsafe text.withUnsafeBytes { unsafe batch.append(row, text: $0) }
        precondition(isAdded, "a test's batch has room for its rows")
    }
}

/// One writer of one partition, which follows its own position as the pipeline does.
final class Writer {
    let store: any Store
    let source: SourcePartition
    var claim: Claim

    init(_ store: any Store, source: SourcePartition = BatchBuilder.source) throws {
        self.store = store
        self.source = source
        claim = try store.claim([source])[0]
    }

    /// The batch that `write` would write.
    func batch(
        _ updates: [CandleUpdate], generation: Int64? = nil, to nextOffset: Int64? = nil,
        _ more: (RowBatch) -> Void = { _ in }
    ) -> RowBatch {
        var builder = BatchBuilder(rows: max(updates.count, 1))
        builder.step(
            claim, to: nextOffset ?? (max(claim.position?.nextOffset ?? 0, 0) + 1), of: source, generation: generation)
        for update in updates { builder.add(update) }
        more(builder.batch)
        return builder.batch
    }

    /// Follows a batch that was committed.
    func follow(_ batch: RowBatch) {
        let step = batch.steps[0]
        claim = Claim(
            fence: claim.fence, generation: step.generation,
            position: StoredPosition(
                nextOffset: step.nextOffset, lastTimestamp: step.lastTimestamp, lastCRC32: step.lastCRC32))
    }

    @discardableResult
    func write(
        _ updates: [CandleUpdate], generation: Int64? = nil, to nextOffset: Int64? = nil,
        _ more: (RowBatch) -> Void = { _ in }
    ) throws -> WriteReport {
        let batch = batch(updates, generation: generation, to: nextOffset, more)
        let report = try store.write(batch)
        follow(batch)
        return report
    }
}

extension Archive {
    /// All candles of a series.
    func candles(_ symbol: String = "BTCUSDT", _ timeframe: Timeframe = .oneMinute) throws -> [StoredCandle] {
        var all: [StoredCandle] = []
        try candles(of: Series(symbol: symbol, timeframe: timeframe), from: .min, to: .max) {
            all.append($0)
            return true
        }
        return all
    }
}
