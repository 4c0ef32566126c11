import MarketData
import Testing

@Suite struct TimeframeTests {
    // The intervals of the venues' candles and their lengths in seconds, by hand.
    private static let lengths: [(String, Int64?)] = [
        ("1s", 1), ("1m", 60), ("3m", 180), ("5m", 300), ("15m", 900), ("30m", 1_800), ("1h", 3_600), ("2h", 7_200),
        ("4h", 14_400), ("6h", 21_600), ("8h", 28_800), ("12h", 43_200), ("1d", 86_400), ("3d", 259_200),
        ("1w", 604_800), ("1M", nil),
    ]

    @Test func theTimeframesAreThoseOfTheVenues() {
        #expect(Timeframe.allCases.map(\.rawValue) == Self.lengths.map(\.0))
        #expect(Timeframe.allCases.map(\.milliseconds) == Self.lengths.map { $0.1.map { $0 * 1_000 } })
    }

    @Test func everyOtherTextOfACountAndALetterIsNone() {
        let known = Set(Self.lengths.map(\.0))
        for count in 0...99 {
            for unit in "smhdwMSHDWYy" {
                let text = "\(count)\(unit)"
                #expect((Timeframe(rawValue: text) != nil) == known.contains(text), "\(text)")
            }
        }
        for text in ["", "m", "1", "01m", "1m ", "-1m", "60s"] { #expect(Timeframe(rawValue: text) == nil, "\(text)") }
    }
}
