internal import MarketData
internal import Persister
internal import SQLite

/// Upserts the candles of a batch in the order of their key, with one prepared statement.
struct SQLiteCandleWriter {
    private let database: Database
    private let tally: Tally
    private let upsert: Statement
    private let seriesStatement: Statement
    private let sourceStatement: Statement

    /// What the places of the batches mean, and the rows' numbers; 0 where not asked yet.
    private var series: [Series] = []
    private var seriesIDs: [Int64] = []
    /// Places that have a number, by that number.
    private var placesInOrder: [Int] = []
    /// Scratch of `sort`: where the next row of each place goes, then where its rows end.
    private var ends: [Int] = []
    private var order: [UInt32] = []
    /// A feed has one source, or few.
    private var sources: [(name: [UInt8], id: Int64)] = []
    private static let sourceLimit = 64
    /// How often `sourceStatement` ran: changes that are no candle's.
    private var sourceQuestions = 0

    init(_ database: Database, tally: Tally) throws(SQLiteError) {
        self.database = database
        self.tally = tally
        upsert = try database.prepare(Self.upsertText)
        seriesStatement = try database.prepare(
            """
            insert into series (symbol, timeframe) values (?1, ?2)
            on conflict do update set symbol = excluded.symbol returning id
            """)
        sourceStatement = try database.prepare(
            "insert into sources (name) values (?1) on conflict do update set name = excluded.name returning id")
    }

    /// The newer one wins: closed over open, then event time, then offset, then the values themselves, so that any order of
    /// arrival ends alike. `klinecast_note` sees only rows that an update changes, so an insert pays nothing for being counted.
    private static let upsertText = """
        insert into candles values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17)
        on conflict (series, time) do update set
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
        quote_asset_volume = excluded.quote_asset_volume, number_of_trades = excluded.number_of_trades,
        taker_buy_base_asset_volume = excluded.taker_buy_base_asset_volume,
        taker_buy_quote_asset_volume = excluded.taker_buy_quote_asset_volume,
        is_closed = excluded.is_closed, event_time = excluded.event_time, source = excluded.source,
        source_offset = excluded.source_offset, updated_at = excluded.updated_at,
        revision = revision + excluded.revision + klinecast_note(is_closed and (
            open <> excluded.open or high <> excluded.high or low <> excluded.low or close <> excluded.close
            or volume is not excluded.volume or quote_asset_volume is not excluded.quote_asset_volume
            or number_of_trades is not excluded.number_of_trades
            or taker_buy_base_asset_volume is not excluded.taker_buy_base_asset_volume
            or taker_buy_quote_asset_volume is not excluded.taker_buy_quote_asset_volume))
        where (excluded.is_closed, excluded.event_time, excluded.source_offset)
            > (is_closed, event_time, source_offset)
        or ((excluded.is_closed, excluded.event_time, excluded.source_offset) = (is_closed, event_time, source_offset)
            and (excluded.open, excluded.high, excluded.low, excluded.close, coalesce(excluded.volume, -1),
                coalesce(excluded.quote_asset_volume, -1), coalesce(excluded.number_of_trades, -1),
                coalesce(excluded.taker_buy_base_asset_volume, -1),
                coalesce(excluded.taker_buy_quote_asset_volume, -1),
                coalesce((select name from sources where id = excluded.source), ''))
            > (open, high, low, close, coalesce(volume, -1), coalesce(quote_asset_volume, -1),
                coalesce(number_of_trades, -1), coalesce(taker_buy_base_asset_volume, -1),
                coalesce(taker_buy_quote_asset_volume, -1),
                coalesce((select name from sources where id = candles.source), '')))
        """

    /// After a transaction that came to nothing: numbers given within it mean nothing.
    mutating func forget() {
        series.removeAll(keepingCapacity: true)
        seriesIDs.removeAll(keepingCapacity: true)
        placesInOrder.removeAll(keepingCapacity: true)
        sources.removeAll(keepingCapacity: true)
    }

    /// Goes on after a row that breaks a constraint (a statement that fails undoes itself) so that all of them are named;
    /// the caller rolls back.
    mutating func write(
        _ batch: RowBatch, now: Int64, report: inout WriteReport, refused: inout [StoreError.RefusedRow]
    ) throws(WriteStop) {
        guard batch.candleCount > 0 else { return }
        do throws(SQLiteError) { try sort(batch) } catch { throw .database(error) }
        tally.clear()
        upsert.bind(17, now)
        let before = database.totalChanges
        sourceQuestions = 0
        for index in 0..<batch.candleCount {
            let row = unsafe batch.candles[Int(order[index])]
            do throws(SQLiteError) {
                try put(row, of: batch)
            } catch .constraint(let detail) {
                let step = batch.steps[Int(row.step)]
                refused.append(.init(source: step.source, offset: row.offset, sentence: detail.words))
            } catch {
                throw .database(error)
            }
        }
        let changed = database.totalChanges - before - sourceQuestions
        report.candlesUpdated += tally.falseCount + tally.trueCount
        report.candlesCorrected += tally.trueCount
        report.candlesInserted += changed - tally.falseCount - tally.trueCount
        report.candlesUnchanged += batch.candleCount - changed
    }

