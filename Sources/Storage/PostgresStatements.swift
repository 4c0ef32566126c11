internal import Persister

/// What the store says to PostgreSQL.
enum PostgresStatements {
    /// The columns that a batch brings, in the order in which `CandleEncoder` writes them.
    static let candleColumns = """
        time, event_time, source_offset, number_of_trades, series, revision, is_closed, open, high, low, close, \
        volume, quote_asset_volume, taker_buy_base_asset_volume, taker_buy_quote_asset_volume, source
        """
    static let copyCandles = "COPY candles (\(candleColumns)) FROM STDIN (FORMAT binary)"
    static let copyStagedCandles = "COPY staged_candles (\(candleColumns)) FROM STDIN (FORMAT binary)"

    /// Staging for candles, once a connection: without a key, and empty again at each commit.
    static let makeStaging = """
        CREATE TEMPORARY TABLE staged_candles (
            time timestamptz, event_time timestamptz, source_offset bigint, number_of_trades bigint, series integer,
            revision integer, is_closed boolean, open numeric, high numeric, low numeric, close numeric,
            volume numeric, quote_asset_volume numeric, taker_buy_base_asset_volume numeric,
            taker_buy_quote_asset_volume numeric, source text COLLATE "C") ON COMMIT DELETE ROWS
        """

    /// A table whose rows are keyed by where their records stand in Kafka.
    struct Table {
        let name: String
        /// In the order in which the store writes them.
        let columns: String

        var copy: String { "COPY \(name) (\(columns)) FROM STDIN (FORMAT binary)" }
        /// For one transaction.
        var makeStaging: String {
            """
            CREATE TEMPORARY TABLE staged_\(name) ON COMMIT DROP AS SELECT \(columns) FROM \(name) WITH NO DATA
            """
        }
        var copyStaged: String { "COPY staged_\(name) (\(columns)) FROM STDIN (FORMAT binary)" }
        var insertStaged: String {
            """
            INSERT INTO \(name) (\(columns)) SELECT \(columns) FROM staged_\(name)
            ON CONFLICT (topic, generation, partition, "offset") DO NOTHING
            """
        }
    }

