import CSimdjsonShim
import MarketData
package import Records

/// Turns candles as they were sent (JSON) into rows of a batch, digits untouched.
///
/// Of a name that occurs twice the last counts, and a null is a member that is not there. One decoder a pipeline, on its
/// thread. Hot: nothing here allocates but `refusalDetail`, and a topic's first candle.
@safe package struct CandleDecoder: ~Copyable {
    private var reader: ObjectReader
    private var fault = Fault()

    /// What was wrong with the value decoded last.
    private struct Fault {
        /// -1: the value as a whole.
        var member = -1
        var rule: StaticString = ""
        var byteCount = 0
    }

    /// - Parameter messageLimit: bytes of a value at most.
    package init(messageLimit: Int) {
        reader = ObjectReader(messageLimit: messageLimit)
    }

    /// Adds the record's candle to the batch, which has room for it; or says why it is none and leaves the batch as it is.
    package mutating func decode(
        _ record: Record, of topic: CandleTopic, step: Int32, into batch: RowBatch
    ) -> PersistRefusal? {
        do {
            try unsafe read(record.value)
            try checkSymbol(topic)
            let timeframe = try timeframe(topic)
            let time = try openTime()
            let event = try eventTime(unsafe record.timestamp, time)
            var row = CandleRow(
                series: -1, step: step, time: time, eventTime: event, offset: unsafe record.offset, trades: -1,
                textStart: 0, numberCounts: SIMD8(), sourceCount: 0, isClosed: try isClosed(event))
            var next = unsafe batch.text + batch.textCount
            try unsafe copyPrices(to: &next, &row)
            try unsafe copyVolumes(to: &next, &row)
            row.trades = try trades()
            try unsafe copySource(to: next, &row)
            row.series = topic.series(timeframe)
            batch.addLast(row)
            return nil
        } catch {
            return error
        }
    }

    /// The member, the rule and what stood there instead, of the refusal that the last `decode` answered.
    package var refusalDetail: String {
        if fault.member >= 0 {
            return "\(Self.names[fault.member]): \(fault.rule) (got \(reader.excerpt(fault.member)))"
        }
        return fault.byteCount > 0 ? "\(fault.rule) (got \(fault.byteCount) bytes)" : "\(fault.rule)"
    }

    private static let names = [
        "time", "open_time", "start_time", "close_time", "open", "high", "low", "close", "volume",
        "quote_asset_volume", "taker_buy_base_asset_volume", "taker_buy_quote_asset_volume", "number_of_trades",
        "timestamp", "symbol", "timeframe", "is_closed", "source",
    ]

    private mutating func refuse(_ refusal: PersistRefusal, _ member: Int, _ rule: StaticString) -> PersistRefusal {
        fault = Fault(member: member, rule: rule)
        return refusal
    }

    // MARK: The value and what it belongs to

    @inline(__always)
    private mutating func read(_ value: UnsafeRawBufferPointer?) throws(PersistRefusal) {
        guard let value = unsafe value else {
            fault = Fault(rule: "the record's value is null")
            throw .nullValue
        }
        guard value.count <= reader.messageLimit else {
            fault = Fault(rule: "the record's value is over the limit of a message", byteCount: value.count)
            throw .tooLarge
        }
        guard unsafe reader.read(value, isTrade: false) else {
            fault = Fault(rule: "the record's value must be one JSON object in UTF-8")
            throw .notAnObject
        }
    }

    @inline(__always)
    private mutating func checkSymbol(_ topic: CandleTopic) throws(PersistRefusal) {
        guard reader.has(simdjson_shim_member_symbol) else { return }
        guard let text = unsafe reader.string(simdjson_shim_member_symbol), unsafe topic.isSpelled(text) else {
            throw refuse(.wrongSymbol, simdjson_shim_member_symbol, "must be the topic's symbol, or be left out")
        }
    }

    @inline(__always)
    private mutating func timeframe(_ topic: CandleTopic) throws(PersistRefusal) -> Timeframe {
        guard reader.has(simdjson_shim_member_timeframe) else { return topic.defaultTimeframe }
        guard let text = unsafe reader.string(simdjson_shim_member_timeframe),
            let timeframe = unsafe Timeframe(spelling: text)
        else {
            throw refuse(
                .wrongTimeframe, simdjson_shim_member_timeframe,
                "must be one of 1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M, or be left out")
        }
        guard topic.topic.timeframe == nil || topic.defaultTimeframe == timeframe else {
            throw refuse(
                .wrongTimeframe, simdjson_shim_member_timeframe, "must be the topic's timeframe, or be left out")
        }
        return timeframe
    }

    // MARK: Times

    @inline(__always)
    private mutating func openTime() throws(PersistRefusal) -> Int64 {
        if reader.has(simdjson_shim_member_time) { return try time(simdjson_shim_member_time) }
        if reader.has(simdjson_shim_member_open_time) { return try time(simdjson_shim_member_open_time) }
        if reader.has(simdjson_shim_member_start_time) { return try time(simdjson_shim_member_start_time) }
        throw refuse(.missingTime, simdjson_shim_member_time, "must be there, the open time")
    }

    @inline(__always)
    private mutating func eventTime(_ timestamp: Int64, _ open: Int64) throws(PersistRefusal) -> Int64 {
        if reader.has(simdjson_shim_member_timestamp) { return try time(simdjson_shim_member_timestamp) }
        if Self.times.contains(timestamp) { return timestamp }
        // A record without a time: older than any that has one.
        if timestamp < 0 { return open }
        throw refuse(
            .badTime, simdjson_shim_member_timestamp,
            "must be there, or the record's own time must lie in 2009 to 2100 when read as milliseconds since 1970")
    }

    /// The message's own word, else whether the candle ended before the event.
    @inline(__always)
    private mutating func isClosed(_ event: Int64) throws(PersistRefusal) -> Bool {
        switch reader.kind(simdjson_shim_member_is_closed) {
        case simdjson_shim_kind_true: true
        case simdjson_shim_kind_false: false
        case simdjson_shim_kind_missing:
            reader.has(simdjson_shim_member_close_time) ? try time(simdjson_shim_member_close_time) < event : false
        default: throw refuse(.badFlag, simdjson_shim_member_is_closed, "must be true or false, or be left out")
        }
    }

    /// From 2009, before which nothing here was traded, to the end of 2100: our days in seconds, microseconds or
    /// nanoseconds lie outside.
    private static let times: Range<Int64> = 1_230_768_000_000..<4_133_980_800_000

    @inline(__always)
    private mutating func time(_ member: Int) throws(PersistRefusal) -> Int64 {
        guard let text = unsafe reader.text(member),
            let time = unsafe Self.wholeNumber(text) ?? TimeText.milliseconds(iso8601: text)
        else {
            throw refuse(.badTime, member, "must be whole milliseconds since 1970 or an ISO 8601 time")
        }
        guard Self.times.contains(time) else {
            throw refuse(.badTime, member, "must be milliseconds since 1970, or ISO 8601, of the years 2009 to 2100")
        }
        return time
    }

    /// Digits alone, no zero in front, within what 64 bits hold.
    @inline(__always)
    private static func wholeNumber(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard (1...19).contains(text.count), unsafe text.count == 1 || text[0] != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        for index in 0..<text.count {
            let digit = unsafe text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return Int64(exactly: value)
    }

    // MARK: Numbers

    @inline(__always)
    private mutating func copyPrices(
        to next: inout UnsafeMutablePointer<UInt8>, _ row: inout CandleRow
    ) throws(PersistRefusal) {
        let open = try unsafe copy(CandleNumber.open.rawValue, to: &next, &row)
        let high = try unsafe copy(CandleNumber.high.rawValue, to: &next, &row)
        let low = try unsafe copy(CandleNumber.low.rawValue, to: &next, &row)
        let close = try unsafe copy(CandleNumber.close.rawValue, to: &next, &row)
        guard DecimalText.compare(high, low) >= 0 else {
            throw refuse(.highBelowLow, simdjson_shim_member_high, "must not be below low")
        }
        guard DecimalText.compare(high, open) >= 0, DecimalText.compare(high, close) >= 0 else {
            throw refuse(.highBelowLow, simdjson_shim_member_high, "must not be below open or close")
        }
        guard DecimalText.compare(low, open) <= 0, DecimalText.compare(low, close) <= 0 else {
            throw refuse(.highBelowLow, simdjson_shim_member_low, "must not be above open or close")
        }
    }

    /// Each may be missing.
    @inline(__always)
    private mutating func copyVolumes(
        to next: inout UnsafeMutablePointer<UInt8>, _ row: inout CandleRow
    ) throws(PersistRefusal) {
        for place in CandleNumber.volume.rawValue...CandleNumber.takerBuyQuoteVolume.rawValue
        where reader.has(simdjson_shim_member_open + place) {
            _ = try unsafe copy(place, to: &next, &row)
        }
    }

    /// Checks a number and moves `next` behind its copy. `place` is a `CandleNumber`: they stand among the members in that
    /// order.
    @inline(__always)
    private mutating func copy(
        _ place: Int, to next: inout UnsafeMutablePointer<UInt8>, _ row: inout CandleRow
    ) throws(PersistRefusal) -> DecimalText {
        let member = simdjson_shim_member_open + place
        let decimal = try decimal(member)
        guard let text = unsafe reader.text(member), let start = text.baseAddress else { return decimal }
        unsafe UnsafeMutableRawPointer(next).copyMemory(from: start, byteCount: text.count)
        unsafe next += text.count
        row.numberCounts[place] = UInt8(truncatingIfNeeded: text.count)
        return decimal
    }

    @inline(__always)
    private mutating func decimal(_ member: Int) throws(PersistRefusal) -> DecimalText {
        guard let text = unsafe reader.text(member) else {
            guard reader.has(member) else { throw refuse(.missingPrice, member, "must be there") }
            throw refuse(.notANumber, member, "must be a number, or a string that is one")
        }
        let decimal: DecimalText
        do { decimal = try unsafe DecimalText(text) } catch {
            switch error {
            case .notANumber: throw refuse(.notANumber, member, "must be a number, or a string that is one")
            case .tooLong:
                throw refuse(
                    .outOfRange, member, "must have at most 64 characters, 40 digits, an exponent of -40 to 40")
            }
        }
        guard !decimal.isNegative else { throw refuse(.outOfRange, member, "must not be below zero") }
        return decimal
    }

    @inline(__always)
    private mutating func trades() throws(PersistRefusal) -> Int64 {
        guard reader.has(simdjson_shim_member_trades) else { return -1 }
        if let text = unsafe reader.text(simdjson_shim_member_trades), let count = unsafe Self.wholeNumber(text) {
            return count
        }
        _ = try decimal(simdjson_shim_member_trades)
        throw refuse(.notANumber, simdjson_shim_member_trades, "must be a whole number of 64 bits")
    }

    @inline(__always)
    private mutating func copySource(
        to next: UnsafeMutablePointer<UInt8>, _ row: inout CandleRow
    ) throws(PersistRefusal) {
        guard reader.has(simdjson_shim_member_source) else { return }
        guard let text = unsafe reader.string(simdjson_shim_member_source), text.count <= 255,
            unsafe !text.contains(0)
        else {
            throw refuse(
                .outOfRange, simdjson_shim_member_source, "must be a string of at most 255 bytes, none of them zero")
        }
        guard let start = text.baseAddress else { return }
        unsafe UnsafeMutableRawPointer(next).copyMemory(from: start, byteCount: text.count)
        row.sourceCount = UInt8(truncatingIfNeeded: text.count)
    }
}
