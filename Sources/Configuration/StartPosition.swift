import MarketData

/// Where a group without a committed offset begins.
package enum StartPosition: Sendable, Equatable, CustomStringConvertible {
    /// Records of this long before the process started, and all of a topic that appears later.
    case ago(Duration)
    /// All there is.
    case earliest
    /// Records from this moment on, in milliseconds since 1970, UTC.
    case time(milliseconds: Int64)

    /// Reads `60s`, `earliest`, `2026-01-02`, `2026-01-02T03:04:05Z` (fractions and `+01:00` too), and milliseconds since
    /// 1970 of 12 or 13 digits.
    package init(parsing text: String) throws(ValueFault) {
        if text.lowercased() == "earliest" {
            self = .earliest
        } else if let duration = Duration(parsing: text) {
            self = .ago(duration)
        } else if let milliseconds = Self.milliseconds(iso8601: text) {
            self = .time(milliseconds: milliseconds)
        } else if (12...13).contains(text.utf8.count), let milliseconds = UInt64(text), text.first != "+" {
            self = .time(milliseconds: Int64(milliseconds))
        } else {
            throw ValueFault(
                "must be a duration like 60s, earliest, a time like 2026-01-02T03:04:05Z, or milliseconds since 1970",
                got: text)
        }
    }

    package var description: String {
        switch self {
        case .ago(let duration): duration.text
        case .earliest: "earliest"
        case .time(let milliseconds): CivilTime(milliseconds: milliseconds).iso8601
        }
    }

    private static func milliseconds(iso8601 text: String) -> Int64? {
        let bytes = Array(text.utf8)
        func number(_ from: Int, _ length: Int) -> Int? {
            guard from + length <= bytes.count else { return nil }
            var result = 0
            for byte in bytes[from..<from + length] {
                guard (0x30...0x39).contains(byte) else { return nil }
                result = result * 10 + Int(byte - 0x30)
            }
            return result
        }
        func has(_ character: Unicode.Scalar, at index: Int) -> Bool {
            index < bytes.count && UInt32(bytes[index]) == character.value
        }
        guard let year = number(0, 4), has("-", at: 4), let month = number(5, 2), has("-", at: 7),
            let day = number(8, 2),
            (1970...2999).contains(year), (1...12).contains(month),
            (1...CivilTime.daysIn(month: month, of: year)).contains(day)
        else { return nil }
        let midnight = CivilTime.midnight(year: year, month: month, day: day)
        if bytes.count == 10 { return midnight }
        guard has("T", at: 10) || has(" ", at: 10), let hour = number(11, 2), has(":", at: 13),
            let minute = number(14, 2),
            has(":", at: 16), let second = number(17, 2), hour < 24, minute < 60, second < 60
        else { return nil }
        var index = 19
        var fraction = 0
        if has(".", at: index) {
            var weight = 100
            index += 1
            while let digit = number(index, 1) {
                fraction += digit * weight
                weight /= 10
                index += 1
            }
        }
        var offsetMinutes = 0
        if has("+", at: index) || has("-", at: index) {
            guard let hours = number(index + 1, 2), has(":", at: index + 3), let minutes = number(index + 4, 2),
                hours < 24, minutes < 60, index + 6 == bytes.count
            else { return nil }
            offsetMinutes = (hours * 60 + minutes) * (has("-", at: index) ? -1 : 1)
        } else if !(has("Z", at: index) && index + 1 == bytes.count) {
            return nil
        }
        return midnight + Int64(((hour * 60 + minute - offsetMinutes) * 60 + second) * 1_000 + fraction)
    }
}