    static func trades(_ table: TradeRow.Table) -> Table {
        Table(
            name: table.rawValue,
            columns:
                #"topic, generation, partition, "offset", timestamp, symbol, order_id, client_order_id, strategy, "#
                + "side, message")
    }
    static let letters = Table(
        name: "dead_letters",
        columns: #"topic, generation, partition, "offset", timestamp, key, value, reason, detail"#)

    /// Rows whose key the table has: the newer one wins, when it is closed and the other is not, else when its event is
    /// newer, else by its offset; between two of the same offset (of different partitions) the greater values, so that
    /// every order of arrival ends alike. How many changed, and how many of them were corrections.
    ///
    /// An update is a third cheaper than an upsert that changes the same rows: that one locks each row first, and writes
    /// the lock to the log.
    static let updateCandles = """
        WITH written AS (
            UPDATE candles AS c SET \(assignments(from: "s"))
            FROM staged_candles s WHERE c.series = s.series AND c.time = s.time AND (\(isNewer("s")))
            RETURNING c.corrected_at)
        SELECT count(*), count(*) FILTER (WHERE corrected_at = now()) FROM written
        """

    /// The others. One that somebody else inserted a moment ago is updated all the same. How many were new, and how many
    /// were not.
    static let insertCandles = """
        WITH written AS (
            INSERT INTO candles AS c (\(candleColumns))
            SELECT \(candleColumns) FROM staged_candles s
            WHERE NOT EXISTS (SELECT FROM candles o WHERE o.series = s.series AND o.time = s.time)
            ON CONFLICT (series, time) DO UPDATE SET \(assignments(from: "excluded")) WHERE \(isNewer("excluded"))
            RETURNING c.xmax = 0 AS is_new)
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written
        """

    private static func assignments(from row: String) -> String {
        let isCorrected = """
            c.is_closed AND \(row).is_closed AND (\(values("c"))) IS DISTINCT FROM (\(values(row)))
            """
        let plain =
            ["event_time", "source_offset", "is_closed", "open", "high", "low", "close", "source"] + optionalNumbers
        return plain.map { "\($0) = \(row).\($0)" }.joined(separator: ", ") + """
            , updated_at = now(), revision = c.revision + \(row).revision + (\(isCorrected))::integer,
            corrected_at = CASE WHEN \(isCorrected) THEN now() ELSE c.corrected_at END
            """
    }

    private static func isNewer(_ row: String) -> String {
        """
        (\(row).is_closed, \(row).event_time, \(row).source_offset) > (c.is_closed, c.event_time, c.source_offset)
        OR ((\(row).is_closed, \(row).event_time, \(row).source_offset)
            = (c.is_closed, c.event_time, c.source_offset) AND (\(comparable(row))) > (\(comparable("c"))))
        """
    }

    private static let optionalNumbers = [
        "volume", "quote_asset_volume", "number_of_trades", "taker_buy_base_asset_volume",
        "taker_buy_quote_asset_volume",
    ]

    private static func values(_ row: String) -> String {
        (["open", "high", "low", "close"] + optionalNumbers).map { "\(row).\($0)" }.joined(separator: ", ")
    }

    /// A comparison of rows with a null in them has no answer; no number of a candle is below zero.
    private static func comparable(_ row: String) -> String {
        (["open", "high", "low", "close"].map { "\(row).\($0)" } + optionalNumbers.map { "coalesce(\(row).\($0), -1)" }
            + ["coalesce(\(row).source, '')"]).joined(separator: ", ")
    }

    static let insertHoles = """
        INSERT INTO holes AS h (topic, partition, generation, from_offset, to_offset)
        SELECT topic, partition, generation, from_offset, max(to_offset)
        FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS n (topic, partition, generation, from_offset, to_offset)
        GROUP BY topic, partition, generation, from_offset
        ON CONFLICT (topic, generation, partition, from_offset)
        DO UPDATE SET to_offset = greatest(h.to_offset, excluded.to_offset)
        """

    /// Rows are locked in one order by everybody, so that two processes can't wait for each other here.
    static let claim = """
        INSERT INTO consumer_offsets AS o (consumer_group, topic, partition, generation, next_offset, last_timestamp,
            last_crc32, fence)
        SELECT $1, topic, partition, 0, -1, -1, 0, 1 FROM unnest($2::text[], $3::integer[]) AS p (topic, partition)
        ORDER BY topic COLLATE "C", partition
        ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET fence = o.fence + 1, updated_at = now()
        RETURNING topic, partition, fence, generation, next_offset, last_timestamp, last_crc32
        """

    /// Of every transaction, so the server plans it once a connection.
    static let lockPositionsName = "lock_positions"
    static let lockPositions = """
        SELECT topic, partition, generation, next_offset, fence FROM consumer_offsets
        WHERE consumer_group = $1
            AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::integer[]))
        ORDER BY topic, partition FOR UPDATE
        """

    /// As `lockPositions`.
    static let movePositionsName = "move_positions"
    static let movePositions = """
        UPDATE consumer_offsets AS o SET generation = s.generation, next_offset = s.next_offset,
            last_timestamp = s.last_timestamp, last_crc32 = s.last_crc32, updated_at = now()
        FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[])
            AS s (topic, partition, generation, next_offset, last_timestamp, last_crc32, fence, expected)
        WHERE o.consumer_group = $1 AND o.topic = s.topic AND o.partition = s.partition AND o.fence = s.fence
            AND o.next_offset = s.expected
        """

    /// By series, since the key begins with it: each is asked for its oldest rows through the index.
    static let removeCandles = """
        DELETE FROM candles c USING (
            SELECT o.series, o.time FROM series s CROSS JOIN LATERAL (
                SELECT series, time FROM candles WHERE series = s.id AND time < to_timestamp($1::bigint / 1000.0)
                ORDER BY time LIMIT $2::bigint) o
            LIMIT $2::bigint) old
        WHERE c.series = old.series AND c.time = old.time
        """

    /// Adds what is not there yet, and answers the numbers of all. Of two connections that add the same series at once, the
    /// later one gets no number for it, and does when it asks again.
    ///
    /// Its commit waits for no disk: the next batch's, behind it in the log, does, and a server that loses it ends the
    /// connection.
    static let addSeries = """
        WITH at_once AS (SELECT set_config('synchronous_commit', 'off', true)),
            named AS (SELECT symbol, timeframe FROM unnest($1::text[], $2::text[]) AS n (symbol, timeframe)),
            added AS (
                INSERT INTO series (symbol, timeframe) SELECT n.symbol, n.timeframe FROM at_once, named n
                WHERE NOT EXISTS (SELECT FROM series s WHERE s.symbol = n.symbol AND s.timeframe = n.timeframe)
                ORDER BY symbol, timeframe ON CONFLICT DO NOTHING RETURNING id, symbol, timeframe)
        SELECT id, symbol, timeframe FROM added
        UNION ALL SELECT s.id, s.symbol, s.timeframe FROM series s JOIN named USING (symbol, timeframe)
        """
}
