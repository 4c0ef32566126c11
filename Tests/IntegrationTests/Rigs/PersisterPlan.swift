import Foundation

/// What the persister's tests send, and the table it must end in.
///
/// Record `number` goes to place `number % places.count`. A market topic's partition gets candle after candle, five
/// messages each: open, a newer open one, one older than that, closed, and something that comes after the close. What
/// that is goes round: a correction, an open one with a later time, the closed one again, or a closed one that is older.
/// `volume` is the number of the message that the values are from: no two messages have the same.
struct PersisterPlan: Sendable {
    let places: [KafkaPlace]
    /// In each message of a trade topic, to tell it from other tests' in the topics that all share.
    let name: String

    static let start: Int64 = 1_726_000_000_000
    private static let steps = 5

    struct Update {
        let time: Int64
        let eventTime: Int64
        let isClosed: Bool
        /// The message whose values these are.
        let number: Int
    }

    func place(of number: Int) -> KafkaPlace { places[number % places.count] }

    func update(_ number: Int) -> Update {
        let turn = number / places.count
        let candle = turn / Self.steps * places.count + number % places.count
        let time = Self.start + Int64(candle) * 60_000
        func update(after seconds: Int64, _ isClosed: Bool, valuesOf other: Int? = nil) -> Update {
            Update(time: time, eventTime: time + seconds * 1000, isClosed: isClosed, number: other ?? number)
        }
        switch (turn % Self.steps, turn / Self.steps % 4) {
        case (0, _): return update(after: 1, false)
        case (1, _): return update(after: 3, false)
        case (2, _): return update(after: 2, false)
        case (3, _): return update(after: 60, true)
        case (_, 0): return update(after: 61, true)
        case (_, 1): return update(after: 62, false)
        case (_, 2): return update(after: 60, true, valuesOf: number - places.count)
        default: return update(after: 59, true)
        }
    }

    /// The numbers as a message spells them, zeros at the end too.
    private static func prices(_ number: Int) -> [(name: String, digits: String)] {
        [
            ("open", "100.10"), ("high", "99999999.50"), ("low", "0.00000100"), ("close", "\(1000 + number).250"),
            ("volume", "\(number)"),
        ]
    }

    static func symbol(of place: KafkaPlace) -> String {
        place.topic.split(separator: ".").dropFirst(2).first.map { $0.uppercased() } ?? ""
    }

    /// The value of record `number`.
    @Sendable func message(_ place: KafkaPlace, _ number: Int) -> String {
        guard place.topic.hasPrefix("market.data.") else {
            // Eight fills an order: what they share must not make them one.
            return
                #"{"test":"\#(name)","number":\#(number),"symbol":"BTCUSDT","side":"BUY","order_id":"\#(name)-\#(number / 8 / places.count)","quantity":"0.10"}"#
        }
        let update = update(number)
        let prices = Self.prices(update.number).map { #""\#($0.name)":\#($0.digits)"# }.joined(separator: ",")
        return """
            {"symbol":"\(Self.symbol(of: place))","timeframe":"1m","time":\(update.time),\
            "close_time":\(update.time + 59_999),\(prices),"is_closed":\(update.isClosed),"timestamp":\(update.eventTime),\
            "number":\(number)}
            """
    }

    /// The rows that `market_data` must hold after these records, as `PersisterDatabase.candles` shows them: one record
    /// after the other, by the rule of the contract and nothing else.
    func candles(after written: Set<WrittenRecord>, in database: PersisterDatabase) -> [String] {
        struct Key: Hashable {
            let symbol: String
            let time: Int64
        }
        struct Row {
            var update: Update
            var offset: Int64
            var revision: Int
        }
        func isGreater(_ one: Update, _ offset: Int64, than row: Row) -> Bool {
            let other = row.update
            if one.isClosed != other.isClosed { return one.isClosed }
            return one.eventTime != other.eventTime ? one.eventTime > other.eventTime : offset > row.offset
        }
        var table: [Key: Row] = [:]
        let market = written.filter { $0.place.topic.hasPrefix("market.data.") }
        for record in market.sorted(by: { ($0.place, $0.offset) < ($1.place, $1.offset) }) {
            let update = update(record.number)
            let key = Key(symbol: Self.symbol(of: record.place), time: update.time)
            guard let row = table[key] else {
                table[key] = Row(update: update, offset: record.offset, revision: 0)
                continue
            }
            guard isGreater(update, record.offset, than: row) else { continue }
            let isCorrection = row.update.isClosed && update.number != row.update.number
            table[key] = Row(update: update, offset: record.offset, revision: row.revision + (isCorrection ? 1 : 0))
        }
        return table.map { key, row in
            let prices = Self.prices(row.update.number).map { database.spelling(of: $0.digits) }.joined(separator: " ")
            return
                "\(key.symbol) 1m \(key.time) \(prices) \(row.update.isClosed ? 1 : 0) \(row.update.eventTime) \(row.offset) \(row.revision)"
        }.sorted()
    }
}
