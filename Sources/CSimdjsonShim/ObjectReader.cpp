// One pass over an object with simdjson's On-Demand front end: it keeps a number's digits, which the DOM does not. What
// On-Demand leaves unvalidated when a value is skipped (grammar of scalars, escapes, everything nested) is validated here.
#include "CSimdjsonShim.h"

#include <cstring>
#include <new>
#include <simdjson.h>
#include <utility>

using namespace simdjson;

struct simdjson_shim_reader {
    ondemand::parser parser;
};

simdjson_shim_reader *simdjson_shim_reader_create(size_t capacity) {
    auto *made = new (std::nothrow) simdjson_shim_reader;
    if (made && made->parser.allocate(capacity) != SUCCESS) {
        delete made;
        return nullptr;
    }
    return made;
}

void simdjson_shim_reader_destroy(simdjson_shim_reader *reader) { delete reader; }

namespace {

// Deeper than any message; On-Demand itself has no limit, and this recurses.
constexpr int depth_limit = 256;

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

// RFC 8259, 6.
bool is_number(std::string_view text) {
    const char *at = text.data(), *end = at + text.size();
    auto digits = [&] {
        const char *first = at;
        while (at < end && is_digit(*at)) at++;
        return at > first;
    };
    if (at < end && *at == '-') at++;
    if (at < end && *at == '0') at++;
    else if (!digits()) return false;
    if (at < end && *at == '.') {
        at++;
        if (!digits()) return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        if (!digits()) return false;
    }
    return at == end;
}

std::string_view trimmed(std::string_view token) {
    size_t count = token.size();
    while (count > 0 && (token[count - 1] == ' ' || token[count - 1] == '\n' || token[count - 1] == '\r' || token[count - 1] == '\t')) count--;
    return token.substr(0, count);
}

bool is_valid(ondemand::value value, int depth);

bool are_valid(ondemand::object object, int depth) {
    for (auto member : object) {
        ondemand::field field;
        if (std::move(member).get(field)) return false;
        std::string_view name;
        if (field.unescaped_key().get(name) || !is_valid(field.value(), depth)) return false;
    }
    return true;
}

bool are_valid(ondemand::array array, int depth) {
    for (auto element : array) {
        ondemand::value value;
        if (std::move(element).get(value) || !is_valid(value, depth)) return false;
    }
    return true;
}

bool is_scalar(std::string_view token) {
    return token == "true" || token == "false" || token == "null" || is_number(token);
}

// All of a value nobody asked for.
bool is_valid(ondemand::value value, int depth) {
    if (depth > depth_limit) return false;
    auto token = value.raw_json_token();
    switch (token.empty() ? 0 : token[0]) {
    case '{': { ondemand::object object; return !value.get_object().get(object) && are_valid(object, depth + 1); }
    case '[': { ondemand::array array; return !value.get_array().get(array) && are_valid(array, depth + 1); }
    case '"': { std::string_view text; return !value.get_string().get(text); }
    default: return is_scalar(trimmed(token));
    }
}

// Whether the name that begins at `key`, its quote included, is this one. simdjson's padding lets us read on.
template <size_t count> bool is(const char *key, const char (&name)[count]) {
    return memcmp(key, name, count - 1) == 0;
}

uint32_t four(const char *text) {
    uint32_t made;
    memcpy(&made, text, 4);
    return made;
}

constexpr uint32_t four_of(const char (&text)[5]) {
    // Little-endian, as all we build for.
    return uint32_t(uint8_t(text[0])) | uint32_t(uint8_t(text[1])) << 8 | uint32_t(uint8_t(text[2])) << 16 | uint32_t(uint8_t(text[3])) << 24;
}

int candle_member(const char *key) {
    switch (four(key)) {
    case four_of("time"):
        if (is(key, "time\"")) return simdjson_shim_member_time;
        if (is(key, "timeframe\"")) return simdjson_shim_member_timeframe;
        return is(key, "timestamp\"") ? simdjson_shim_member_timestamp : -1;
    case four_of("open"):
        if (is(key, "open\"")) return simdjson_shim_member_open;
        return is(key, "open_time\"") ? simdjson_shim_member_open_time : -1;
    case four_of("clos"):
        if (is(key, "close\"")) return simdjson_shim_member_close;
        return is(key, "close_time\"") ? simdjson_shim_member_close_time : -1;
    case four_of("high"): return is(key, "high\"") ? simdjson_shim_member_high : -1;
    case four_of("low\""): return simdjson_shim_member_low;
    case four_of("volu"): return is(key, "volume\"") ? simdjson_shim_member_volume : -1;
    case four_of("symb"): return is(key, "symbol\"") ? simdjson_shim_member_symbol : -1;
    case four_of("sour"): return is(key, "source\"") ? simdjson_shim_member_source : -1;
    case four_of("is_c"): return is(key, "is_closed\"") ? simdjson_shim_member_is_closed : -1;
    case four_of("star"): return is(key, "start_time\"") ? simdjson_shim_member_start_time : -1;
    case four_of("numb"): return is(key, "number_of_trades\"") ? simdjson_shim_member_trades : -1;
    case four_of("quot"): return is(key, "quote_asset_volume\"") ? simdjson_shim_member_quote_volume : -1;
    case four_of("take"):
        if (is(key, "taker_buy_base_asset_volume\"")) return simdjson_shim_member_taker_base_volume;
        return is(key, "taker_buy_quote_asset_volume\"") ? simdjson_shim_member_taker_quote_volume : -1;
    default: return -1;
    }
}

int trade_member(const char *key) {
    if (is(key, "symbol\"")) return simdjson_shim_member_symbol;
    if (is(key, "side\"")) return simdjson_shim_member_side;
    if (is(key, "strategy\"")) return simdjson_shim_member_strategy;
    if (is(key, "order_id\"") || is(key, "orderId\"")) return simdjson_shim_member_order_id;
    if (is(key, "client_order_id\"") || is(key, "clientOrderId\"")) return simdjson_shim_member_client_order_id;
    return -1;
}

bool is_number_member(int member) {
    return member == simdjson_shim_member_time || (member >= simdjson_shim_member_open && member <= simdjson_shim_member_timestamp);
}

// Fills `token`; false when the value is not JSON.
bool read(ondemand::value value, int member, simdjson_shim_token &token) {
    auto raw = value.raw_json_token();
    auto text = trimmed(raw);
    uint32_t kind;
    switch (text.empty() ? 0 : text[0]) {
    case '"':
        kind = simdjson_shim_kind_string;
        if (memchr(text.data(), '\\', text.size())) {
            if (value.get_string().get(text)) return false;
        } else {
            text = text.substr(1, text.size() - 2);
        }
        break;
    case '{':
    case '[':
        kind = simdjson_shim_kind_container;
        if (!is_valid(value, 1)) return false;
        text = std::string_view();
        break;
    case 't': if (text != "true") return false; kind = simdjson_shim_kind_true; break;
    case 'f': if (text != "false") return false; kind = simdjson_shim_kind_false; break;
    case 'n': if (text != "null") return false; kind = simdjson_shim_kind_missing; break;
    default:
        if (!is_number_member(member) && !is_number(text)) return false;
        kind = simdjson_shim_kind_number;
    }
    token = {reinterpret_cast<const uint8_t *>(text.data()), uint32_t(text.size()), kind};
    return true;
}

// The member named by an escaped name, which the fast comparison can't see.
int member_of(std::string_view name, bool trade) {
    char quoted[simdjson_shim_padding] = {};
    if (name.size() + 1 >= sizeof quoted) return -1;
    memcpy(quoted, name.data(), name.size());
    quoted[name.size()] = '"';
    return trade ? trade_member(quoted) : candle_member(quoted);
}

}

bool simdjson_shim_object_read(
    simdjson_shim_reader *reader, const uint8_t *bytes, size_t length, bool trade, simdjson_shim_token *tokens) {
    memset(tokens, 0, sizeof *tokens * simdjson_shim_members);
    ondemand::document document;
    ondemand::object object;
    padded_string_view text(bytes, length, length + simdjson_shim_padding);
    if (reader->parser.iterate(text).get(document) || document.get_object().get(object)) return false;
    for (auto member : object) {
        ondemand::field field;
        if (std::move(member).get(field)) return false;
        const char *key = field.key().raw();
        int place = trade ? trade_member(key) : candle_member(key);
        if (place < 0) {
            const char *at = key;
            while (*at != '"' && *at != '\\') at++;
            std::string_view name;
            if (*at == '\\') {
                if (field.unescaped_key().get(name)) return false;
                place = member_of(name, trade);
            }
        }
        if (place < 0) {
            if (!is_valid(field.value(), 1)) return false;
        } else if (!read(field.value(), place, tokens[place])) {
            return false;
        }
    }
    return document.current_location().error() == OUT_OF_BOUNDS;
}
