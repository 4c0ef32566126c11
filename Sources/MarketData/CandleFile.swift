/// A CSV file of candles, `open_time,open,high,low,close,volume` with a header line, as the venues publish them.
///
/// The file's name gives symbol and timeframe, `BTCUSDT-1m.csv`; prices stay text, digit by digit.
package struct CandleFile: Sendable {
    package enum Failure: Error, CustomStringConvertible {
        case name(String)
        case timeframe(file: String, found: String)
        case header(file: String, found: String)
        case row(file: String, line: Int, String)

        package var description: String {
            switch self {
            case .name(let name):
                "\(name): a candle file is named <SYMBOL>-<timeframe>.csv, for example BTCUSDT-1m.csv"
            case .timeframe(let file, let found):
                "\(file): \(found.prefix(60)) is no timeframe, which stands before .csv: "
                    + Timeframe.allCases.map(\.rawValue).joined(separator: " ")
            case .header(let file, let found):
                "\(file): line 1 must be \(CandleFile.header) (got \(found.prefix(60)))"
            case .row(let file, let line, let sentence): "\(file): line \(line): \(sentence)"
            }
        }
    }

    /// Up to the year 9000: microseconds and nanoseconds of our days lie far above.
    private static let openTimes: Range<Int64> = 0..<221_845_392_000_000
    package static let header = "open_time,open,high,low,close,volume"
    package let symbol: Symbol
    package let timeframe: Timeframe
    package let rows: [Row]

    /// One candle; the five figures are JSON numbers as the file spells them.
    package struct Row: Sendable {
        /// Milliseconds since 1970.
        package let openTime: Int64
        package let open, high, low, close, volume: String

        package init(openTime: Int64, open: String, high: String, low: String, close: String, volume: String) {
            self.openTime = openTime
            self.open = open
            self.high = high
            self.low = low
            self.close = close
            self.volume = volume
        }
    }

    /// Symbol and timeframe that a file of this name holds.
    package static func subject(ofFileNamed name: String) throws(Failure) -> (Symbol, Timeframe) {
        guard name.hasSuffix(".csv"), !name.hasSuffix("-.csv"), let dash = name.lastIndex(of: "-"),
            let symbol = Symbol(name[..<dash])
        else { throw .name(name) }
        let word = String(name[name.index(after: dash)...].dropLast(4))
        guard let timeframe = Timeframe(rawValue: word) else { throw .timeframe(file: name, found: word) }
        return (symbol, timeframe)
    }

    package init(name: String, text: String) throws(Failure) {
        (symbol, timeframe) = try Self.subject(ofFileNamed: name)
        let lines = text.split(whereSeparator: \.isNewline)
        guard let first = lines.first, Self.fields(of: first).joined(separator: ",") == Self.header else {
            throw .header(file: name, found: lines.first.map(String.init) ?? "an empty file")
        }
        var rows: [Row] = []
        rows.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated().dropFirst() {
            rows.append(try Self.row(line, file: name, number: index + 1))
        }
        self.rows = rows
    }

    /// Without the quotation marks that some programs put around every field; names and numbers hold no comma.
    private static func fields(of line: Substring) -> [Substring] {
        line.split(separator: ",", omittingEmptySubsequences: false).map { field in
            field.utf8.first == UInt8(ascii: "\"") && field.utf8.count > 1 && field.utf8.last == UInt8(ascii: "\"")
                ? field.dropFirst().dropLast() : field
        }
    }

    private static func row(_ line: Substring, file: String, number: Int) throws(Failure) -> Row {
        let fields = fields(of: line)
        guard fields.count == 6 else { throw .row(file: file, line: number, "6 fields expected (got \(fields.count))") }
        guard let openTime = Int64(fields[0]), openTimes.contains(openTime) else {
            throw .row(
                file: file, line: number, "open_time must be milliseconds since 1970 (got \(fields[0].prefix(30)))")
        }
        for (field, name) in zip(fields.dropFirst(), ["open", "high", "low", "close", "volume"])
        where !isJSONNumber(field.utf8) {
            throw .row(file: file, line: number, "\(name) must be a number (got \(field.prefix(30)))")
        }
        return Row(
            openTime: openTime, open: String(fields[1]), high: String(fields[2]), low: String(fields[3]),
            close: String(fields[4]), volume: String(fields[5]))
    }

    /// Digits, at most one point with digits on both sides, an optional sign: the part of JSON's numbers (RFC 8259, 6)
    /// that venues write.
    private static func isJSONNumber(_ text: Substring.UTF8View) -> Bool {
        var body = text[...]
        if body.first == UInt8(ascii: "-") { body = body.dropFirst() }
        let parts = body.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts[0].count == 1 || parts[0].first != UInt8(ascii: "0") else {
            return false
        }
        return parts.allSatisfy { part in
            !part.isEmpty && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
    }
}

extension CandleFile.Row {
    /// The candle as producers write it (the shape of the topics `market.data.*`), closed, without the members that the
    /// file does not hold.
    ///
    /// - Parameter timestamp: the event's time in milliseconds since 1970.
    package func json(symbol: Symbol, timeframe: Timeframe, timestamp: Int64) -> String {
        let closeTime = timeframe.next(after: openTime) - 1
        return """
            {"symbol":"\(symbol.name.uppercased())","timeframe":"\(timeframe.rawValue)","time":\(openTime),\
            "close_time":\(closeTime),"open":\(open),"high":\(high),"low":\(low),"close":\(close),"volume":\(volume),\
            "is_closed":true,"source":"klinecast_feed","timestamp":\(timestamp)}
            """
    }
}

extension Timeframe {
    /// The open time of the candle after the one that opens at `openTime`; both in milliseconds since 1970. A month ends
    /// with the calendar's, in UTC.
    package func next(after openTime: Int64) -> Int64 {
        if let milliseconds { return openTime + milliseconds }
        let open = CivilTime(milliseconds: openTime)
        return open.month == 12
            ? CivilTime.midnight(year: open.year + 1, month: 1, day: 1)
            : CivilTime.midnight(year: open.year, month: open.month + 1, day: 1)
    }
}
