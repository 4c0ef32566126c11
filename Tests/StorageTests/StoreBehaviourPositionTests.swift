import MarketData
import Persister
import Records
import Storage
import Testing

@Suite(.timeLimit(.minutes(5))) struct StoreBehaviourPositionTests {
    static let other = SourcePartition(topic: "orders", partition: 3)

    @Test(arguments: StoreRig.all) func aPartitionHasNoPositionBeforeItsFirstCommit(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        defer { withExtendedLifetime(place) {} }
        let claims = try store.claim([BatchBuilder.source, Self.other])
        #expect(
            claims == [Claim(fence: 1, generation: 0, position: nil), Claim(fence: 1, generation: 0, position: nil)])
    }

    @Test(arguments: StoreRig.all) func thePositionComesBackAsItWasWritten(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let claim = try store.claim([BatchBuilder.source])[0]
        let builder = BatchBuilder()
        builder.step(claim, to: 1_234_567_890_123, timestamp: 1_700_000_000_999, crc: .max)
        _ = try store.write(builder.batch)
        store.close()
        let next = try place.store(group: "test")
        try next.open()
        let position = StoredPosition(
            nextOffset: 1_234_567_890_123, lastTimestamp: 1_700_000_000_999, lastCRC32: .max)
        #expect(try next.claim([BatchBuilder.source]) == [Claim(fence: 2, generation: 0, position: position)])
    }

    @Test(arguments: StoreRig.all) func groupsHavePositionsOfTheirOwn(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        try Writer(store).write([], to: 50)
        let stranger = try place.store(group: "another")
        try stranger.open()
        #expect(try stranger.claim([BatchBuilder.source]) == [Claim(fence: 1, generation: 0, position: nil)])
    }

    @Test(arguments: StoreRig.all) func whoWasClaimedFromWritesNothingMore(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        try writer.write([CandleUpdate()], to: 1)
        let second = try place.store(group: "test")
        try second.open()
        let successor = try Writer(second)
        let late = CandleUpdate(time: 1_800_000_000_000)
        #expect(throws: StoreError.fenced([BatchBuilder.source])) {
            try writer.write([late], to: 2) {
                $0.holes = [Hole(source: BatchBuilder.source, generation: 0, from: 0, to: 1)]
                $0.trades = [trade(offset: 1)]
                $0.refused = [refusal(offset: 1)]
            }
        }
        for table in ["holes", "trade_orders", "dead_letters"] {
            #expect(try place.rows("select count(*) from \(table)") == [["0"]])
        }
        #expect(try place.archive().candles().count == 1)
        #expect(try successor.write([late], to: 2).candlesInserted == 1)
    }

    @Test(arguments: StoreRig.all) func oneFencedPartitionStopsTheWholeBatchAndIsNamedAlone(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let claims = try store.claim([BatchBuilder.source, Self.other])
        let second = try place.store(group: "test")
        try second.open()
        _ = try second.claim([Self.other])
        var builder = BatchBuilder()
        builder.step(claims[0], to: 1)
        builder.step(claims[1], to: 1, of: Self.other)
        builder.add(CandleUpdate())
        #expect(throws: StoreError.fenced([Self.other])) { try store.write(builder.batch) }
        #expect(try place.rows("select count(*) from market_data") == [["0"]])
        let offsets = try place.rows("select next_offset from consumer_offsets order by topic")
        #expect(offsets == [["-1"], ["-1"]])
    }

    @Test(arguments: StoreRig.all) func aPositionThatIsNotTheExpectedOneIsFenced(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        defer { withExtendedLifetime(place) {} }
        let writer = try Writer(store)
        let stale = writer.batch([CandleUpdate()], to: 7)
        try writer.write([], to: 5)
        #expect(throws: StoreError.fenced([BatchBuilder.source])) { try store.write(stale) }
    }

    @Test(arguments: StoreRig.all) func aBatchThatWasCommittedBeforeSucceedsWithNothingChanged(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let batch = try Writer(store).batch([CandleUpdate()], to: 10) { $0.trades = [trade(offset: 9)] }
        let first = try store.write(batch)
        #expect(first.candlesInserted == 1 && first.tradesInserted == 1)
        #expect(try store.write(batch) == WriteReport())
        #expect(try place.archive().candles().count == 1)
    }

    @Test(arguments: StoreRig.all) func aTopicCreatedAnewStartsAgainInItsNextGeneration(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        try writer.write([], to: 100) { $0.trades = [trade(offset: 5)] }
        try writer.write([], generation: 1, to: 6) { $0.trades = [trade(offset: 5)] }
        let claim = try store.claim([BatchBuilder.source])[0]
        #expect(claim.generation == 1 && claim.position?.nextOffset == 6)
        let rows = try place.rows("select generation from trade_orders order by generation")
        #expect(rows == [["0"], ["1"]])
    }

    @Test(arguments: StoreRig.all) func holesAreKeptExactlyAndOnce(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        let hole = Hole(source: BatchBuilder.source, generation: 0, from: 17, to: 4_000_000_000)
        try writer.write([]) { $0.holes = [hole] }
        try writer.write([]) { $0.holes = [hole] }
        #expect(try place.archive().holes().map(\.hole) == [hole])
        // Nothing came behind it, and retention took more: the same hole has grown.
        let grown = Hole(source: BatchBuilder.source, generation: 0, from: 17, to: 4_000_000_009)
        try writer.write([]) { $0.holes = [grown] }
        try writer.write([]) { $0.holes = [hole] }
        #expect(try place.archive().holes().map(\.hole) == [grown])
    }

    @Test(arguments: StoreRig.all) func aDeadLetterIsKeptOnceWithItsBytes(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        let letters = [refusal(offset: 4), refusal(offset: 5, value: nil), refusal(offset: 6, value: [])]
        #expect(try writer.write([]) { $0.refused = letters }.deadLettersInserted == 3)
        #expect(try writer.write([]) { $0.refused = letters }.deadLettersInserted == 0)
        let archive = try place.archive()
        let stored = try archive.deadLetters(DeadLetterFilter())
        #expect(stored.map(\.offset) == [4, 5, 6])
        #expect(stored.map(\.value) == [[0, 0xff, 0x7b], nil, []])
        #expect(stored.allSatisfy { $0.key == [1, 0] && $0.reason == "not_an_object" && $0.attempts == 1 })
        #expect(stored.allSatisfy { $0.detail == "no object" && $0.timestamp == 77 && $0.replayedAt == nil })
        try archive.noteReplay(of: stored[0].id, succeeded: true)
        try archive.noteReplay(of: stored[1].id, succeeded: false)
        #expect(try archive.deadLetters(DeadLetterFilter()).map(\.attempts) == [2, 1])
        var filter = DeadLetterFilter()
        filter.includesReplayed = true
        #expect(try archive.deadLetters(filter).count == 3)
        filter.limit = 2
        #expect(try archive.removeDeadLetters(filter) == 2)
        #expect(try archive.deadLetters(DeadLetterFilter()).map(\.offset) == [6])
    }

    @Test(arguments: StoreRig.all) func partialFillsOfOneOrderAreAllThere(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let writer = try Writer(store)
        let fills = (0..<5).map { trade(.executions, offset: $0, orderID: "A-1") }
        let rows = fills + [trade(.signals, offset: 5, orderID: nil), trade(.orders, offset: 6, orderID: "A-1")]
        #expect(try writer.write([]) { $0.trades = rows }.tradesInserted == 7)
        #expect(try writer.write([]) { $0.trades = rows }.tradesInserted == 0)
        let stored = try place.rows(
            """
            select "offset", symbol, client_order_id, strategy, side from trade_executions where order_id = 'A-1' order by "offset"
            """)
        #expect(stored == (0..<5).map { ["\($0)", "BTCUSDT", "c", nil, "BUY"] })
        #expect(try place.rows("select count(*) from trading_signals where order_id is null") == [["1"]])
        #expect(try place.rows("select count(*) from trade_orders") == [["1"]])
    }

    @Test(arguments: StoreRig.all) func theArchiveReadsInOrderWithinTheRangeAndStopsWhenTold(_ rig: StoreRig) throws {
        let (place, store) = try rig.open()
        let minute: Int64 = 60_000
        // 5 and 6 are missing, and 8.
        let times = [9, 7, 4, 3, 2, 1, 0].map { 1_700_000_040_000 + Int64($0) * minute }
        let first = times[6]
        var updates = times.map { CandleUpdate(time: $0) }
        updates.append(CandleUpdate(symbol: "AAVEUSDT", timeframe: .oneHour))
        updates.append(CandleUpdate(symbol: "AAVEUSDT", timeframe: .fiveMinutes))
        // January, February, April 2024.
        for time in [1_704_067_200_000, 1_706_745_600_000, 1_711_929_600_000] as [Int64] {
            updates.append(CandleUpdate(timeframe: .oneMonth, time: time))
        }
        try Writer(store).write(updates)
        let archive = try place.archive()
        let names = try archive.series().map { "\($0.symbol) \($0.timeframe.rawValue)" }
        #expect(names == ["AAVEUSDT 5m", "AAVEUSDT 1h", "BTCUSDT 1m", "BTCUSDT 1M"])
        let series = Series(symbol: "BTCUSDT", timeframe: .oneMinute)
        var read: [Int64] = []
        try archive.candles(of: series, from: first + minute, to: first + 7 * minute) {
            read.append($0.time)
            return true
        }
        #expect(read == (1...4).map { first + $0 * minute })
        read = []
        try archive.candles(of: series, from: .min, to: .max) {
            read.append($0.time)
            return read.count < 2
        }
        #expect(read == [first, first + minute])
        let jumps = try archive.jumps(in: series)
        #expect(jumps.map(\.after) == [first + 4 * minute, first + 7 * minute])
        #expect(jumps.map(\.before) == [first + 7 * minute, first + 9 * minute])
        let months = try archive.jumps(in: Series(symbol: "BTCUSDT", timeframe: .oneMonth))
        #expect(months.map(\.after) == [1_706_745_600_000])
        #expect(try archive.candles("NOSUCH").isEmpty)
    }

    private func trade(
        _ table: TradeRow.Table = .orders, offset: Int64, orderID: String? = "A-1"
    ) -> TradeRow {
        TradeRow(
            table: table, step: 0, offset: offset, timestamp: 1_700_000_000_000, message: Array(#"{"qty":0.5}"#.utf8),
            symbol: "BTCUSDT", orderID: orderID, clientOrderID: "c", strategy: nil, side: "BUY")
    }

    private func refusal(offset: Int64, value: [UInt8]? = [0, 0xff, 0x7b]) -> RefusedRecord {
        RefusedRecord(
            step: 0, offset: offset, timestamp: 77, key: [1, 0], value: value, reason: .notAnObject,
            detail: "no object")
    }
}
