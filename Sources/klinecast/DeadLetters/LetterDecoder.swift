import MarketData
import Persister
import Records
import Storage

/// Reads a dead letter's bytes again, as the persister does.
final class LetterDecoder {
    /// Holds the letter decoded last.
    let batch: RowBatch
    private var candles: CandleDecoder
    private var trades: TradeDecoder
    private let series = SeriesTable()

    /// - Parameter messageLimit: bytes of a value at most.
    init(messageLimit: Int) {
        // One record, whose text the batch rounds up.
        batch = RowBatch(limits: RowBatchLimits(rows: 1, bytes: messageLimit + 65_536))
        candles = CandleDecoder(messageLimit: messageLimit)
        trades = TradeDecoder(messageLimit: messageLimit)
    }

    /// Fills `batch` with the letter's row; what is wrong with it otherwise.
    func decode(_ letter: StoredDeadLetter) -> (reason: String, detail: String)? {
        batch.clear()
        // Says where the row comes from; a replay moves no step.
        batch.steps = [
            PartitionStep(
                source: letter.source, generation: letter.generation, fence: 0, expectedOffset: letter.offset,
                nextOffset: letter.offset + 1, lastTimestamp: letter.timestamp, lastCRC32: 0)
        ]
        batch.recordCount = 1
        defer { batch.series = series.all }
        guard let value = letter.value else { return unsafe decode(letter, nil) }
        return unsafe value.withUnsafeBytes { unsafe decode(letter, $0) }
    }

    private func decode(_ letter: StoredDeadLetter, _ value: UnsafeRawBufferPointer?) -> (
        reason: String, detail: String
    )? {
        let record = unsafe Record(
            kind: .record, slot: 0, offset: letter.offset, timestamp: letter.timestamp, key: nil, value: value,
            handle: nil
        )
        let topic = letter.source.topic
        if let market = MarketTopic(topic) {
            let refusal = unsafe candles.decode(record, of: CandleTopic(market, in: series), step: 0, into: batch)
            return refusal.map { ($0.rawValue, candles.refusalDetail) }
        }
        guard let table = TradeRow.Table(topic: topic) else {
            return (letter.reason, "no table takes the topic \(Terminal.plain(topic))")
        }
        let refusal = unsafe trades.decode(record, for: table, step: 0, into: batch)
        return refusal.map { ($0.rawValue, trades.refusalDetail) }
    }
}
