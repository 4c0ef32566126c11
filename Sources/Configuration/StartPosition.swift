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
        case .time(let milliseconds): Self.iso8601(milliseconds)
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
            (1970...2999).contains(year), (1...12).contains(month), (1...daysIn(month, of: year)).contains(day)
        else { return nil }
        let midnight = Int64(daysSince1970(year, month, day)) * 86_400_000
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

    private static func daysIn(_ month: Int, of year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days from civil, Howard Hinnant, "chrono-compatible low-level date algorithms".
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func iso8601(_ milliseconds: Int64) -> String {
        let days = Int(milliseconds / 86_400_000)
        let rest = Int(milliseconds % 86_400_000)
        let z = days + 719_468
        let dayOfEra = z % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + z / 146_097 * 400 + (month <= 2 ? 1 : 0)
        func padded(_ number: Int, _ width: Int = 2) -> String {
            String(repeating: "0", count: max(0, width - String(number).count)) + String(number)
        }
        return "\(padded(year, 4))-\(padded(month))-\(padded(day))T\(padded(rest / 3_600_000)):"
            + "\(padded(rest / 60_000 % 60)):\(padded(rest / 1_000 % 60)).\(padded(rest % 1_000, 3))Z"
    }
}
