package import Configuration
internal import MarketData
package import Persister
internal import Postgres
internal import Records

/// The tables of a PostgreSQL for the commands, beside the writer if one runs. Never makes a table.
package final class PostgresArchive: Archive {
    private var connection: Connection?
    private let url: Secret
    private let connectDeadline: Duration
    private let statementDeadline: Duration
    /// Open since the first replay.
    var writer: PostgresStore?

    /// - Throws: `.unusable` where the database has none of our tables, or others than this program knows.
    package init(
        url: Secret, connectDeadline: Duration = .seconds(10), statementDeadline: Duration = .seconds(60)
    ) throws(StoreError) {
        self.url = url
        self.connectDeadline = connectDeadline
        self.statementDeadline = statementDeadline
        let fresh: Connection
        do {
            fresh = try Connection(
                .init(url: url, connectDeadline: connectDeadline, statementDeadline: statementDeadline))
        } catch {
            throw StoreError(error)
        }
        try PostgresSchema.check(fresh)
        do {
            // The server ends what nobody waits for any more.
            let limit = max(1, statementDeadline.milliseconds * 9 / 10)
            try fresh.execute("SET bytea_output = hex; SET statement_timeout = \(limit)")
        } catch {
            throw StoreError(error)
        }
        connection = fresh
    }

    package func close() {
        writer?.close()
        writer = nil
        connection?.close()
        connection = nil
    }

    /// A store of no group: for rows alone.
    func makeWriter() -> PostgresStore {
        PostgresStore(url: url, group: "", connectDeadline: connectDeadline, statementDeadline: statementDeadline)
    }

    package func series() throws(StoreError) -> [Series] {
        let found = try ask(
            """
            SELECT symbol, timeframe FROM series s
            WHERE EXISTS (SELECT FROM candles c WHERE c.series = s.id) ORDER BY symbol
            """)
        let ranks = Dictionary(uniqueKeysWithValues: zip(Timeframe.allCases, 0...))
        return (0..<found.rowCount).compactMap { row in
            found.text(row, 1).flatMap { Timeframe(rawValue: $0) }
                .map { Series(symbol: found.text(row, 0) ?? "", timeframe: $0) }
        }.sorted { ($0.symbol, ranks[$0.timeframe] ?? 0) < ($1.symbol, ranks[$1.timeframe] ?? 0) }
    }

    /// How many rows are held at once.
    private static let pageRows = 4_096

    package func candles(
        of series: Series, from: Int64, to: Int64, _ reader: (StoredCandle) throws -> Bool
    ) throws {
        var from = PostgresTime.clamped(from)
        while true {
            let page = try ask(
                """
                SELECT \(Self.milliseconds("time")), open, high, low, close, volume, quote_asset_volume,
                    number_of_trades, taker_buy_base_asset_volume, taker_buy_quote_asset_volume, is_closed,
                    \(Self.milliseconds("event_time")), source, revision
                FROM candles WHERE series = (SELECT id FROM series WHERE symbol = $1 AND timeframe = $2)
                    AND time >= to_timestamp($3::bigint / 1000.0) AND time < to_timestamp($4::bigint / 1000.0)
                ORDER BY time LIMIT \(Self.pageRows)
                """,
                [
                    .text(series.symbol), .text(series.timeframe.rawValue), .integer(from),
                    .integer(PostgresTime.clamped(to)),
                ])
            for row in 0..<page.rowCount {
                let candle = Self.candle(page, row)
                guard try reader(candle) else { return }
                // Times are whole milliseconds: the next page begins behind this one.
                from = candle.time + 1
            }
            if page.rowCount < Self.pageRows { return }
        }
    }

    package func start(
        ofLast count: Int, of series: Series, from: Int64, to: Int64, onlyClosed: Bool
    ) throws(StoreError) -> Int64? {
        let found = try ask(
            """
            SELECT \(Self.milliseconds("min(time)")) FROM (
                SELECT time FROM candles WHERE series = (SELECT id FROM series WHERE symbol = $1 AND timeframe = $2)
                    AND time >= to_timestamp($3::bigint / 1000.0) AND time < to_timestamp($4::bigint / 1000.0)
                    AND (is_closed OR NOT $5::boolean)
                ORDER BY time DESC LIMIT $6::bigint) AS newest
            """,
            [
                .text(series.symbol), .text(series.timeframe.rawValue), .integer(PostgresTime.clamped(from)),
                .integer(PostgresTime.clamped(to)), .text(onlyClosed ? "t" : "f"), .integer(Int64(count)),
            ])
        return found.integer(0, 0)
    }

    private static func milliseconds(_ column: String) -> String { "(extract(epoch FROM \(column)) * 1000)::bigint" }

    private static func candle(_ rows: QueryResult, _ row: Int) -> StoredCandle {
        StoredCandle(
            time: rows.integer(row, 0) ?? 0, open: rows.text(row, 1) ?? "", high: rows.text(row, 2) ?? "",
            low: rows.text(row, 3) ?? "", close: rows.text(row, 4) ?? "", volume: rows.text(row, 5),
            quoteVolume: rows.text(row, 6), trades: rows.integer(row, 7), takerBuyBaseVolume: rows.text(row, 8),
            takerBuyQuoteVolume: rows.text(row, 9), isClosed: rows.flag(row, 10) ?? false,
            eventTime: rows.integer(row, 11) ?? 0, source: rows.text(row, 12), revision: rows.integer(row, 13) ?? 0)
    }

    package func jumps(in series: Series) throws(StoreError) -> [(after: Int64, before: Int64)] {
        let next =
            series.timeframe.milliseconds.map { "time + interval '\($0) milliseconds'" }
            ?? "(time AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'"
        let found = try ask(
            """
            SELECT \(Self.milliseconds("time")), \(Self.milliseconds("later")) FROM (
                SELECT time, lead(time) OVER (ORDER BY time) AS later FROM candles
                WHERE series = (SELECT id FROM series WHERE symbol = $1 AND timeframe = $2)) AS pairs
            WHERE later > \(next) ORDER BY time
            """, [.text(series.symbol), .text(series.timeframe.rawValue)])
        return (0..<found.rowCount).map { (found.integer($0, 0) ?? 0, found.integer($0, 1) ?? 0) }
    }

    package func holes() throws(StoreError) -> [StoredHole] {
        let found = try ask(
            """
            SELECT topic, partition, generation, from_offset, to_offset, \(Self.milliseconds("found_at")) FROM holes
            ORDER BY found_at DESC, topic, partition, from_offset
            """)
        return (0..<found.rowCount).map { row in
            StoredHole(
                hole: Hole(
                    source: Self.source(found, row, 0), generation: found.integer(row, 2) ?? 0,
                    from: found.integer(row, 3) ?? 0, to: found.integer(row, 4) ?? 0),
                foundAt: found.integer(row, 5) ?? 0)
        }
    }

    private static func source(_ rows: QueryResult, _ row: Int, _ column: Int) -> SourcePartition {
        SourcePartition(
            topic: rows.text(row, column) ?? "",
            partition: Int32(truncatingIfNeeded: rows.integer(row, column + 1) ?? 0))
    }

    package func deadLetters(_ filter: DeadLetterFilter) throws(StoreError) -> [StoredDeadLetter] {
        let found = try ask(
            """
            SELECT id, topic, partition, generation, "offset", timestamp, key, value, reason, detail,
                attempts, \(Self.milliseconds("first_seen")), \(Self.milliseconds("replayed_at"))
            FROM dead_letters WHERE \(Self.filterText) ORDER BY id LIMIT $5::bigint
            """, Self.parameters(filter))
        return (0..<found.rowCount).map { row in
            StoredDeadLetter(
                id: found.integer(row, 0) ?? 0, source: Self.source(found, row, 1),
                generation: found.integer(row, 3) ?? 0, offset: found.integer(row, 4) ?? 0,
                timestamp: found.integer(row, 5) ?? -1, key: found.byteArray(row, 6), value: found.byteArray(row, 7),
                reason: found.text(row, 8) ?? "", detail: found.text(row, 9) ?? "",
                attempts: found.integer(row, 10) ?? 0, firstSeen: found.integer(row, 11) ?? 0,
                replayedAt: found.integer(row, 12))
        }
    }

    private static let filterText = """
        ($1::bigint IS NULL OR id = $1) AND ($2::text IS NULL OR topic = $2) AND ($3::text IS NULL OR reason = $3) \
        AND ($4::boolean OR replayed_at IS NULL) AND ($6::bigint IS NULL OR id > $6)
        """

    private static func parameters(_ filter: DeadLetterFilter) -> [Parameter] {
        [
            filter.id.map { .integer($0) } ?? .null, filter.topic.map { .text($0) } ?? .null,
            filter.reason.map { .text($0) } ?? .null, .text(filter.includesReplayed ? "t" : "f"),
            .integer(Int64(max(0, filter.limit))), filter.after.map { .integer($0) } ?? .null,
        ]
    }

    package func noteReplay(of id: Int64, succeeded: Bool) throws(StoreError) {
        let change = succeeded ? "replayed_at = now()" : "attempts = attempts + 1"
        _ = try ask("UPDATE dead_letters SET \(change) WHERE id = $1", [.integer(id)])
    }

    package func removeDeadLetters(_ filter: DeadLetterFilter) throws(StoreError) -> Int {
        try ask(
            """
            DELETE FROM dead_letters WHERE id IN (
                SELECT id FROM dead_letters WHERE \(Self.filterText) ORDER BY id LIMIT $5::bigint)
            """, Self.parameters(filter)
        ).changedRows
    }

    private func ask(_ sql: String, _ parameters: [Parameter] = []) throws(StoreError) -> QueryResult {
        guard let connection else {
            throw .unavailable(code: "closed", sentence: "the connection is closed", mustReopen: true)
        }
        do { return try connection.execute(sql, parameters) } catch { throw StoreError(error) }
    }
}
