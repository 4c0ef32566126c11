import MarketData

/// `2026-01-02 03:04:05`, as PHP's `Y-m-d H:i:s` writes it; in UTC. Read also with a `T` between, a fraction, and a `Z`.
enum DateTime {
    static func spell(_ milliseconds: Int64) -> String {
        var text = Array(CivilTime(milliseconds: milliseconds).iso8601.utf8.prefix(19))
        text[10] = UInt8(ascii: " ")
        return String(decoding: text, as: UTF8.self)
    }

    /// Milliseconds since 1970; `nil` for what is no such time.
    static func read(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 19, separators(bytes), let fraction = fraction(bytes[19...]) else { return nil }
        let parts = [0..<4, 5..<7, 8..<10, 11..<13, 14..<16, 17..<19].compactMap { number(bytes[$0]) }
        guard parts.count == 6, (1...12).contains(parts[1]),
            (1...CivilTime.daysIn(month: parts[1], of: parts[0])).contains(parts[2]), parts[3] < 24, parts[4] < 60,
            parts[5] < 60
        else { return nil }
        let day = CivilTime.midnight(year: parts[0], month: parts[1], day: parts[2])
        return day + Int64(((parts[3] * 60 + parts[4]) * 60 + parts[5]) * 1_000 + fraction)
    }

    private static func separators(_ bytes: [UInt8]) -> Bool {
        bytes[4] == UInt8(ascii: "-") && bytes[7] == UInt8(ascii: "-")
            && (bytes[10] == UInt8(ascii: " ") || bytes[10] == UInt8(ascii: "T")) && bytes[13] == UInt8(ascii: ":")
            && bytes[16] == UInt8(ascii: ":")
    }

    /// Milliseconds of `.678Z`, `Z` or nothing.
    private static func fraction(_ rest: ArraySlice<UInt8>) -> Int? {
        var rest = rest
        if rest.last == UInt8(ascii: "Z") { rest = rest.dropLast() }
        guard rest.first == UInt8(ascii: ".") else { return rest.isEmpty ? 0 : nil }
        let digits = rest.dropFirst()
        guard (1...9).contains(digits.count), number(digits) != nil else { return nil }
        return number((Array(digits.prefix(3)) + [48, 48])[..<3])
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        digits.reduce(into: Optional(0)) { value, byte in
            guard let sum = value, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
                value = nil
                return
            }
            value = sum * 10 + Int(byte - UInt8(ascii: "0"))
        }
    }
}
