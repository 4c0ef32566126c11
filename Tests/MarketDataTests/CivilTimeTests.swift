import Foundation
import MarketData
import TestRigs
import Testing

@Suite struct CivilTimeTests {
    // From `date -u -d @… +%FT%T`.
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
        (1_709_164_799_999, "2024-02-28T23:59:59.999Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (2_147_483_648_000, "2038-01-19T03:14:08.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        (.max, "9999-12-31T23:59:59.999Z"), (.min, "0000-01-01T00:00:00.000Z"),
    ])
    func aMomentIsSpelledAsInISO8601(milliseconds: Int64, text: String) {
        #expect(CivilTime(milliseconds: milliseconds).iso8601 == text)
    }

    @Test func anyMomentAgreesWithFoundation() {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        var random = SeededRandom(seed: 7)
        for _ in 0..<2_000 {
            let milliseconds = Int64.random(in: 0...253_402_300_799_999, using: &random)
            let text = CivilTime(milliseconds: milliseconds).iso8601
            let date = formatter.date(from: text)
            #expect(date.map { Int64(($0.timeIntervalSince1970 * 1000).rounded()) } == milliseconds, "\(text)")
        }
    }

    /// Four hundred years, after which the calendar repeats itself, counted day by day.
    @Test func everyDayFollowsTheOneBefore() {
        var midnight = CivilTime.midnight(year: 1800, month: 1, day: 1)
        var wrong: [String] = []
        for year in 1800..<2200 {
            for month in 1...12 {
                for day in 1...CivilTime.daysIn(month: month, of: year) {
                    let read = CivilTime(milliseconds: midnight + 86_399_999)
                    if CivilTime.midnight(year: year, month: month, day: day) != midnight
                        || (read.year, read.month, read.day, read.millisecondOfDay) != (year, month, day, 86_399_999)
                    {
                        wrong.append("\(year)-\(month)-\(day)")
                    }
                    midnight += 86_400_000
                }
            }
        }
        #expect(wrong.isEmpty)
        // From `date -u -d 1800-01-01 +%s` and `date -u -d 2200-01-01 +%s`.
        #expect(CivilTime.midnight(year: 1800, month: 1, day: 1) == -5_364_662_400_000)
        #expect(midnight == 7_258_118_400_000)
    }
}
