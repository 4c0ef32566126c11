import CAllocationCounter
import MarketData
import Persister
import Records

/// The persister's hot path: candles decoded into a batch, coalesced, the batch cleared.
@safe final class CandleDecoding {
    /// Values, one behind the other: candles of all topics, and for each an update some digits longer.
    private let bytes: UnsafeMutableRawBufferPointer
    private let values: [Range<Int>]
    private let topics: [CandleTopic]
    private let batch = RowBatch(limits: RowBatchLimits())
    private var decoder = CandleDecoder(messageLimit: 1 << 20)
    private var offset: Int64 = 0
    private static let topicCount = 10
    private static let minutes = 500

    init() {
        let table = SeriesTable()
        topics = (0..<Self.topicCount).map {
            CandleTopic(MarketTopic("market.data.s\($0)usdt.1m")!, in: table)
        }
        var text: [UInt8] = []
        var values: [Range<Int>] = []
        for minute in 0..<Self.minutes {
            for volume in ["12.5", "1234.56789"] {
                for topic in 0..<Self.topicCount {
                    let start = text.count
                    text += Self.candle(of: topic, minute: minute, volume: volume).utf8
                    values.append(start..<text.count)
                }
            }
        }
        self.values = values
        unsafe bytes = .allocate(byteCount: text.count, alignment: 8)
        unsafe bytes.copyBytes(from: text)
    }

    deinit { unsafe bytes.deallocate() }

    private static func candle(of topic: Int, minute: Int, volume: String) -> String {
        let time = 1_726_000_020_000 + 60_000 * Int64(minute)
        return """
            {"symbol":"S\(topic)USDT","timeframe":"1m","time":\(time),"close_time":\(time + 59_999),"open":94098.9,\
            "high":94098.91,"low":94049.47,"close":"94049.47","volume":\(volume),"is_closed":true,\
            "quote_asset_volume":705511.25,"number_of_trades":4711,"taker_buy_base_asset_volume":3.5,\
            "taker_buy_quote_asset_volume":329171.25,"source":"binance_websocket","timestamp":\(time + 60_001)}
            """
    }

    /// Decodes all values some times over; how many.
    private func decodeAll(rounds: Int) -> Int {
        var decoded = 0
        for _ in 0..<rounds {
            for place in values.indices {
                let value = unsafe UnsafeRawBufferPointer(rebasing: bytes[values[place]])
                if !batch.hasRoom(forRecordOf: value.count) { batch.clear() }
                let topic = place % Self.topicCount
                let record = unsafe Record(
                    kind: .record, slot: 0, offset: offset, timestamp: 1, key: nil, value: value, handle: nil)
                let refusal = unsafe decoder.decode(record, of: topics[topic], step: 0, into: batch)
                precondition(refusal == nil, "every candle here is good")
                offset += 1
                decoded += 1
            }
            batch.clear()
        }
        return decoded
    }

    /// Batches cleared between the rounds; the first round, which numbers the series, is not counted.
    func measure() -> (records: Int, allocations: UInt64) {
        _ = decodeAll(rounds: 1)
        allocation_counter_start()
        let records = decodeAll(rounds: 10)
        return (records, allocation_counter_stop())
    }
}
