/// A moment's date and time of day in UTC, in the calendar of ISO 8601 (the Gregorian one, before 1582 too).
///
/// Days are counted from a year that begins in March, so that a leap day is a year's last, and in eras of 400 years,
/// which all have 146,097 days: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil` and
/// `civil_from_days`.
package struct CivilTime: Sendable, Equatable {
    package static let millisecondsPerDay: Int64 = 86_400_000
    /// What four digits of a year can spell: 0000-01-01T00:00:00.000 to 9999-12-31T23:59:59.999.
    package static let range: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

    package let year: Int
    /// From 1.
    package let month: Int
    /// From 1.
    package let day: Int
    package let millisecondOfDay: Int

    /// - Parameter milliseconds: since 1970; a moment outside `range` counts as the nearest inside.
    package init(milliseconds: Int64) {
        let moment = min(max(milliseconds, Self.range.lowerBound), Self.range.upperBound) - Self.range.lowerBound
        // Days since 0000-03-01, which is 60 days into that leap year.
        let days = Int(moment / Self.millisecondsPerDay) - 60
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        millisecondOfDay = Int(moment % Self.millisecondsPerDay)
    }

    /// The day's first moment in milliseconds since 1970. The year is 0…9999, the date one that exists.
    package static func midnight(year: Int, month: Int, day: Int) -> Int64 {
        precondition((0...9_999).contains(year), "a year of four digits")
        precondition(
            (1...12).contains(month) && (1...daysIn(month: month, of: year)).contains(day), "a date that exists")
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468) * millisecondsPerDay
    }

    package static func daysIn(month: Int, of year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return switch month {
        case 2: isLeap ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Hands out the bytes of `2026-01-02T03:04:05.678`, always 23; the `Z` is the caller's. Allocates nothing.
    package func spell(_ put: (UInt8) -> Void) {
        func digits(_ number: Int, from first: Int, then separator: UInt8?) {
            var divisor = first
            while divisor > 0 {
                put(UInt8(truncatingIfNeeded: number / divisor % 10) + UInt8(ascii: "0"))
                divisor /= 10
            }
            if let separator { put(separator) }
        }
        digits(year, from: 1_000, then: UInt8(ascii: "-"))
        digits(month, from: 10, then: UInt8(ascii: "-"))
        digits(day, from: 10, then: UInt8(ascii: "T"))
        digits(millisecondOfDay / 3_600_000, from: 10, then: UInt8(ascii: ":"))
        digits(millisecondOfDay / 60_000 % 60, from: 10, then: UInt8(ascii: ":"))
        digits(millisecondOfDay / 1_000 % 60, from: 10, then: UInt8(ascii: "."))
        digits(millisecondOfDay % 1_000, from: 100, then: nil)
    }

    /// `2026-01-02T03:04:05.678Z`.
    package var iso8601: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        spell { bytes.append($0) }
        bytes.append(UInt8(ascii: "Z"))
        return String(decoding: bytes, as: UTF8.self)
    }
}