    private mutating func put(_ row: CandleRow, of batch: RowBatch) throws(SQLiteError) {
        upsert.bind(1, seriesIDs[Int(row.series)])
        upsert.bind(2, row.time)
        var start = unsafe UnsafeRawPointer(batch.text + Int(row.textStart))
        for place in 0..<4 { unsafe bind(Int32(3 + place), next(&start, Int(row.numberCounts[place]))) }
        for place in 4..<6 { unsafe bind(Int32(3 + place), next(&start, Int(row.numberCounts[place]))) }
        if row.trades >= 0 { upsert.bind(9, row.trades) } else { upsert.bindNull(9) }
        for place in 6..<8 { unsafe bind(Int32(4 + place), next(&start, Int(row.numberCounts[place]))) }
        upsert.bind(12, row.isClosed ? 1 as Int64 : 0)
        upsert.bind(13, row.eventTime)
        if row.sourceCount > 0 {
            upsert.bind(14, try unsafe sourceID(next(&start, Int(row.sourceCount))))
        } else {
            upsert.bindNull(14)
        }
        upsert.bind(15, row.offset)
        upsert.bind(16, Int64(row.corrections))
        try upsert.run()
    }

    private func next(_ start: inout UnsafeRawPointer, _ count: Int) -> UnsafeRawBufferPointer {
        let text = unsafe UnsafeRawBufferPointer(start: start, count: count)
        unsafe start += count
        return unsafe text
    }

    /// A number that is none becomes null: the table refuses it where it must not be null.
    private func bind(_ place: Int32, _ digits: UnsafeRawBufferPointer) {
        if let value = unsafe DecimalDouble.value(of: digits) {
            upsert.bind(place, value)
        } else {
            upsert.bindNull(place)
        }
    }

    private mutating func sourceID(_ name: UnsafeRawBufferPointer) throws(SQLiteError) -> Int64 {
        for known in sources where unsafe known.name.count == name.count && name.elementsEqual(known.name) {
            return known.id
        }
        unsafe sourceStatement.bind(1, text: name)
        guard try sourceStatement.step() else { return 0 }
        let id = sourceStatement.integer(0)
        try sourceStatement.run()
        sourceQuestions += 1
        if sources.count == Self.sourceLimit { sources.removeAll(keepingCapacity: true) }
        sources.append((unsafe Array(name), id))
        return id
    }

    /// Fills `order` with the batch's rows in the order of their keys: a counting sort by series, since rows of one series
    /// mostly come in order of time already.
    private mutating func sort(_ batch: RowBatch) throws(SQLiteError) {
        meet(batch.series)
        let count = batch.candleCount
        ends.removeAll(keepingCapacity: true)
        ends.append(contentsOf: repeatElement(0, count: series.count))
        for index in 0..<count { unsafe ends[Int(batch.candles[index].series)] += 1 }
        try number(placesWithRows: ends)
        var start = 0
        for place in placesInOrder {
            let rows = ends[place]
            ends[place] = start
            start += rows
        }
        if order.count < count { order = Array(repeating: 0, count: batch.limits.rows) }
        for index in 0..<count {
            let place = unsafe Int(batch.candles[index].series)
            order[ends[place]] = UInt32(index)
            ends[place] += 1
        }
        start = 0
        for place in placesInOrder {
            let end = ends[place]
            if end - start > 1 { unsafe sortTimes(start..<end, batch.candles) }
            start = end
        }
    }

    private mutating func sortTimes(_ range: Range<Int>, _ candles: UnsafeMutablePointer<CandleRow>) {
        var last = unsafe candles[Int(order[range.lowerBound])].time
        for place in range.dropFirst() {
            let time = unsafe candles[Int(order[place])].time
            if time < last {
                order[range].sort { unsafe candles[Int($0)].time < candles[Int($1)].time }
                return
            }
            last = time
        }
    }

    /// Takes over the batches' series as far as they are new; forgets all from where they differ on, which another pipeline's do.
    private mutating func meet(_ batchSeries: [Series]) {
        var same = 0
        while same < series.count, same < batchSeries.count, series[same] == batchSeries[same] { same += 1 }
        if same < series.count, same < batchSeries.count {
            series.removeSubrange(same...)
            seriesIDs.removeSubrange(same...)
            placesInOrder.removeAll { $0 >= same }
        }
        guard batchSeries.count > series.count else { return }
        series.append(contentsOf: batchSeries[series.count...])
        seriesIDs.append(contentsOf: repeatElement(0, count: series.count - seriesIDs.count))
    }

    private mutating func number(placesWithRows counts: [Int]) throws(SQLiteError) {
        var isNew = false
        for place in 0..<series.count where counts[place] > 0 && seriesIDs[place] == 0 {
            seriesStatement.bind(1, series[place].symbol)
            seriesStatement.bind(2, series[place].timeframe.rawValue)
            guard try seriesStatement.step() else { continue }
            seriesIDs[place] = seriesStatement.integer(0)
            try seriesStatement.run()
            placesInOrder.append(place)
            isNew = true
        }
        if isNew { placesInOrder.sort { [seriesIDs] in seriesIDs[$0] < seriesIDs[$1] } }
    }
}
