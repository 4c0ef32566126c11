/// The schema of the SQLite file, as numbered steps; `PRAGMA user_version` says how many are done. A step that is out in
/// the world never changes: what comes later is a new one.
enum SQLiteMigrations {
    /// "Klin": what `PRAGMA application_id` says of our files.
    static let applicationID: Int64 = 0x4b6c_696e

    /// Times are integer ms since 1970. Candles lie by (series, time) in one B-tree, so that a range of one series is read in order and
    /// a batch sorted by key touches each page once; the view shows them as DESIGN says.
    static let steps = [
        """
        create table series(
            id integer primary key, symbol text not null, timeframe text not null, unique (symbol, timeframe)) strict;
        create table sources(id integer primary key, name text not null unique) strict;
        create table candles(
            series integer not null, time integer not null,
            open real not null, high real not null, low real not null, close real not null,
            volume real, quote_asset_volume real, number_of_trades integer,
            taker_buy_base_asset_volume real, taker_buy_quote_asset_volume real,
            is_closed integer not null, event_time integer not null, source integer, source_offset integer not null,
            revision integer not null, created_at integer not null, updated_at integer not null,
            primary key (series, time)) without rowid;
        create view market_data as select
            series.symbol, series.timeframe, candles.time, open, high, low, close, volume, quote_asset_volume,
            number_of_trades, taker_buy_base_asset_volume, taker_buy_quote_asset_volume, is_closed, event_time,
            sources.name as source, source_offset, revision, created_at, updated_at
            from candles join series on series.id = candles.series left join sources on sources.id = candles.source;
        \(trades("trading_signals"))
        \(trades("trade_executions"))
        \(trades("trade_orders"))
        create table consumer_offsets(
            consumer_group text not null, topic text not null, partition integer not null,
            generation integer not null, next_offset integer not null, last_timestamp integer not null,
            last_crc32 integer not null, fence integer not null, updated_at integer not null,
            primary key (consumer_group, topic, partition)) strict, without rowid;
        create table holes(
            topic text not null, partition integer not null, generation integer not null,
            from_offset integer not null, to_offset integer not null, found_at integer not null,
            primary key (topic, generation, partition, from_offset)) strict, without rowid;
        create table dead_letters(
            id integer primary key, topic text not null, partition integer not null, generation integer not null,
            "offset" integer not null, timestamp integer not null, key blob, value blob, reason text not null,
            detail text not null, attempts integer not null, first_seen integer not null, replayed_at integer,
            unique (topic, generation, partition, "offset")) strict;
        """
    ]

    private static func trades(_ table: String) -> String {
        """
        create table \(table)(
            topic text not null, generation integer not null, partition integer not null, "offset" integer not null,
            timestamp integer not null, symbol text, order_id text, client_order_id text, strategy text, side text,
            message text not null, created_at integer not null,
            primary key (topic, generation, partition, "offset")) strict, without rowid;
        create index \(table)_symbol on \(table)(symbol, timestamp) where symbol is not null;
        create index \(table)_order on \(table)(order_id) where order_id is not null;
        create index \(table)_client_order on \(table)(client_order_id) where client_order_id is not null;
        """
    }
}
