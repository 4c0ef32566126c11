import CSimdjsonShim
package import Records

extension TradeRow.Table {
    /// Every topic that has a table.
    package static let topics = ["analyzer.signals", "executions", "orders", "signals", "signals.filtered"]

    /// Where a topic's messages are kept; `nil` for a topic without a table.
    package init?(topic: String) {
        switch topic {
        case "signals", "analyzer.signals", "signals.filtered": self = .signals
        case "executions": self = .executions
        case "orders": self = .orders
        default: return nil
        }
    }
}

/// Turns signals, executions and orders into rows of a batch: the message as it was sent, and its own names. Cold beside
/// candles: each row allocates. One decoder a pipeline, on its thread.
@safe package struct TradeDecoder: ~Copyable {
    private var reader: ObjectReader
    /// What was wrong with the value decoded last.
    package private(set) var refusalDetail = ""

    /// - Parameter messageLimit: bytes of a value at most.
    package init(messageLimit: Int) {
        reader = ObjectReader(messageLimit: messageLimit)
    }

    /// Adds the record's message to the batch, which has room for it; or says why it can't and leaves the batch as it is.
    package mutating func decode(
        _ record: Record, for table: TradeRow.Table, step: Int32, into batch: RowBatch
    ) -> PersistRefusal? {
        guard let value = unsafe record.value else {
            refusalDetail = "the record's value is null"
            return .nullValue
        }
        guard value.count <= reader.messageLimit else {
            refusalDetail = "the record's value is over the limit of \(reader.messageLimit) bytes (got \(value.count))"
            return .tooLarge
        }
        guard unsafe reader.read(value, isTrade: true) else {
            refusalDetail = "the record's value must be one JSON object in UTF-8"
            return .notAnObject
        }
        batch.add(
            TradeRow(
                table: table, step: step, offset: unsafe record.offset, timestamp: unsafe record.timestamp,
                message: unsafe Array(value), symbol: name(simdjson_shim_member_symbol),
                orderID: name(simdjson_shim_member_order_id),
                clientOrderID: name(simdjson_shim_member_client_order_id),
                strategy: name(simdjson_shim_member_strategy), side: name(simdjson_shim_member_side)))
        return nil
    }

    /// Longer ones serve no index; the message has them.
    private static let nameLimit = 255

    /// A string or a number as text; `nil` for anything else, an empty one, one that is longer than any name, or one
    /// with a zero byte, which PostgreSQL's text can't hold.
    private func name(_ member: Int) -> String? {
        guard let text = unsafe reader.text(member), (1...Self.nameLimit).contains(text.count),
            unsafe !text.contains(0)
        else { return nil }
        return unsafe String(decoding: text, as: UTF8.self)
    }
}
