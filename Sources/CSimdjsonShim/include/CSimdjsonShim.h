// simdjson behind a C interface: full validation (grammar and UTF-8) of one JSON document, and the facts about its
// top-level members that the router decides by.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes that must be readable after a document's last byte; their content does not matter.
enum { simdjson_shim_padding = 64 };

typedef struct simdjson_shim_parser simdjson_shim_parser;

enum {
    simdjson_shim_has_symbol = 1,
    simdjson_shim_has_timeframe = 2,
    simdjson_shim_is_closed = 4,
    simdjson_shim_is_enriched = 8,  // carries rsi_14, ema_12, macd_line or bb_upper
    simdjson_shim_is_empty = 16,    // an object without members
};

/// A parser for documents of at most `capacity` bytes, which allocates no more after this; NULL when memory is short.
simdjson_shim_parser *simdjson_shim_parser_create(size_t capacity);
void simdjson_shim_parser_destroy(simdjson_shim_parser *parser);

/// Parses a document of `length` bytes. The flags above for an object; -1 for anything that is not one valid JSON object.
int simdjson_shim_object_inspect(simdjson_shim_parser *parser, const uint8_t *bytes, size_t length);

/// The members of a candle, and of a trade message behind them, that a reader hands out.
enum {
    simdjson_shim_member_time,
    simdjson_shim_member_open_time,
    simdjson_shim_member_start_time,
    simdjson_shim_member_close_time,
    simdjson_shim_member_open,
    simdjson_shim_member_high,
    simdjson_shim_member_low,
    simdjson_shim_member_close,
    simdjson_shim_member_volume,
    simdjson_shim_member_quote_volume,
    simdjson_shim_member_taker_base_volume,
    simdjson_shim_member_taker_quote_volume,
    simdjson_shim_member_trades,
    simdjson_shim_member_timestamp,
    simdjson_shim_member_symbol,
    simdjson_shim_member_timeframe,
    simdjson_shim_member_is_closed,
    simdjson_shim_member_source,
    simdjson_shim_candle_members,
    simdjson_shim_member_side = simdjson_shim_candle_members,
    simdjson_shim_member_strategy,
    simdjson_shim_member_order_id,
    simdjson_shim_member_client_order_id,
    simdjson_shim_members,
};

enum {
    simdjson_shim_kind_missing = 0,  // not there, or null
    simdjson_shim_kind_string = 1,   // without its quotes, escapes resolved
    simdjson_shim_kind_number = 2,   // as sent; a number member's grammar is still to be checked
    simdjson_shim_kind_true = 3,
    simdjson_shim_kind_false = 4,
    simdjson_shim_kind_container = 5,  // an object or an array; no bytes
};

/// A member's value: in the document, or in the reader's memory until its next call.
typedef struct simdjson_shim_token {
    const uint8_t *start;
    uint32_t count;
    uint32_t kind;
} simdjson_shim_token;

typedef struct simdjson_shim_reader simdjson_shim_reader;

/// A reader of objects of at most `capacity` bytes (below 4 GB), which allocates no more after this; NULL when memory is
/// short.
simdjson_shim_reader *simdjson_shim_reader_create(size_t capacity);
void simdjson_shim_reader_destroy(simdjson_shim_reader *reader);

/// Validates a document as one JSON object and notes its members above, the last of each name; names of a trade message
/// only when `trade`. All of the object is validated but the grammar of numbers in members that are numbers in a candle
/// (`time`, `open` to `trades`, `timestamp`). False for anything that is not one valid JSON object.
/// `tokens` has room for `simdjson_shim_members`.
bool simdjson_shim_object_read(
    simdjson_shim_reader *reader, const uint8_t *bytes, size_t length, bool trade, simdjson_shim_token *tokens);

#ifdef __cplusplus
}
#endif
