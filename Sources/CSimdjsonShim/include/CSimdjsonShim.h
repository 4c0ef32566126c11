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

#ifdef __cplusplus
}
#endif
