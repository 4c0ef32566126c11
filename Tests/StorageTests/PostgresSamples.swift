import MarketData
import Persister
import Records
import Storage

/// Batches for the tests that are PostgreSQL's alone: one partition, one candle a minute of one symbol.
struct PostgresSamples {
    static let topic = "market.data.btcusdt.1m"
    static let source = SourcePartition(topic: topic, partition: 0)
    static let series = Series(symbol: "BTCUSDT", timeframe: .oneMinute)
    /// 2024-09-10 20:26:40 UTC.
    static let start: Int64 = 1_726_000_000_000

    var claim: Claim
    var next: Int64

    init(_ store: any Store) throws {
        claim = try store.claim([Self.source])[0]
        next = claim.position?.nextOffset ?? -1
    }

    /// Candles number `numbers` from the start, whose offsets go on where the last batch ended.
    func candles(
        _ numbers: Range<Int>, close: String = "1.5", isClosed: Bool = true, eventTime: Int64? = nil,
        volume: String = "10.25"
    ) -> RowBatch {
        let batch = empty(records: numbers.count)
        for (place, number) in numbers.enumerated() {
            let time = Self.start + Int64(number) * 60_000
            let accepted = Self.add(
                ["1.10", "2.00", "1.00", close, volume, "", "", ""], source: "test", to: batch, time: time,
                eventTime: eventTime ?? time + 60_000, offset: max(next, 0) + Int64(place), isClosed: isClosed)
            precondition(accepted, "the batch has room")
        }
        return batch
    }

    /// A batch that only moves the partition.
    func empty(records: Int) -> RowBatch {
        let batch = RowBatch(limits: RowBatchLimits())
        batch.series = [Self.series]
        batch.steps = [
            PartitionStep(
                source: Self.source, generation: claim.generation, fence: claim.fence, expectedOffset: next,
                nextOffset: max(next, 0) + Int64(records), lastTimestamp: 1, lastCRC32: 2)
        ]
        return batch
    }

    static func add(
        _ numbers: [String], source: String, to batch: RowBatch, time: Int64, eventTime: Int64, offset: Int64,
        isClosed: Bool
    ) -> Bool {
        var counts = SIMD8<UInt8>()
        for place in 0..<8 { counts[place] = UInt8(numbers[place].utf8.count) }
        let row = CandleRow(
            series: 0, step: 0, time: time, eventTime: eventTime, offset: offset, trades: 7, textStart: 0,
            numberCounts: counts, sourceCount: UInt8(source.utf8.count), isClosed: isClosed)
        return unsafe Array((numbers.joined() + source).utf8).withUnsafeBytes { unsafe batch.append(row, text: $0) }
    }

    /// After a batch was committed.
    mutating func advance(past batch: RowBatch) { next = batch.steps[0].nextOffset }
}
