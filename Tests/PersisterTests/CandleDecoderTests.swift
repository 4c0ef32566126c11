import Foundation
import MarketData
import Persister
import TestRigs
import Testing

@Suite struct CandleDecoderTests {
    @Test func aCandleKeepsItsDigits() {
        var rig = DecoderRig()
        #expect(rig.decode(candle()) == nil)
        #expect(
            rig.texts() == [
                "57000.10", "57010.5", "56990", "57001.25", "12.50", "712500.125", "6.25", "356250.0625",
                "binance_websocket",
            ])
        let row = rig.row()
        #expect(row.time == 1_726_000_020_000)
        #expect(row.eventTime == 1_726_000_080_001)
        #expect(row.trades == 321)
        #expect(row.isClosed)
        #expect(row.step == 3)
        #expect(rig.table.all == [Series(symbol: "BTCUSDT", timeframe: .oneMinute)])
    }

    @Test func numbersMayBeStrings() {
        var rig = DecoderRig()
        #expect(
            rig.decode(candle(["open": #""57000.1000""#, "volume": #""1e-3""#, "number_of_trades": #""7""#])) == nil)
        #expect(rig.texts()[0] == "57000.1000")
        #expect(rig.texts()[4] == "1e-3")
        #expect(rig.row().trades == 7)
    }

    @Test func whatIsNotAlwaysSentMayBeMissingOrNull() {
        var rig = DecoderRig()
        let names = [
            "volume", "quote_asset_volume", "number_of_trades", "taker_buy_base_asset_volume",
            "taker_buy_quote_asset_volume", "source",
        ]
        let missing = candle([
            "volume": nil, "quote_asset_volume": nil, "number_of_trades": nil, "taker_buy_base_asset_volume": nil,
            "taker_buy_quote_asset_volume": nil, "source": nil, "symbol": nil, "timeframe": nil,
        ])
        let nulls = String(missing.dropLast()) + names.map { ",\"\($0)\":null" }.joined() + "}"
        for text in [missing, nulls] {
            rig.batch.clear()
            #expect(rig.decode(text) == nil)
            #expect(rig.texts() == ["57000.10", "57010.5", "56990", "57001.25", "", "", "", "", ""])
            #expect(rig.row().trades == -1)
        }
    }

    // From `date -u -d … +%s`.
    @Test(arguments: [
        ("1726000020000", Int64(1_726_000_020_000)), (#""1726000020000""#, 1_726_000_020_000),
        (#""2024-09-10T20:27:00Z""#, 1_726_000_020_000), (#""2024-09-10 20:27:00""#, 1_726_000_020_000),
        (#""2024-09-10T20:27""#, 1_726_000_020_000), (#""2024-09-10T20:27:00.1239Z""#, 1_726_000_020_123),
        (#""2024-09-10T22:27:00+02:00""#, 1_726_000_020_000), (#""2024-09-10T15:57:00-0430""#, 1_726_000_020_000),
        (#""2024-09-10""#, 1_725_926_400_000), (#""2024-09-10T20:27:00\u002b00:00""#, 1_726_000_020_000),
        ("1230768000000", 1_230_768_000_000), ("4133980799999", 4_133_980_799_999),
    ])
    func anOpenTimeIsReadInEverySpelling(spelling: String, time: Int64) {
        for name in ["time", "open_time", "start_time"] {
            var rig = DecoderRig()
            #expect(rig.decode(candle(["time": nil, name: spelling])) == nil, "\(name) \(rig.detail)")
            #expect(rig.row().time == time)
        }
    }

    @Test(arguments: [
        "1726000020", "1726000020000000", "1230767999999", "4133980800000", "-1726000020000", "1726000020000.5",
        "1.7e12", "true", "{}", #""""#, #""yesterday""#, #""2024-02-30""#, #""2024-09-10T24:00:00Z""#,
        #""2024-09-10T20:60Z""#, #""2024-09-10T20:27:00.""#, #""2024-09-10T20:27:00Zx""#, #""2024-9-10""#,
        #""2024-09-10T20:27:00+2""#,
    ])
    func aTimeThatIsNoneIsRefused(spelling: String) {
        var rig = DecoderRig()
        #expect(rig.decode(candle(["time": spelling])) == .badTime)
        #expect(rig.detail.hasPrefix("time: must be"), "\(rig.detail)")
        #expect(rig.decode(candle(["timestamp": spelling])) == .badTime)
        #expect(rig.detail.hasPrefix("timestamp: must be"), "\(rig.detail)")
    }

    @Test(
        arguments: [
            (["is_closed": "true"], true), (["is_closed": "false"], false),
            // Without it: has the candle's end passed when the event was?
            (["is_closed": nil], true), (["is_closed": nil, "timestamp": "1726000079999"], false),
            (["is_closed": nil, "timestamp": "1726000080000"], true), (["is_closed": nil, "timestamp": nil], false),
            (["is_closed": nil, "close_time": nil], false), (["is_closed": "null"], true),
        ] as [(KeyValuePairs<String, String?>, Bool)])
    func aCandleIsClosedWhenItsEndHasPassed(changes: KeyValuePairs<String, String?>, isClosed: Bool) {
        var rig = DecoderRig()
        #expect(rig.decode(candle(changes)) == nil)
        #expect(rig.row().isClosed == isClosed)
    }

    @Test func withoutATimestampTheRecordsCounts() {
        var rig = DecoderRig()
        #expect(rig.decode(candle(["timestamp": nil]), timestamp: 1_726_000_090_000) == nil)
        #expect(rig.row().eventTime == 1_726_000_090_000)
    }

    static let refusals: [(KeyValuePairs<String, String?>, PersistRefusal, String)] = [
        (["time": nil], .missingTime, "time"), (["close": nil], .missingPrice, "close"),
        (["open": "null"], .missingPrice, "open"),
        (["open": #""NaN""#], .notANumber, #"open: must be a number, or a string that is one (got "NaN")"#),
        (["open": #""+57000""#], .notANumber, "open"), (["open": #""Infinity""#], .notANumber, "open"),
        (["open": #""57000.""#], .notANumber, "open"), (["open": #"".5""#], .notANumber, "open"),
        (["open": #""057000""#], .notANumber, "open"), (["open": "057000"], .notANumber, "open"),
        (["open": #""""#], .notANumber, "open"), (["open": #"" 57000""#], .notANumber, "open"),
        (["open": "true"], .notANumber, "open"), (["open": "[57000]"], .notANumber, "open"),
        (["volume": #""1e""#], .notANumber, "volume"), (["volume": "-1"], .outOfRange, "volume"),
        (["low": "-0.1"], .outOfRange, "low"), (["volume": "1e41"], .outOfRange, "volume"),
        (["volume": "1e-41"], .outOfRange, "volume"), (["volume": "1e99999999999999999999"], .outOfRange, "volume"),
        (["volume": String(repeating: "1", count: 41)], .outOfRange, "volume"),
        (["volume": "0." + String(repeating: "0", count: 62) + "1"], .outOfRange, "volume"),
        (["number_of_trades": "1.5"], .notANumber, "number_of_trades"),
        (["number_of_trades": "-1"], .outOfRange, "number_of_trades"),
        (["high": "56989.99"], .highBelowLow, "high"),
        (["high": "57001.2499999999999999999999"], .highBelowLow, "high"),
        (["low": "57000.1000000000000000000001"], .highBelowLow, "low"), (["low": "5.7001e4"], .highBelowLow, "low"),
        (["symbol": #""ETHUSDT""#], .wrongSymbol, "symbol"), (["symbol": #""BTCUSD""#], .wrongSymbol, "symbol"),
        (["symbol": "7"], .wrongSymbol, "symbol"), (["symbol": #""""#], .wrongSymbol, "symbol"),
        (["timeframe": #""5m""#], .wrongTimeframe, "timeframe: must be the topic's"),
        (["timeframe": #""1M""#], .wrongTimeframe, "timeframe"),
        (["timeframe": #""7m""#], .wrongTimeframe, "timeframe"),
        (["timeframe": "1"], .wrongTimeframe, "timeframe"),
        (["source": "\"\(String(repeating: "s", count: 256))\""], .outOfRange, "source"),
        (["source": #""a\u0000b""#], .outOfRange, "source"),
        (["is_closed": #""true""#], .badFlag, #"is_closed: must be true or false, or be left out (got "true")"#),
        (["is_closed": "1"], .badFlag, "is_closed"), (["is_closed": "{}"], .badFlag, "is_closed"),
    ]

    @Test(arguments: refusals.indices)
    func whatTheTableCannotTakeIsRefusedByName(place: Int) {
        let (changes, refusal, detail) = Self.refusals[place]
        var rig = DecoderRig()
        #expect(rig.decode(candle(changes)) == refusal, "\(changes)")
        #expect(rig.detail.hasPrefix(detail), "\(rig.detail)")
        #expect(rig.detail.utf8.count < 250)
        #expect(rig.batch.candleCount == 0)
        #expect(rig.batch.textCount == 0)
        // The next one is none the worse for it.
        #expect(rig.decode(candle()) == nil)
    }

    @Test(arguments: [
        "1", "1e40", "1e-40", "0", "-0.0", "0.00", String(repeating: "1", count: 40),
        "0." + String(repeating: "0", count: 61) + "1",
    ])
    func numbersAtTheLimitsAreTaken(number: String) {
        var rig = DecoderRig()
        #expect(rig.decode(candle(["volume": number])) == nil)
        #expect(rig.texts()[4] == number)
    }

    @Test(arguments: [
        "", " ", "null", "[]", "1", #""{}""#, "{", "}", "{}}", "{}{}", #"{"time":1"#, #"{"time":1,}"#, #"{"a":tru}"#,
        #"{"a":01}"#, #"{"a":[1,,2]}"#, #"{"a":{"b":1}"#, #"{"a":"\q"}"#, "{\"a\":\"\u{1}\"}", #"{"a" 1}"#,
        #"{"a":1 "b":2}"#,
        #"{"time":1726000020000x}"#, #"{a:1}"#, "{\"a\":1}\u{0}", #"{"is_closed":trueish}"#, #"{"source":"\ud800"}"#,
    ])
    func whatIsNotOneObjectIsRefused(text: String) {
        var rig = DecoderRig()
        // What was decoded before stands where this one breaks off, and must not complete it.
        #expect(rig.decode(candle()) == nil)
        let refusal = rig.decode(text)
        #expect(
            refusal == .notAnObject || text.contains("0000x") && refusal == .badTime, "\(String(describing: refusal))")
        #expect(rig.batch.candleCount == 1)
    }

    @Test func invalidUTF8NullAndWhatIsTooLongAreRefused() {
        var rig = DecoderRig(messageLimit: 600)
        #expect(rig.decode(Array(candle().utf8).map { $0 == UInt8(ascii: "_") ? 0xff : $0 }) == .notAnObject)
        #expect(rig.decode(nil as [UInt8]?) == .nullValue)
        let blank = String(repeating: " ", count: 600 - candle().utf8.count)
        #expect(rig.decode(candle() + blank) == nil)
        #expect(rig.decode(candle() + blank + " ") == .tooLarge)
        #expect(rig.detail.contains("601"))
    }

    @Test func nestingWithoutEndIsRefused() {
        var rig = DecoderRig(messageLimit: 1 << 20)
        #expect(rig.decode(candle(["x": String(repeating: "[", count: 500_000)])) == .notAnObject)
        let deep = String(repeating: #"{"a":["#, count: 100_000) + String(repeating: "]}", count: 100_000)
        #expect(rig.decode(candle(["x": deep])) == .notAnObject)
        #expect(rig.decode(candle(["x": #"{"a":[1,"two",{"b":null}],"c":{}}"#])) == nil)
    }

    @Test func theLastOfTwoMembersCounts() {
        var rig = DecoderRig()
        #expect(rig.decode(String(candle().dropLast()) + #","close":"57002","\u0074imestamp":1726000099000}"#) == nil)
        #expect(rig.texts()[3] == "57002")
        #expect(rig.row().eventTime == 1_726_000_099_000)
    }

    @Test func aVenuesTopicTakesTheBareSymbol() {
        for (symbol, isTaken) in [
            ("BTCUSDT", true), ("btcusdt-bybit", true), ("BtcUsdt", true), ("BTCUSDT-OKX", false),
        ] {
            var rig = DecoderRig(topic: "market.data.btcusdt-bybit.1m")
            #expect((rig.decode(candle(["symbol": "\"\(symbol)\""])) == nil) == isTaken)
            if isTaken { #expect(rig.table.all == [Series(symbol: "BTCUSDT-BYBIT", timeframe: .oneMinute)]) }
        }
    }

    @Test func aLegacyTopicTakesEveryTimeframe() {
        var rig = DecoderRig(topic: "market.data.btcusdt")
        for timeframe in Timeframe.allCases {
            #expect(rig.decode(candle(["timeframe": "\"\(timeframe.rawValue)\""])) == nil)
        }
        #expect(rig.batch.candleCount == 16)
        #expect(rig.table.all.map(\.timeframe) == Timeframe.allCases)
        #expect(rig.decode(candle(["timeframe": nil, "time": "1726000080000"])) == nil)
        #expect(rig.table.all[Int(rig.row(16).series)].timeframe == .oneMinute)
        #expect(rig.table.all.count == 16)
    }

    @Test func thePredecessorsOlderShapeIsRead() {
        var rig = DecoderRig()
        let text = """
            {"symbol":"BTCUSDT","start_time":1726000020000,"close_time":1726000079999,"open":1.0,"high":2.0,"low":0.5,
            "close":1.5,"volume":10.0,"timestamp":"2024-09-10T20:28:01.5"}
            """
        #expect(rig.decode(text) == nil)
        #expect(rig.row().isClosed)
        #expect(rig.row().eventTime == 1_726_000_081_500)
        #expect(rig.texts() == ["1.0", "2.0", "0.5", "1.5", "10.0", "", "", "", ""])
    }

    @Test func realCandlesComeOutDigitByDigit() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../demo/klines")
        for name in ["BTCUSDT-1m.csv", "DOGEUSDT-1m.csv"] {
            let file = try CandleFile(
                name: name, text: String(contentsOf: folder.appending(path: name), encoding: .utf8))
            let rows = file.rows.prefix(2_000)
            var rig = DecoderRig(topic: "market.data.\(file.symbol.name).1m")
            for row in rows {
                #expect(
                    rig.decode(row.json(symbol: file.symbol, timeframe: .oneMinute, timestamp: row.openTime + 60_001))
                        == nil)
            }
            try #require(rig.batch.candleCount == rows.count)
            for (place, row) in rows.enumerated() {
                #expect(rig.row(place).time == row.openTime)
                #expect(rig.texts(place).prefix(5) == [row.open, row.high, row.low, row.close, row.volume])
            }
        }
    }

    /// Bytes of good candles changed, cut and doubled: what is taken has numbers that Foundation reads, and what the
    /// object holds by Foundation's own reader.
    @Test func noMutationTrapsOrMakesARowThatIsNone() throws {
        var random = SeededRandom(seed: 20_260_102)
        let rounds = ProcessInfo.processInfo.environment["KLINECAST_TORTURE"] == nil ? 20_000 : 1_000_000
        var rig = DecoderRig()
        var taken = 0
        let inserts = Array(#"{}[]",:\0123456789eE+-.tfn u "#.utf8)
        for _ in 0..<rounds {
            var bytes = Array(candle().utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[place] = inserts.randomElement(using: &random)!
                case 2: bytes.insert(inserts.randomElement(using: &random)!, at: place)
                case 3: bytes.remove(at: place)
                default: bytes.removeLast(min(bytes.count - 1, Int.random(in: 0..<20, using: &random)))
                }
            }
            rig.batch.clear()
            guard rig.decode(bytes) == nil else { continue }
            taken += 1
            do {
                let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
                #expect(object != nil, "\(String(decoding: bytes, as: UTF8.self))")
            } catch  where "\(error)".contains("not representable") {
                // A number without end in a member that a candle doesn't need: JSON, but not Foundation's.
            }
            for text in rig.texts().prefix(4) { #expect(Double(text) != nil) }
        }
        #expect(taken > rounds / 20)
    }
}
