import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Locale;

/**
 * The yardstick of the persister's PostgreSQL rows: what a JVM service usually does. pgjdbc, batches by addBatch and
 * executeBatch with reWriteBatchedInserts, one transaction a batch, a table keyed by its texts and the open time,
 * numeric columns, an upsert that lets only newer rows win, the next offset in the same transaction. No Kafka, no JSON.
 *
 * The candles are those of produce.c --full: keys distinct, symbols in turn, in order of time. Time and CPU run from the
 * end of the first commit to the end of the last; what the first wrote doesn't count. Before, the same work goes to a
 * temporary table, so that the virtual machine has compiled what is measured.
 *
 * Arguments: JDBC URL (the password in PGPASSWORD), symbols, rows, rows a batch, edition (0 new rows; higher: the same
 * candles with other values and a later event time). Prints one JSON object.
 */
public final class UpsertPostgres {
    private static final String SCHEMA =
            """
            CREATE TABLE IF NOT EXISTS market_data (
                symbol text NOT NULL, timeframe text NOT NULL, time timestamptz NOT NULL,
                open numeric NOT NULL, high numeric NOT NULL, low numeric NOT NULL, close numeric NOT NULL,
                volume numeric, quote_asset_volume numeric, number_of_trades bigint,
                taker_buy_base_asset_volume numeric, taker_buy_quote_asset_volume numeric,
                is_closed boolean NOT NULL, event_time timestamptz NOT NULL, source text, source_offset bigint NOT NULL,
                revision integer NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(),
                updated_at timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (symbol, timeframe, time));
            CREATE TABLE IF NOT EXISTS consumer_offsets (
                topic text NOT NULL, partition integer NOT NULL, next_offset bigint NOT NULL,
                PRIMARY KEY (topic, partition))""";

    private static final String UPSERT =
            """
            INSERT INTO TABLE_NAME AS old (symbol, timeframe, time, open, high, low, close, volume,
                quote_asset_volume, number_of_trades, taker_buy_base_asset_volume, taker_buy_quote_asset_volume,
                is_closed, event_time, source, source_offset)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (symbol, timeframe, time) DO UPDATE SET
                open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
                volume = excluded.volume, quote_asset_volume = excluded.quote_asset_volume,
                number_of_trades = excluded.number_of_trades,
                taker_buy_base_asset_volume = excluded.taker_buy_base_asset_volume,
                taker_buy_quote_asset_volume = excluded.taker_buy_quote_asset_volume,
                is_closed = excluded.is_closed, event_time = excluded.event_time, source = excluded.source,
                source_offset = excluded.source_offset,
                revision = old.revision + (old.is_closed AND excluded.is_closed)::integer, updated_at = now()
            WHERE (excluded.is_closed, excluded.event_time, excluded.source_offset)
                > (old.is_closed, old.event_time, old.source_offset)""";

    private static final String ADVANCE =
            "INSERT INTO consumer_offsets VALUES ('market.data', 0, ?) "
                    + "ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset";

    private final String[] symbols;
    private final long edition;
    private long firstCommitWall;
    private long firstCommitProcessor;

    private UpsertPostgres(int symbolCount, long edition) {
        symbols = new String[symbolCount];
        for (int i = 0; i < symbolCount; i++) symbols[i] = String.format("S%04dUSDT", i);
        this.edition = edition;
    }

    public static void main(String[] arguments) throws SQLException {
        if (arguments.length != 5) {
            System.err.println("usage: UpsertPostgres JDBC-URL SYMBOLS ROWS BATCH EDITION");
            System.exit(2);
        }
        int rows = Integer.parseInt(arguments[2]);
        int batch = Integer.parseInt(arguments[3]);
        String password = System.getenv("PGPASSWORD");
        UpsertPostgres loop = new UpsertPostgres(Integer.parseInt(arguments[1]), Long.parseLong(arguments[4]));
        try (Connection connection = DriverManager.getConnection(arguments[0], "bench", password)) {
            loop.run(connection, rows, batch);
        }
    }

    private void run(Connection connection, int rows, int batch) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(SCHEMA);
        }
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TEMPORARY TABLE warm_up (LIKE market_data INCLUDING ALL)");
        }
        write(connection, "warm_up", Math.min(rows, 32 * batch), batch);
        write(connection, "market_data", rows, batch);
        double counted = rows - batch;
        double wall = (System.nanoTime() - firstCommitWall) / 1e9;
        double processor = (processorNanoseconds() - firstCommitProcessor) / 1e3;
        System.out.printf(
                Locale.ROOT,
                "{\"rows\":%d,\"rows_per_second\":%.0f,\"cpu_microseconds_per_row\":%.4f,\"driver\":\"%s\"}%n",
                rows, counted / wall, processor / counted, connection.getMetaData().getDriverVersion());
    }

    private void write(Connection connection, String table, int rows, int batch) throws SQLException {
        try (PreparedStatement upsert = connection.prepareStatement(UPSERT.replace("TABLE_NAME", table));
                PreparedStatement advance = connection.prepareStatement(ADVANCE)) {
            for (int at = 0; at < rows; at += batch) {
                int end = Math.min(at + batch, rows);
                for (int i = at; i < end; i++) bind(upsert, symbols[i % symbols.length], i / symbols.length + 1);
                int[] counts = upsert.executeBatch();
                if (end - at > 1 && counts[0] != Statement.SUCCESS_NO_INFO) {
                    throw new SQLException("the driver didn't rewrite the batch into statements of many rows");
                }
                advance.setLong(1, end);
                advance.executeUpdate();
                connection.commit();
                if (at == 0) {
                    firstCommitWall = System.nanoTime();
                    firstCommitProcessor = processorNanoseconds();
                }
            }
        }
    }

    /** The values of produce.c, {@code n} counted from 1 a symbol. */
    private void bind(PreparedStatement to, String symbol, long n) throws SQLException {
        long base = 632501 + n * 7919 % 9973 + 3 * edition;
        long volume = 100000 + n * 104729 % 99991000 + edition;
        long minute = 1726000020000L + (n - 1) * 60000;
        to.setString(1, symbol);
        to.setString(2, "1m");
        to.setObject(3, time(minute), Types.TIMESTAMP_WITH_TIMEZONE);
        to.setBigDecimal(4, BigDecimal.valueOf(base, 2));
        to.setBigDecimal(5, BigDecimal.valueOf(base + n % 911, 2));
        to.setBigDecimal(6, BigDecimal.valueOf(base - n % 877, 2));
        to.setBigDecimal(7, BigDecimal.valueOf(base + n % 911 % 401, 2));
        to.setBigDecimal(8, BigDecimal.valueOf(volume, 5));
        to.setBigDecimal(9, BigDecimal.valueOf(volume * base, 7));
        to.setLong(10, 1 + n % 5000 + edition);
        to.setBigDecimal(11, BigDecimal.valueOf(volume / 2, 5));
        to.setBigDecimal(12, BigDecimal.valueOf(volume / 2 * base, 7));
        to.setBoolean(13, true);
        to.setObject(14, time(minute + 60001 + 1000 * edition), Types.TIMESTAMP_WITH_TIMEZONE);
        to.setString(15, "binance_websocket");
        to.setLong(16, n - 1 + (edition << 32));
        to.addBatch();
    }

    private static OffsetDateTime time(long milliseconds) {
        return Instant.ofEpochMilli(milliseconds).atOffset(ZoneOffset.UTC);
    }

    private static long processorNanoseconds() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }
}
