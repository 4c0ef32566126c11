/*
 * The yardstick of the persister's SQLite rows: candles from memory into one table, with nothing in between.
 *
 * A table keyed by its texts, symbol and timeframe, and the open time, WITHOUT ROWID; WAL, synchronous NORMAL; one
 * prepared statement, row by row, with the upsert that lets only newer rows win; the next offset in the same
 * transaction. No Kafka, no JSON, no fence: what it leaves out is what a persister has to earn.
 *
 * The candles are those of produce.c --full, made before the clock starts: keys distinct, symbols in turn, in order of
 * time. Time and CPU run from the end of the first commit to the end of the last; what the first wrote doesn't count.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("upsert: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char schema[] =
    "create table if not exists market_data("
    "symbol text not null, timeframe text not null, time integer not null, open real not null, high real not null, "
    "low real not null, close real not null, volume real, quote_asset_volume real, number_of_trades integer, "
    "taker_buy_base_asset_volume real, taker_buy_quote_asset_volume real, is_closed integer not null, "
    "event_time integer not null, source text, source_offset integer not null, revision integer not null default 0, "
    "created_at integer not null, updated_at integer not null, "
    "primary key(symbol, timeframe, time)) without rowid;"
    "create table if not exists consumer_offsets("
    "topic text not null, partition integer not null, next_offset integer not null, "
    "primary key(topic, partition)) without rowid;";

static const char upsert[] =
    "insert into market_data as old(symbol, timeframe, time, open, high, low, close, volume, quote_asset_volume, "
    "number_of_trades, taker_buy_base_asset_volume, taker_buy_quote_asset_volume, is_closed, event_time, source, "
    "source_offset, created_at, updated_at) "
    "values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17) "
    "on conflict(symbol, timeframe, time) do update set "
    "open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume, "
    "quote_asset_volume = excluded.quote_asset_volume, number_of_trades = excluded.number_of_trades, "
    "taker_buy_base_asset_volume = excluded.taker_buy_base_asset_volume, "
    "taker_buy_quote_asset_volume = excluded.taker_buy_quote_asset_volume, is_closed = excluded.is_closed, "
    "event_time = excluded.event_time, source = excluded.source, source_offset = excluded.source_offset, "
    "revision = old.revision + (old.is_closed and excluded.is_closed), updated_at = excluded.updated_at "
    "where (excluded.is_closed, excluded.event_time, excluded.source_offset) > "
    "(old.is_closed, old.event_time, old.source_offset)";

struct candle {
    const char *symbol;
    int64_t time, event_time, trades, offset;
    double open, high, low, close, volume, quote_volume, taker_base, taker_quote;
};

/* The values of produce.c, `n` counted from 1 a symbol. */
static void make(struct candle *c, const char *symbol, uint64_t n, uint64_t edition) {
    uint64_t base = 632501 + n * 7919 % 9973 + 3 * edition, volume = 100000 + n * 104729 % 99991000 + edition;
    int64_t minute = 1726000020000 + (int64_t)(n - 1) * 60000;
    *c = (struct candle){
        .symbol = symbol, .time = minute, .event_time = minute + 60001 + 1000 * (int64_t)edition,
        .trades = (int64_t)(1 + n % 5000 + edition), .offset = (int64_t)(n - 1 + (edition << 32)),
        .open = (double)base / 1e2, .high = (double)(base + n % 911) / 1e2, .low = (double)(base - n % 877) / 1e2,
        .close = (double)(base + n % 911 % 401) / 1e2, .volume = (double)volume / 1e5,
        .quote_volume = (double)(volume * base) / 1e7, .taker_base = (double)(volume / 2) / 1e5,
        .taker_quote = (double)(volume / 2 * base) / 1e7};
}

static sqlite3 *database;

static void run(const char *sql) {
    char *problem = NULL;
    if (sqlite3_exec(database, sql, NULL, NULL, &problem) != SQLITE_OK) die("%s: %s", sql, problem);
}

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        die("%s: %s", sql, sqlite3_errmsg(database));
    return statement;
}

static void step(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) die("%s", sqlite3_errmsg(database));
    sqlite3_reset(statement);
}

