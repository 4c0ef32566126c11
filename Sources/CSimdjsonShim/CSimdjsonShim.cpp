#include "CSimdjsonShim.h"

#include <new>
#include <simdjson.h>

static_assert(simdjson_shim_padding >= simdjson::SIMDJSON_PADDING, "documents need simdjson's padding");

struct simdjson_shim_parser {
    simdjson::dom::parser parser;
};

simdjson_shim_parser *simdjson_shim_parser_create(size_t capacity) {
    auto *made = new (std::nothrow) simdjson_shim_parser;
    if (made && made->parser.allocate(capacity) != simdjson::SUCCESS) {
        delete made;
        return nullptr;
    }
    return made;
}

void simdjson_shim_parser_destroy(simdjson_shim_parser *parser) { delete parser; }

/// What a member of this name says about its object. A null says nothing: the name counts as missing.
static int flags_of(std::string_view name, simdjson::dom::element value) {
    switch (name.size()) {
    case 6: return name == "symbol" && !value.is_null() ? simdjson_shim_has_symbol : name == "rsi_14" || name == "ema_12" ? simdjson_shim_is_enriched : 0;
    case 8: return name == "bb_upper" ? simdjson_shim_is_enriched : 0;
    case 9:
        if (name == "timeframe") return value.is_null() ? 0 : simdjson_shim_has_timeframe;
        if (name == "is_closed") { bool closed = false; return value.get(closed) == simdjson::SUCCESS && closed ? simdjson_shim_is_closed : 0; }
        return name == "macd_line" ? simdjson_shim_is_enriched : 0;
    default: return 0;
    }
}

int simdjson_shim_object_inspect(simdjson_shim_parser *parser, const uint8_t *bytes, size_t length) {
    simdjson::dom::object object;
    if (parser->parser.parse(bytes, length, false).get(object) != simdjson::SUCCESS) return -1;
    int flags = object.begin() == object.end() ? simdjson_shim_is_empty : 0;
    for (auto member : object) flags |= flags_of(member.key, member.value);
    return flags;
}
