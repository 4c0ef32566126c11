internal import Foundation
internal import MarketData
package import Persister
internal import Records
internal import SQLite

/// The tables of an SQLite file for the commands, beside the writer if one runs. Never makes a file or a table.
package final class SQLiteArchive: Archive {
    let path: String
    private var database: Database?
    /// Open since the first replay.
    var writer: SQLiteStore?

    /// - Throws: `.unusable` where there is no file, or none of ours.
    package init(path: String) throws(StoreError) {
        self.path = path
        guard FileManager.default.fileExists(atPath: path) else {
            throw .unusable(
                code: "no_file", sentence: "\(path) is not there; the persister makes it (DATABASE_URL names it)")
        }
        // A person waits for the answer; the writer's transactions take less.
        database = try SQLiteFile.open(path, access: .readWrite, busyTimeout: .seconds(5))
    }

    package func close() {
        writer = nil
        database = nil
    }

    package func series() throws(StoreError) -> [Series] {
        let rows = try list(
            """
            select symbol, timeframe from series
            where exists (select 1 from candles where candles.series = series.id) order by symbol
            """
        ) { row in Timeframe(rawValue: row.string(1) ?? "").map { Series(symbol: row.string(0) ?? "", timeframe: $0) } }
        let ranks = Dictionary(uniqueKeysWithValues: zip(Timeframe.allCases, 0...))
        return rows.compactMap { $0 }.sorted {
            ($0.symbol, ranks[$0.timeframe] ?? 0) < ($1.symbol, ranks[$1.timeframe] ?? 0)
        }
    }

    package func candles(
        of series: Series, from: Int64, to: Int64, _ reader: (StoredCandle) throws -> Bool
    ) throws {
        let statement = try prepare(
            """
            select time, open, high, low, close, volume, quote_asset_volume, number_of_trades,
            taker_buy_base_asset_volume, taker_buy_quote_asset_volume, is_closed, event_time,
            (select name from sources where id = candles.source), revision
            from candles where series = (select id from series where symbol = ?1 and timeframe = ?2)
            and time >= ?3 and time < ?4 order by time limit \(Self.pageRows)
            """)
        statement.bind(1, series.symbol)
        statement.bind(2, series.timeframe.rawValue)
        statement.bind(4, to)
        var from = from
        var page: [StoredCandle] = []
        repeat {
            page.removeAll(keepingCapacity: true)
            statement.bind(3, from)
            while try step(statement) { page.append(Self.candle(in: statement)) }
            for candle in page {
                guard try reader(candle) else { return }
                from = candle.time + 1
            }
        } while page.count == Self.pageRows
    }

    package func start(
        ofLast count: Int, of series: Series, from: Int64, to: Int64, onlyClosed: Bool
    ) throws(StoreError) -> Int64? {
        let statement = try prepare(
            """
            select min(time) from (
            select time from candles where series = (select id from series where symbol = ?1 and timeframe = ?2)
            and time >= ?3 and time < ?4 and (is_closed or not ?5) order by time desc limit ?6)
            """)
        statement.bind(1, series.symbol)
        statement.bind(2, series.timeframe.rawValue)
        statement.bind(3, from)
        statement.bind(4, to)
        statement.bind(5, onlyClosed ? 1 as Int64 : 0)
        statement.bind(6, Int64(count))
        var start: Int64?
        while try step(statement) { start = statement.isNull(0) ? nil : statement.integer(0) }
        return start
    }

    /// How many rows are held at once: a reader that stops for a while must not hold a snapshot, since the writer's log can't
    /// begin anew before its end.
    private static let pageRows = 4_096

    private static func candle(in row: Statement) -> StoredCandle {
        func digits(_ place: Int32) -> String? { row.isNull(place) ? nil : DecimalDouble.text(of: row.double(place)) }
        return StoredCandle(
            time: row.integer(0), open: digits(1) ?? "", high: digits(2) ?? "", low: digits(3) ?? "",
            close: digits(4) ?? "", volume: digits(5), quoteVolume: digits(6),
            trades: row.isNull(7) ? nil : row.integer(7), takerBuyBaseVolume: digits(8),
            takerBuyQuoteVolume: digits(9), isClosed: row.integer(10) != 0, eventTime: row.integer(11),
            source: row.string(12), revision: row.integer(13))
    }

    package func jumps(in series: Series) throws(StoreError) -> [(after: Int64, before: Int64)] {
        let statement = try prepare(
            """
            select time from candles where series = (select id from series where symbol = ?1 and timeframe = ?2)
            order by time
            """)
        statement.bind(1, series.symbol)
        statement.bind(2, series.timeframe.rawValue)
        var jumps: [(after: Int64, before: Int64)] = []
        var last: Int64?
        while try step(statement) {
            let time = statement.integer(0)
            if let last, time > Self.next(after: last, series.timeframe) { jumps.append((last, time)) }
            last = time
        }
        return jumps
    }

    private static func next(after time: Int64, _ timeframe: Timeframe) -> Int64 {
        if let length = timeframe.milliseconds { return time + length }
        let start = CivilTime(milliseconds: time)
        return time + Int64(CivilTime.daysIn(month: start.month, of: start.year)) * CivilTime.millisecondsPerDay
    }

    package func holes() throws(StoreError) -> [StoredHole] {
        try list(
            """
            select topic, partition, generation, from_offset, to_offset, found_at from holes
            order by found_at desc, topic, partition, from_offset
            """
        ) { row in
            StoredHole(
                hole: Hole(
                    source: .init(topic: row.string(0) ?? "", partition: Int32(truncatingIfNeeded: row.integer(1))),
                    generation: row.integer(2), from: row.integer(3), to: row.integer(4)),
                foundAt: row.integer(5))
        }
    }

    package func deadLetters(_ filter: DeadLetterFilter) throws(StoreError) -> [StoredDeadLetter] {
        let text = """
            select id, topic, partition, generation, "offset", timestamp, key, value, reason, detail, attempts,
            first_seen, replayed_at from dead_letters where \(Self.filterText) order by id limit ?5
            """
        return try list(text, filter) { row in
            StoredDeadLetter(
                id: row.integer(0),
                source: .init(topic: row.string(1) ?? "", partition: Int32(truncatingIfNeeded: row.integer(2))),
                generation: row.integer(3), offset: row.integer(4), timestamp: row.integer(5), key: row.bytes(6),
                value: row.bytes(7), reason: row.string(8) ?? "", detail: row.string(9) ?? "",
                attempts: row.integer(10), firstSeen: row.integer(11),
                replayedAt: row.isNull(12) ? nil : row.integer(12))
        }
    }

    private static let filterText = """
        (?1 is null or id = ?1) and (?2 is null or topic = ?2) and (?3 is null or reason = ?3)
        and (?4 or replayed_at is null) and (?6 is null or id > ?6)
        """

    private static func bind(_ filter: DeadLetterFilter, to statement: Statement) {
        statement.bind(1, filter.id)
        statement.bind(2, filter.topic)
        statement.bind(3, filter.reason)
        statement.bind(4, filter.includesReplayed ? 1 as Int64 : 0)
        statement.bind(5, Int64(filter.limit))
        statement.bind(6, filter.after)
    }

    package func noteReplay(of id: Int64, succeeded: Bool) throws(StoreError) {
        let statement = try prepare(
            succeeded
                ? "update dead_letters set replayed_at = ?2 where id = ?1"
                : "update dead_letters set attempts = attempts + 1 where id = ?1")
        statement.bind(1, id)
        if succeeded { statement.bind(2, Int64(Date().timeIntervalSince1970 * 1_000)) }
        while try step(statement) {}
    }

    package func removeDeadLetters(_ filter: DeadLetterFilter) throws(StoreError) -> Int {
        let statement = try prepare(
            """
            delete from dead_letters where id in
            (select id from dead_letters where \(Self.filterText) order by id limit ?5)
            """)
        Self.bind(filter, to: statement)
        while try step(statement) {}
        return database?.changes ?? 0
    }

    private func list<Row>(
        _ sql: String, _ filter: DeadLetterFilter? = nil, _ row: (Statement) -> Row
    ) throws(StoreError) -> [Row] {
        let statement = try prepare(sql)
        if let filter { Self.bind(filter, to: statement) }
        var rows: [Row] = []
        while try step(statement) { rows.append(row(statement)) }
        return rows
    }

    private func prepare(_ sql: String) throws(StoreError) -> Statement {
        guard let database else {
            throw .unavailable(code: "closed", sentence: "\(path) is closed", mustReopen: true)
        }
        do { return try database.prepare(sql) } catch { throw StoreError(error, path: path) }
    }

    private func step(_ statement: Statement) throws(StoreError) -> Bool {
        do { return try statement.step() } catch { throw StoreError(error, path: path) }
    }
}
