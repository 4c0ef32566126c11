/// The schema, in numbered steps; each is one transaction together with its number in `klinecast_schema`. What has been
/// released is never changed, only followed by another step.
enum PostgresMigrations {
    /// The step that this program's schema ends with.
    static var newest: Int { steps.count }

    /// Serialises processes that start at once; any number, the same in every version.
    static let lock = 7_301_562_918_234_517

    static let version = "SELECT coalesce(max(version), 0) FROM klinecast_schema"
    static let makeRecord = """
        CREATE TABLE IF NOT EXISTS klinecast_schema (
            version integer PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT now())
        """

    static let steps: [String] = [first]

    /// The columns of fixed width stand first, the eight-byte ones before the rest: no row has padding between them.
    private static let first = """
        CREATE TABLE series (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            symbol text COLLATE "C" NOT NULL,
            timeframe text COLLATE "C" NOT NULL,
            UNIQUE (symbol, timeframe));

        CREATE TABLE candles (
            time timestamptz NOT NULL,
            event_time timestamptz NOT NULL,
            source_offset bigint NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            corrected_at timestamptz,
            number_of_trades bigint,
            series integer NOT NULL,
            revision integer NOT NULL,
            is_closed boolean NOT NULL,
            open numeric NOT NULL,
            high numeric NOT NULL,
            low numeric NOT NULL,
            close numeric NOT NULL,
            volume numeric,
            quote_asset_volume numeric,
            taker_buy_base_asset_volume numeric,
            taker_buy_quote_asset_volume numeric,
            source text COLLATE "C",
            PRIMARY KEY (series, time));

        CREATE VIEW market_data AS
            SELECT s.symbol, s.timeframe, c.time, c.open, c.high, c.low, c.close, c.volume, c.quote_asset_volume,
                c.number_of_trades, c.taker_buy_base_asset_volume, c.taker_buy_quote_asset_volume, c.is_closed,
                c.event_time, c.source, c.source_offset, c.revision, c.created_at, c.updated_at
            FROM candles c JOIN series s ON s.id = c.series;

        \(trades("trading_signals"))
        \(trades("trade_executions"))
        \(trades("trade_orders"))

        CREATE TABLE consumer_offsets (
            consumer_group text COLLATE "C" NOT NULL,
            topic text COLLATE "C" NOT NULL,
            partition integer NOT NULL,
            generation bigint NOT NULL,
            next_offset bigint NOT NULL,
            last_timestamp bigint NOT NULL,
            last_crc32 bigint NOT NULL,
            fence bigint NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer_group, topic, partition));

        CREATE TABLE holes (
            topic text COLLATE "C" NOT NULL,
            partition integer NOT NULL,
            generation bigint NOT NULL,
            from_offset bigint NOT NULL,
            to_offset bigint NOT NULL,
            found_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (topic, generation, partition, from_offset));

        CREATE TABLE dead_letters (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            topic text COLLATE "C" NOT NULL,
            partition integer NOT NULL,
            generation bigint NOT NULL,
            "offset" bigint NOT NULL,
            timestamp bigint NOT NULL,
            key bytea,
            value bytea,
            reason text NOT NULL,
            detail text NOT NULL,
            attempts integer NOT NULL DEFAULT 1,
            first_seen timestamptz NOT NULL DEFAULT now(),
            replayed_at timestamptz,
            UNIQUE (topic, generation, partition, "offset"));
        """

    /// `json`, not `jsonb`: that one refuses \\u0000, and forgets order and spelling.
    private static func trades(_ name: String) -> String {
        """
        CREATE TABLE \(name) (
            topic text COLLATE "C" NOT NULL,
            generation bigint NOT NULL,
            partition integer NOT NULL,
            "offset" bigint NOT NULL,
            timestamp bigint NOT NULL,
            symbol text,
            order_id text,
            client_order_id text,
            strategy text,
            side text,
            message json NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (topic, generation, partition, "offset"));
        CREATE INDEX \(name)_symbol ON \(name) (symbol, timestamp) WHERE symbol IS NOT NULL;
        CREATE INDEX \(name)_order ON \(name) (order_id) WHERE order_id IS NOT NULL;
        CREATE INDEX \(name)_client_order ON \(name) (client_order_id) WHERE client_order_id IS NOT NULL;
        """
    }
}
