import Foundation
import MarketData
import Testing

@Suite struct CandleFileTests {
    private static let header = "open_time,open,high,low,close,volume"
    private static let good = "1767323040000,1.10,2.0,0.90,1.50,12.345"

    private func failure(_ text: String, name: String = "BTCUSDT-1m.csv") -> String? {
        let error = #expect(throws: CandleFile.Failure.self) { try CandleFile(name: name, text: text) }
        return error?.description
    }

    @Test(arguments: ["\n", "\r\n"])
    func aFileIsReadDigitByDigit(lineEnd: String) throws {
        let lines = [Self.header, Self.good, "1767323100000,-0.5,100000000000000000000.1,0,7,0.00000001", ""]
        let file = try CandleFile(name: "1000pepe-usdt-1M.csv", text: lines.joined(separator: lineEnd))
        #expect(file.symbol.name == "1000pepe-usdt" && file.timeframe == .oneMonth)
        #expect(file.rows.map(\.openTime) == [1_767_323_040_000, 1_767_323_100_000])
        #expect(file.rows.map(\.open) == ["1.10", "-0.5"])
        #expect(file.rows.map(\.high) == ["2.0", "100000000000000000000.1"])
        #expect(file.rows.map(\.low) == ["0.90", "0"])
        #expect(file.rows.map(\.close) == ["1.50", "7"])
        #expect(file.rows.map(\.volume) == ["12.345", "0.00000001"])
    }

    @Test func aFileOfTheHeaderAloneHasNoRows() throws {
        #expect(try CandleFile(name: "BTCUSDT-1m.csv", text: Self.header).rows.isEmpty)
    }

    @Test(arguments: [
        "", "BTCUSDT.csv", "BTCUSDT-1m.txt", "BTCUSDT-1m", "-1m.csv", "BTCUSDT-.csv", "BTC/USDT-1m.csv",
        "BTCUSDT-1m.csv.gz",
    ])
    func aNameThatSaysNothingIsRefused(name: String) {
        #expect(
            failure(Self.header, name: name)
                == "\(name): a candle file is named <SYMBOL>-<timeframe>.csv, for example BTCUSDT-1m.csv")
    }

    @Test(arguments: [("", "an empty file"), (good, good), ("open_time;open\n\(good)", "open_time;open")])
    func anotherFirstLineIsRefused(text: String, found: String) {
        #expect(failure(text) == "BTCUSDT-1m.csv: line 1 must be \(Self.header) (got \(found))")
    }

    @Test(arguments: [
        ("1767323040000,1,2,3,4", "6 fields expected (got 5)"),
        ("1767323040000,1,2,3,4,5,6", "6 fields expected (got 7)"),
        ("x,1,2,3,4,5", "open_time must be milliseconds since 1970 (got x)"),
        (",1,2,3,4,5", "open_time must be milliseconds since 1970 (got )"),
        ("-1,1,2,3,4,5", "open_time must be milliseconds since 1970 (got -1)"),
        ("1.5,1,2,3,4,5", "open_time must be milliseconds since 1970 (got 1.5)"),
        // Microseconds, and the largest number there is.
        ("1767323040000000,1,2,3,4,5", "open_time must be milliseconds since 1970 (got 1767323040000000)"),
        ("9223372036854775807,1,2,3,4,5", "open_time must be milliseconds since 1970 (got 9223372036854775807)"),
        ("1,x,2,3,4,5", "open must be a number (got x)"), ("1,1,,3,4,5", "high must be a number (got )"),
        ("1,1,2,03,4,5", "low must be a number (got 03)"), ("1,1,2,3,1e5,5", "close must be a number (got 1e5)"),
        ("1,1,2,3,4,5.", "volume must be a number (got 5.)"), ("1,1,2,3,4,.5", "volume must be a number (got .5)"),
        ("1,1,2,3,4,1.2.3", "volume must be a number (got 1.2.3)"), ("1,1,2,3,4,-", "volume must be a number (got -)"),
        ("1,1,2,3,4,+1", "volume must be a number (got +1)"), ("1,1,2,3,4,NaN", "volume must be a number (got NaN)"),
        ("1,1,2,3,4, 5", "volume must be a number (got  5)"), ("1,1,2,3,4,٣", "volume must be a number (got ٣)"),
        ("1,1,2,3,4,5}", "volume must be a number (got 5})"),
    ])
    func aBadRowIsNamedWithItsLine(row: String, sentence: String) {
        #expect(failure("\(Self.header)\n\(Self.good)\n\(row)\n") == "BTCUSDT-1m.csv: line 3: \(sentence)")
    }

    @Test func theJSONOfARowHoldsItsMembers() throws {
        let file = try CandleFile(name: "BTCUSDT-1m.csv", text: "\(Self.header)\n\(Self.good)\n")
        let text = file.rows[0].json(symbol: file.symbol, timeframe: file.timeframe, timestamp: 1_767_323_100_123)
        let json = try JSONSerialization.jsonObject(with: Data(text.utf8))
        let expected: [String: Any] = [
            "symbol": "BTCUSDT", "timeframe": "1m", "time": 1_767_323_040_000, "close_time": 1_767_323_099_999,
            "open": 1.1, "high": 2.0, "low": 0.9, "close": 1.5, "volume": 12.345, "is_closed": true,
            "source": "klinecast_feed", "timestamp": 1_767_323_100_123,
        ]
        #expect(json as? NSDictionary == expected as NSDictionary)
        #expect(text.contains(#""open":1.10,"high":2.0,"#))
    }

    // From `date -u -d … +%s`: the first moment of the next month, less one millisecond.
    @Test(arguments: [
        ("1M", Int64(1_704_067_200_000), Int64(1_706_745_599_999)), ("1M", 1_706_745_600_000, 1_709_251_199_999),
        ("1M", 1_675_209_600_000, 1_677_628_799_999), ("1M", 1_701_388_800_000, 1_704_067_199_999),
        ("1M", 951_868_799_999, 951_868_799_999), ("1M", 0, 2_678_399_999),
        ("1w", 1_704_067_200_000, 1_704_671_999_999), ("1s", 0, 999),
    ])
    func aCandleClosesWithItsPeriodAMonthWithTheCalendars(timeframe: String, open: Int64, close: Int64) throws {
        let row = CandleFile.Row(openTime: open, open: "1", high: "1", low: "1", close: "1", volume: "1")
        let text = row.json(
            symbol: try #require(Symbol("x")), timeframe: try #require(Timeframe(rawValue: timeframe)), timestamp: 0)
        let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        #expect(json?["close_time"] as? Int64 == close)
    }
}
