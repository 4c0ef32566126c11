import Foundation
import MarketData
import Persister
import Records
import Storage
import TestRigs
import Testing

@Suite(.timeLimit(.minutes(5))) struct StoreBehaviourTests {
    static let minute: Int64 = 60_000
    static let start: Int64 = 1_700_000_000_000

    // MARK: the monotone rule

    @Test(arguments: StoreRig.all) func aCandleComesBackAsItWasSent(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let report = try Writer(store).write([CandleUpdate(offset: 7, open: "0.00001234", close: "123456.789012345")])
        #expect(report.candlesInserted == 1)
        #expect(report.candlesUpdated + report.candlesUnchanged + report.candlesCorrected == 0)
        let candle = try #require(try place.archive().candles().first)
        #expect(candle.time == Self.start)
        #expect(
            [candle.open, candle.high, candle.low, candle.close] == [
                "0.00001234", "101.25", "99.75", "123456.789012345",
            ])
        #expect([candle.volume, candle.quoteVolume] == ["12.5", "1259.375"])
        #expect([candle.takerBuyBaseVolume, candle.takerBuyQuoteVolume] == ["6.25", "629.6875"])
        #expect(candle.trades == 42 && !candle.isClosed && candle.revision == 0)
        #expect(candle.eventTime == Self.start + 30_000 && candle.source == "binance_websocket")
        #expect(try place.rows("select symbol, timeframe, source_offset from market_data") == [["BTCUSDT", "1m", "7"]])
    }

    @Test(arguments: StoreRig.all) func whatAMessageLacksIsNull(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        try Writer(store).write([
            CandleUpdate(
                volume: nil, quoteVolume: nil, takerBuyBase: nil, takerBuyQuote: nil, trades: nil, source: nil)
        ])
        let candle = try #require(try place.archive().candles().first)
        #expect(candle.volume == nil && candle.quoteVolume == nil && candle.trades == nil && candle.source == nil)
        #expect(candle.takerBuyBaseVolume == nil && candle.takerBuyQuoteVolume == nil)
    }

    @Test(arguments: StoreRig.all) func anOpenCandleNeverOverwritesAClosedOne(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        try writer.write([CandleUpdate(close: "1.5", isClosed: true)])
        let late = CandleUpdate(eventTime: Self.start + 99_000, offset: 9, close: "2.5")
        #expect(try writer.write([late]).candlesUnchanged == 1)
        let candle = try #require(try place.archive().candles().first)
        #expect(candle.close == "1.5" && candle.isClosed && candle.revision == 0)
    }

    @Test(arguments: StoreRig.all) func anOlderEventNeverOverwritesANewerOne(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        try writer.write([CandleUpdate(eventTime: Self.start + 20_000, close: "1.5")])
        #expect(try writer.write([CandleUpdate(eventTime: Self.start + 10_000, close: "2.5")]).candlesUnchanged == 1)
        #expect(try writer.write([CandleUpdate(eventTime: Self.start + 30_000, close: "3.5")]).candlesUpdated == 1)
        #expect(try place.archive().candles().map(\.close) == ["3.5"])
        #expect(try place.archive().candles().map(\.revision) == [0])
    }

    @Test(arguments: StoreRig.all) func aReplayChangesNoRow(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        let updates = (0..<100).map {
            CandleUpdate(time: Self.start + Int64($0) * Self.minute, offset: Int64($0), isClosed: $0 % 2 == 0)
        }
        #expect(try writer.write(updates).candlesInserted == 100)
        let before = try place.rows("select * from market_data order by symbol, time")
        let report = try writer.write(updates)
        #expect(report.candlesUnchanged == 100 && report.candlesInserted + report.candlesUpdated == 0)
        #expect(try place.rows("select * from market_data order by symbol, time") == before)
    }

    @Test(arguments: StoreRig.all) func aCorrectionRaisesTheRevisionAndIsCounted(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        try writer.write([CandleUpdate(close: "1.5", isClosed: true)])
        // Said again later, nothing new in it: no correction.
        let again = CandleUpdate(eventTime: Self.start + 40_000, close: "1.5", isClosed: true)
        var report = try writer.write([again])
        #expect(report.candlesUpdated == 1 && report.candlesCorrected == 0)
        let corrected = CandleUpdate(eventTime: Self.start + 50_000, close: "1.75", isClosed: true)
        report = try writer.write([corrected])
        #expect(report.candlesUpdated == 1 && report.candlesCorrected == 1)
        // Two more that the batch has made one of: this one's, and one swallowed before it.
        let twice = CandleUpdate(eventTime: Self.start + 60_000, volume: nil, isClosed: true, corrections: 1)
        report = try writer.write([twice])
        #expect(report.candlesCorrected == 1)
        #expect(try place.archive().candles().map(\.revision) == [3])
        #expect(try place.archive().candles().map(\.volume) == [nil])
    }

    @Test(arguments: StoreRig.all) func aNewRowBeginsWithTheCorrectionsOfItsBatch(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        try Writer(store).write([CandleUpdate(isClosed: true, corrections: 4)])
        #expect(try place.archive().candles().map(\.revision) == [4])
    }

    /// Any order of the same updates, with copies and late ones, over any batches, ends in the same table.
    @Test(arguments: StoreRig.all, [1, 2, 3] as [UInt64])
    func anyOrderOfTheSameUpdatesEndsInTheSameTable(_ rig: StoreRig, seed: UInt64) throws {
        let factor = ProcessInfo.processInfo.environment["KLINECAST_TORTURE"] == nil ? 1 : 50
        var random = SeededRandom(seed: seed)
        var updates: [CandleUpdate] = []
        for offset in 0..<(1_500 * factor) {
            var update = CandleUpdate(offset: Int64(offset))
            update.symbol = ["BTCUSDT", "ETHUSDT", "SOLUSDT-OKX"].randomElement(using: &random)!
            update.time = Self.start + Int64.random(in: 0..<20, using: &random) * Self.minute
            // Few different times, so that ties are met.
            update.eventTime = update.time + Int64.random(in: 0..<60, using: &random) * 1_000
            update.isClosed = Int.random(in: 0..<4, using: &random) == 0
            update.close = "\(Int.random(in: 1...99_999, using: &random)).5"
            update.volume = Bool.random(using: &random) ? "\(Int.random(in: 1...999, using: &random))" : nil
            update.source = ["binance_websocket", "rest", nil].randomElement(using: &random)!
            updates.append(update)
            // Two topics can have the same place and time with other values: the tie that only values break.
            if offset % 10 == 0 {
                update.close = "\(Int.random(in: 1...99_999, using: &random)).25"
                updates.append(update)
            }
            if offset % 5 == 0 { updates.append(updates.randomElement(using: &random)!) }
        }
        let question = """
            select symbol, timeframe, open, high, low, close, volume, quote_asset_volume, number_of_trades,
            taker_buy_base_asset_volume, taker_buy_quote_asset_volume, is_closed, source, source_offset, time, event_time
            from market_data order by symbol, timeframe, time
            """
        var tables: [[[String?]]] = []
        for _ in 0..<2 {
            let (place, store) = try rig.open()
            let writer = try Writer(store)
            var rest = updates.shuffled(using: &random)[...]
            while !rest.isEmpty {
                // A batch has a key once: what comes again waits for the next one.
                var seen: Set<String> = []
                let count = Int.random(in: 1...400, using: &random)
                let part = rest.prefix(count).prefix { seen.insert("\($0.symbol) \($0.time)").inserted }
                try writer.write(Array(part))
                rest = rest.dropFirst(part.count)
            }
            tables.append(try place.rows(question))
            store.close()
        }
        #expect(tables[0].count == 60)
        #expect(tables[0] == tables[1])
    }

    // MARK: what the database refuses

    @Test(arguments: StoreRig.all) func rowsThatBreakTheTablesRulesAreNamedAndNothingIsWritten(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        var updates = (0..<20).map { CandleUpdate(time: Self.start + Int64($0) * Self.minute, offset: Int64(100 + $0)) }
        updates[3].open = ""
        updates[17].close = ""
        let failure = #expect(throws: StoreError.self) { try writer.write(updates) }
        guard case .refused(let rows) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(Set(rows.map(\.offset)) == [103, 117])
        #expect(rows.allSatisfy { $0.source == BatchBuilder.source && !$0.sentence.isEmpty })
        #expect(try place.rows("select count(*) from market_data") == [["0"]])
        #expect(try place.rows("select next_offset from consumer_offsets") == [["-1"]])
        // Without them the rest is taken.
        let good = updates.filter { !$0.open.isEmpty && !$0.close.isEmpty }
        #expect(try writer.write(good).candlesInserted == 18)
    }

    // MARK: retention

    @Test(arguments: StoreRig.all) func oldCandlesAreRemovedUpToTheLimitAndNoOthers(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let updates = ["BTCUSDT", "ETHUSDT"].flatMap { symbol in
            (0..<30).map { CandleUpdate(symbol: symbol, time: Self.start + Int64($0) * Self.minute) }
        }
        try Writer(store).write(updates)
        let end = Self.start + 20 * Self.minute
        #expect(try store.removeCandles(before: end, limit: 15) == 15)
        #expect(try store.removeCandles(before: end, limit: 15) == 15)
        #expect(try store.removeCandles(before: end, limit: 15) == 10)
        #expect(try store.removeCandles(before: end, limit: 15) == 0)
        for symbol in ["BTCUSDT", "ETHUSDT"] {
            let times = try place.archive().candles(symbol).map(\.time)
            #expect(times == (20..<30).map { Self.start + Int64($0) * Self.minute })
        }
    }
}
