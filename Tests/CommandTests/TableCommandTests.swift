import Configuration
import Foundation
import MarketData
import Persister
import Storage
import TestRigs
import Testing

@testable import klinecast

/// What `query`, `gaps` and `dlq` make of words and rows, without a database.
@Suite struct TableCommandTests {
    // MARK: Times

    // Values of `date -u -d … +%s`; now is 2026-01-02T03:04:05Z.
    @Test(
        arguments: [
            ("2026-01-02", 1_767_312_000_000), ("2026-01-02T03:04:05Z", 1_767_323_045_000),
            ("2026-01-02T03:04:05", 1_767_323_045_000), ("2026-01-02 03:04:05", 1_767_323_045_000),
            ("2026-01-02T03:04", 1_767_323_040_000), ("2026-01-02T04:04:05+01:00", 1_767_323_045_000),
            ("1767323045678", 1_767_323_045_678), ("2h", 1_767_315_845_000), ("now", 1_767_323_045_000),
        ] as [(String, Int64)])
    func aMomentIsReadInEveryForm(_ text: String, _ milliseconds: Int64) throws {
        #expect(try TimeArgument.parse(text, flag: "from", now: 1_767_323_045_000) == milliseconds)
    }

    @Test(arguments: ["", "yesterday", "2026-13-01", "2026-02-30", "earliest", "25:00", "-2h"])
    func whatIsNoMomentIsRefusedWithItsForms(_ text: String) throws {
        #expect {
            try TimeArgument.parse(text, flag: "from", now: 0)
        } throws: {
            guard case .usage(let words)? = $0 as? CommandFailure else { return false }
            return words.contains("--from: must be a date like 2026-01-02")
                && words.contains("(got \(text.isEmpty ? "nothing" : text))")
        }
    }

    @Test(
        arguments: [
            (["--from", "1735700400"], "(got 1735700400); if these are seconds, write 1735700400000"),
            (["--limit", "0"], "--limit: must be a whole number from 1 on (got 0)"),
            (["--last="], "--last: must be a whole number from 1 on (got nothing)"),
            (["5m"], "takes one symbol and one timeframe, such as BTCUSDT 1m (got also 5m)"),
        ] as [([String], String)])
    func whatQueryCannotReadIsSaid(_ words: [String], _ sentence: String) throws {
        let result = try Program(["query", "BTCUSDT", "1m"] + words).result()
        #expect(result.code == 2)
        #expect(result.talk.contains(sentence), "\(result.talk)")
    }

    // MARK: Numbers and candles

    @Test(arguments: [
        ("93576.12", "93576.12"), ("0.10", "0.10"), ("1.0e-07", "0.0000001"), ("1.5e+20", "150000000000000000000"),
        ("-2.50E2", "-250"), ("1.25e1", "12.5"), ("12e-1", "1.2"), ("0.0", "0.0"),
    ])
    func anExponentIsWrittenOut(_ stored: String, _ plain: String) {
        #expect(CandleSpelling.plain(stored) == plain)
    }

    @Test(arguments: ["NaN", "Infinity", "-Infinity", "inf", "", ".", "1.", "1e", "1e5e5", "1e999999"])
    func whatIsNoNumberOfJSONIsNone(_ stored: String) {
        #expect(CandleSpelling.plain(stored) == nil)
    }

    private func candle(
        _ time: Int64, open: String = "1.10", volume: String? = "5", trades: Int64? = 3, isClosed: Bool = true
    ) -> StoredCandle {
        StoredCandle(
            time: time, open: open, high: "2.20", low: "0.90", close: "1.50", volume: volume, quoteVolume: nil,
            trades: trades, takerBuyBaseVolume: nil, takerBuyQuoteVolume: nil, isClosed: isClosed,
            eventTime: time + 60_001, source: nil, revision: 0)
    }

    @Test func aCandleHasTheShapeOfTheTopics() {
        let json = CandleSpelling.json(
            candle(1_726_000_000_000), of: Series(symbol: "BTCUSDT", timeframe: .oneMinute))
        #expect(
            String(decoding: json, as: UTF8.self) == """
                {"symbol":"BTCUSDT","timeframe":"1m","time":1726000000000,"close_time":1726000059999,"open":1.10,"high":2.20,\
                "low":0.90,"close":1.50,"volume":5,"is_closed":true,"quote_asset_volume":null,"number_of_trades":3,\
                "taker_buy_base_asset_volume":null,"taker_buy_quote_asset_volume":null,"source":null,"timestamp":1726000060001}
                """)
    }

    @Test func theCSVIsWhatFeedReads() throws {
        let text =
            "\(CandleFile.header)\n" + CandleSpelling.csv(candle(60_000))
            + CandleSpelling.csv(
                candle(120_000, open: "1.0e-07", volume: nil))
        let file = try CandleFile(name: "BTCUSDT-1m.csv", text: text)
        #expect(file.rows.map(\.openTime) == [60_000, 120_000])
        #expect(file.rows.map(\.open) == ["1.10", "0.0000001"])
        #expect(file.rows.map(\.volume) == ["5", "0"])
    }

    @Test func aTableLearnsItsWidthsAndThenStreams() {
        var lines: [String] = []
        var table = TextTable([.text("name"), .number("n")]) { lines += $0.split(separator: "\n").map(String.init) }
        table.add(["a", "1"])
        table.add(["longer", "1234"])
        for _ in 0..<300 { table.add(["b", "2"]) }
        table.finish()
        #expect(lines.count == 303)
        #expect(lines[..<4] == ["name       n", "a          1", "longer  1234", "b          2"])
        #expect(lines.last == "b          2")
    }

    // MARK: Symbols

    private static let series = [
        Series(symbol: "BTCUSDT", timeframe: .oneMinute), Series(symbol: "BTCUSDT", timeframe: .oneHour),
        Series(symbol: "ETHUSDT-BYBIT", timeframe: .oneMinute),
    ]

    @Test(
        arguments: [
            ("btcusd", nil, "BTCUSD has no candles; did you mean BTCUSDT?"),
            ("sol", nil, "SOL has no candles; the tables have BTCUSDT, ETHUSDT-BYBIT"),
            ("btcusdt", Timeframe.fiveMinutes, "BTCUSDT has no 5m candles; it has 1m 1h"),
        ] as [(String, Timeframe?, String)])
    func whatTheTablesLackIsNamed(_ word: String, _ timeframe: Timeframe?, _ sentence: String) throws {
        let symbol = try SeriesArgument.symbol(word)
        #expect(throws: CommandFailure.failed(sentence)) {
            try SeriesArgument.chosen(symbol, timeframe, of: Self.series)
        }
    }

    @Test func aSymbolChoosesItsSeries() throws {
        let btc = try SeriesArgument.symbol("btcusdt")
        #expect(try SeriesArgument.chosen(btc, nil, of: Self.series) == Array(Self.series.prefix(2)))
        #expect(try SeriesArgument.chosen(btc, .oneHour, of: Self.series) == [Self.series[1]])
        #expect(try SeriesArgument.chosen(nil, nil, of: Self.series) == Self.series)
    }

    // MARK: Gaps

    /// Open times around, first and last missing, how many; those of months by `date -u`.
    @Test(
        arguments: [
            (.oneMinute, 0, 60_000, nil), (.oneMinute, 0, 120_000, [60_000, 60_000, 1]),
            (.oneMinute, 0, 150_000, [60_000, 120_000, 2]), (.oneMinute, 0, 30_000, nil),
            // 2024-01-04 is a Thursday: a week's candle counts from the one before it.
            (.oneWeek, 1_704_067_200_000, 1_705_881_600_000, [1_704_672_000_000, 1_705_276_800_000, 2]),
            (.threeDays, 0, 777_600_000, [259_200_000, 518_400_000, 2]),
            // January to May 2024; February has 29 days.
            (.oneMonth, 1_704_067_200_000, 1_714_521_600_000, [1_706_745_600_000, 1_711_929_600_000, 3]),
            (.oneMonth, 1_704_067_200_000, 1_706_745_600_000, nil),
        ] as [(Timeframe, Int64, Int64, [Int64]?)])
    func whatLiesBetweenTwoCandlesIsCounted(
        _ timeframe: Timeframe, _ after: Int64, _ before: Int64, _ expected: [Int64]?
    ) {
        let gap = MissingCandles(in: Series(symbol: "X", timeframe: timeframe), after: after, before: before)
        #expect(gap.map { [$0.from, $0.to, Int64($0.candles)] } == expected)
    }

    // MARK: Dead letters

    private func request(_ words: String...) throws -> DlqRequest {
        try DlqRequest(Invocation(arguments: CommandLineArguments(parsing: words, for: DlqCommand.description)))
    }

    @Test func whatDlqIsAskedForIsUnderstood() throws {
        let filter = DlqRequest.Filter(topic: "orders", reason: "null_value")
        #expect(try request("list") == .list(DlqRequest.Filter(), includesReplayed: false, limit: 100))
        #expect(
            try request("list", "--topic", "orders", "--reason", "null_value", "--replayed", "--limit", "5")
                == .list(filter, includesReplayed: true, limit: 5))
        #expect(try request("list", "--kafka") == .listKafka(DlqRequest.Filter(), limit: 100))
        let behind = DlqRequest.Filter(topic: nil, reason: "behind_stream")
        #expect(try request("list", "--kafka", "--reason", "behind_stream") == .listKafka(behind, limit: 100))
        #expect(try request("show", "7") == .show(id: 7))
        let place = try #require(KafkaLetters.Place("orders.dlq/0/12"))
        for text in ["orders/0/12", "orders.dlq/12", "orders/12"] {
            #expect(try request("show", text) == .showKafka(place))
        }
        #expect(try request("replay", "1", "2") == .replay(ids: [1, 2]))
        #expect(try request("replay", "orders/12", "orders/0/12") == .deliver([place, place]))
        #expect(try request("replay", "--kafka", "--topic", "orders", "--reason", "null_value") == .deliverAll(filter))
        #expect(try request("replay", "--all") == .replayAll(DlqRequest.Filter()))
        #expect(try request("purge", "--topic", "orders", "--reason", "null_value") == .purgeAll(filter))
    }

    @Test(
        arguments: [
            ([], "say what to do: list, show, replay or purge"), (["lst"], "lst: did you mean list?"),
            (["show"], "show takes one letter"), (["show", "x"], "x is no id of a dead letter"),
            (["show", "a/b"], "a/b is no place of a letter in Kafka"), (["replay"], "name the letters by id"),
            (["replay", "0"], "0 is no id"), (["replay", "1", "--all"], "give ids, or --all"),
            (["replay", "--kafka", "1"], "1 is no place of a letter in Kafka"),
            (["replay", "--kafka", "--all"], "replay --kafka takes the letters of one topic"),
            (["replay", "orders/0/1", "--topic", "orders"], "give places of letters, or --topic and --reason"),
            (["replay", "orders/0/1", "7"], "7 is no place of a letter in Kafka"),
            (["purge", "--kafka"], "purge works on the table alone"),
            (["list", "--yes"], "--yes has no meaning with list"),
            (["list", "--reason", "foo"], "--reason: must be null_value, "),
            (["purge", "--reason", "bad_tme", "--yes"], "(got bad_tme); did you mean bad_time?"),
            (["list", "--reason", "behind_stream"], "(got behind_stream)"),
            (["list", "--kafka", "--replayed"], "--replayed has no meaning with --kafka"),
        ] as [([String], String)])
    func whatDlqCannotDoIsSaid(_ words: [String], _ sentence: String) throws {
        let result = try Program(["dlq"] + words).result()
        #expect(result.code == 2)
        #expect(result.talk.contains(sentence), "\(result.talk)")
    }

    @Test func bytesThatAreNoTextAreShownInHexadecimal() {
        #expect(ShownLetter.readable(Array("{\"a\":\"é\"}\n".utf8)) == ("{\"a\":\"é\"}\n", true))
        #expect(ShownLetter.readable([0xff, 0x00, 0x7b]) == ("ff007b", false))
        // An escape sequence would reach the terminal.
        #expect(ShownLetter.readable([0x1b, 0x5b]) == ("1b5b", false))
        #expect(ShownLetter.readable([0xc2, 0x9b]) == ("c29b", false))
        let two = ShownLetter.readable([UInt8](repeating: 0xee, count: 33)).text
        #expect(two == String(repeating: "ee", count: 32) + "\nee")
    }

    // MARK: A database that is not there

    @Test(arguments: [["query", "btcusdt", "1m"], ["gaps"], ["dlq", "list"]])
    func aMissingFileIsNamedAndNotMade(_ words: [String]) throws {
        let folder = try TemporaryFolder("tables")
        let path = folder.file("none.db")
        let result = try Program(words, ["DATABASE_URL": "sqlite:\(path)"]).result()
        #expect(result.code == 1)
        #expect(result.talk.contains("\(path) is not there: `klinecast persister` or `make up` makes it"))
        #expect(result.output.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aTypoInTheTimeframeNamesTheSixteen() throws {
        let result = try Program.run("query", "btcusdt", "2m")
        #expect(result.code == 2)
        #expect(
            result.talk.contains("2m is no timeframe: 1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"))
    }

    @Test(arguments: [["query", "BTC/USDT", "1m"], ["tail", "BTC/USDT", "1m"], ["dispatch", "BTC*USDT"]])
    func whatASymbolMayHoldIsSaidInTheSameWords(_ words: [String]) throws {
        let result = try Program(words).result()
        #expect(result.code == 2)
        #expect(result.talk.contains("must be 1…32 of the characters A-Z a-z 0-9 _ -"), "\(result.talk)")
    }

    @Test func aRangeThatEndsBeforeItBeginsIsRefused() throws {
        let result = try Program.run("query", "btcusdt", "1m", "--from", "2026-01-02", "--to", "2026-01-01")
        #expect(result.code == 2)
        #expect(result.talk.contains("--from 2026-01-02T00:00:00Z must lie before --to 2026-01-01T00:00:00Z"))
    }
}