static void write_candle(sqlite3_stmt *to, const struct candle *c, int64_t now) {
    sqlite3_bind_text(to, 1, c->symbol, -1, SQLITE_STATIC);
    sqlite3_bind_text(to, 2, "1m", 2, SQLITE_STATIC);
    sqlite3_bind_int64(to, 3, c->time);
    sqlite3_bind_double(to, 4, c->open);
    sqlite3_bind_double(to, 5, c->high);
    sqlite3_bind_double(to, 6, c->low);
    sqlite3_bind_double(to, 7, c->close);
    sqlite3_bind_double(to, 8, c->volume);
    sqlite3_bind_double(to, 9, c->quote_volume);
    sqlite3_bind_int64(to, 10, c->trades);
    sqlite3_bind_double(to, 11, c->taker_base);
    sqlite3_bind_double(to, 12, c->taker_quote);
    sqlite3_bind_int(to, 13, 1);
    sqlite3_bind_int64(to, 14, c->event_time);
    sqlite3_bind_text(to, 15, "binance_websocket", 17, SQLITE_STATIC);
    sqlite3_bind_int64(to, 16, c->offset);
    sqlite3_bind_int64(to, 17, now);
    step(to);
}

static struct candle *make_all(uint64_t rows, uint32_t symbols, uint64_t edition) {
    struct candle *candles = malloc(rows * sizeof *candles);
    char (*names)[16] = malloc(symbols * sizeof *names);
    if (!candles || !names) die("out of memory");
    for (uint32_t i = 0; i < symbols; i++) snprintf(names[i], sizeof *names, "S%04uUSDT", i % 10000);
    for (uint64_t i = 0; i < rows; i++) make(&candles[i], names[i % symbols], i / symbols + 1, edition);
    return candles;
}

static void usage(void) {
    fputs("usage: upsert --database FILE --symbols S --rows N [--batch ROWS] [--edition E]\n"
          "A higher edition upserts the same candles with other values and a later event time. Prints one JSON object.\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv) {
    const char *path = NULL;
    uint32_t symbols = 0;
    uint64_t rows = 0, batch = 4096, edition = 0;
    static const struct option options[] = {
        {"database", required_argument, NULL, 'd'}, {"symbols", required_argument, NULL, 's'},
        {"rows", required_argument, NULL, 'r'},     {"batch", required_argument, NULL, 'b'},
        {"edition", required_argument, NULL, 'e'},  {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
            case 'd': path = optarg; break;
            case 's': symbols = (uint32_t)strtoul(optarg, NULL, 10); break;
            case 'r': rows = strtoull(optarg, NULL, 10); break;
            case 'b': batch = strtoull(optarg, NULL, 10); break;
            case 'e': edition = strtoull(optarg, NULL, 10); break;
            default: usage();
        }
    }
    if (!path || symbols == 0 || symbols > 10000 || batch == 0 || rows <= batch) usage();
    struct candle *candles = make_all(rows, symbols, edition);

    if (sqlite3_open(path, &database) != SQLITE_OK) die("%s: %s", path, sqlite3_errmsg(database));
    run("pragma journal_mode = wal");
    run("pragma synchronous = normal");
    run(schema);
    sqlite3_stmt *write = prepare(upsert);
    sqlite3_stmt *advance = prepare(
        "insert into consumer_offsets values('market.data', 0, ?1) "
        "on conflict(topic, partition) do update set next_offset = excluded.next_offset");

    double first_wall = 0, first_cpu = 0;
    uint64_t changed = 0;
    for (uint64_t at = 0; at < rows; at += batch) {
        uint64_t end = at + batch < rows ? at + batch : rows;
        int64_t now = (int64_t)(seconds(CLOCK_REALTIME) * 1e3);
        run("begin immediate");
        for (uint64_t i = at; i < end; i++) {
            write_candle(write, &candles[i], now);
            changed += (uint64_t)sqlite3_changes(database);
        }
        sqlite3_bind_int64(advance, 1, (int64_t)end);
        step(advance);
        run("commit");
        if (at == 0) {
            first_wall = seconds(CLOCK_MONOTONIC);
            first_cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        }
    }
    double wall = seconds(CLOCK_MONOTONIC) - first_wall, cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - first_cpu;
    if (changed != rows) die("%llu of %llu rows were written", (unsigned long long)changed, (unsigned long long)rows);
    double counted = (double)(rows - batch);
    printf("{\"rows\":%llu,\"rows_per_second\":%.0f,\"cpu_microseconds_per_row\":%.4f,\"sqlite\":\"%s\"}\n",
           (unsigned long long)rows, counted / wall, cpu * 1e6 / counted, sqlite3_libversion());
    sqlite3_finalize(write);
    sqlite3_finalize(advance);
    sqlite3_close(database);
    return 0;
}
