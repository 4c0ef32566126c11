import MarketData
import Persister
import Storage
import Telemetry

/// A stored candle in the words of others.
enum CandleSpelling {
    /// The shape in which producers write a candle to Kafka, one object; the numbers with the database's digits, null
    /// where the column is.
    static func json(_ candle: StoredCandle, of series: Series) -> [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.member("symbol", series.symbol)
            json.member("timeframe", series.timeframe.rawValue)
            json.member("time", candle.time)
            json.member("close_time", series.timeframe.next(after: candle.time) - 1)
            number("open", candle.open, &json)
            number("high", candle.high, &json)
            number("low", candle.low, &json)
            number("close", candle.close, &json)
            number("volume", candle.volume, &json)
            json.member("is_closed", candle.isClosed)
            number("quote_asset_volume", candle.quoteVolume, &json)
            json.member("number_of_trades", candle.trades)
            number("taker_buy_base_asset_volume", candle.takerBuyBaseVolume, &json)
            number("taker_buy_quote_asset_volume", candle.takerBuyQuoteVolume, &json)
            json.member("source", candle.source)
            json.member("timestamp", candle.eventTime)
        }
        return json.bytes
    }

    private static func number(_ name: String, _ text: String?, _ json: inout JSONWriter) {
        json.key(name)
        if let text, let spelled = plain(text) { json.raw(spelled.utf8) } else { json.null() }
    }

    /// A line of `CandleFile`; a volume that is not known counts as 0.
    static func csv(_ candle: StoredCandle) -> String {
        let numbers = [candle.open, candle.high, candle.low, candle.close, candle.volume ?? "0"].map { plain($0) ?? $0 }
        return "\(candle.time),\(numbers.joined(separator: ","))\n"
    }

    static let columns: [TextTable.Column] = [
        .text("time"), .number("open"), .number("high"), .number("low"), .number("close"), .number("volume"),
        .number("trades"), .text("closed"), .text("source"),
    ]

    /// The cells of `columns`.
    static func cells(_ candle: StoredCandle) -> [String] {
        [
            TimeArgument.text(candle.time), candle.open, candle.high, candle.low, candle.close, candle.volume ?? "",
            candle.trades.map { "\($0)" } ?? "", candle.isClosed ? "yes" : "no", Terminal.plain(candle.source ?? ""),
        ]
    }

    /// A number without an exponent, as SQLite writes very small and very large ones; `nil` for what JSON has no number for
    /// (PostgreSQL's NaN and Infinity). Digits stay as they are.
    static func plain(_ text: String) -> String? {
        let parts = text.lowercased().split(separator: "e", omittingEmptySubsequences: false)
        var mantissa = parts[0]
        let sign = mantissa.hasPrefix("-") ? "-" : ""
        mantissa = mantissa.drop { $0 == "-" || $0 == "+" }
        let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count), halves.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isDigit) }) else {
            return nil
        }
        guard parts.count > 1 else { return text }
        guard parts.count == 2, let exponent = Int(parts[1]), abs(exponent) <= 400 else { return nil }
        let fraction = halves.count == 2 ? halves[1] : ""
        var digits = String(halves[0]) + fraction
        var point = halves[0].count + exponent
        if point <= 0 {
            digits = String(repeating: "0", count: 1 - point) + digits
            point = 1
        }
        if point > digits.count { digits += String(repeating: "0", count: point - digits.count) }
        var whole = digits.prefix(point).drop { $0 == "0" }
        if whole.isEmpty { whole = "0" }
        var rest = digits.dropFirst(point)
        while rest.last == "0" { rest.removeLast() }
        return sign + whole + (rest.isEmpty ? "" : "." + rest)
    }

    private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }
}
