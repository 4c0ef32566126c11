import MarketData
import Persister
import Records

/// One decoder and one batch, as a pipeline has them.
struct DecoderRig: ~Copyable {
    let batch: RowBatch
    let table = SeriesTable()
    let topic: CandleTopic
    private var decoder: CandleDecoder
    private(set) var detail = ""
    private var offset: Int64 = 0

    init(topic: String = "market.data.btcusdt.1m", limits: RowBatchLimits = RowBatchLimits(), messageLimit: Int = 4_096)
    {
        batch = RowBatch(limits: limits)
        self.topic = CandleTopic(MarketTopic(topic)!, in: table)
        decoder = CandleDecoder(messageLimit: messageLimit)
    }

    mutating func decode(_ value: [UInt8]?, timestamp: Int64 = 1_726_000_060_500) -> PersistRefusal? {
        defer { offset += 1 }
        let (decoded, offset) = (value ?? [], offset)
        let refusal = unsafe decoded.withUnsafeBytes { bytes in
            let record = unsafe Record(
                kind: .record, slot: 0, offset: offset, timestamp: timestamp, key: nil,
                value: value == nil ? nil : bytes, handle: nil)
            return unsafe decoder.decode(record, of: topic, step: 3, into: batch)
        }
        detail = refusal == nil ? "" : decoder.refusalDetail
        return refusal
    }

    mutating func decode(_ text: String, timestamp: Int64 = 1_726_000_060_500) -> PersistRefusal? {
        decode(Array(text.utf8), timestamp: timestamp)
    }

    /// The row's texts in the order of `CandleNumber`, then the source.
    func texts(_ place: Int = 0) -> [String] {
        let row = unsafe batch.candles[place]
        return CandleNumber.allCases.map { unsafe String(decoding: batch.digits($0, of: row), as: UTF8.self) }
            + [unsafe String(decoding: batch.source(of: row), as: UTF8.self)]
    }

    func row(_ place: Int = 0) -> CandleRow { unsafe batch.candles[place] }
}

/// A candle as producers write it, with members replaced (by their JSON text), left out (`nil`), or added.
func candle(_ changes: KeyValuePairs<String, String?> = [:]) -> String {
    var members: [(String, String?)] = [
        ("symbol", #""BTCUSDT""#), ("timeframe", #""1m""#), ("time", "1726000020000"), ("close_time", "1726000079999"),
        ("open", "57000.10"), ("high", "57010.5"), ("low", "56990"), ("close", "57001.25"), ("volume", "12.50"),
        ("is_closed", "true"), ("quote_asset_volume", "712500.125"), ("number_of_trades", "321"),
        ("taker_buy_base_asset_volume", "6.25"), ("taker_buy_quote_asset_volume", "356250.0625"),
        ("source", #""binance_websocket""#), ("timestamp", "1726000080001"),
    ]
    for (name, text) in changes {
        if let place = members.firstIndex(where: { $0.0 == name }) {
            members[place].1 = text
        } else {
            members.append((name, text))
        }
    }
    return "{" + members.compactMap { name, text in text.map { "\"\(name)\":\($0)" } }.joined(separator: ",") + "}"
}
