// libyaml's event parser with the union of its events made plain.
#pragma once
#include <yaml.h>

typedef struct yaml_shim_mark {
    size_t line;    // from 1
    size_t column;  // from 1
} yaml_shim_mark;

/// Where the event begins.
yaml_shim_mark yaml_shim_event_mark(const yaml_event_t *event);
/// Where the parser found its error.
yaml_shim_mark yaml_shim_parser_mark(const yaml_parser_t *parser);
const unsigned char *yaml_shim_scalar_bytes(const yaml_event_t *event);
size_t yaml_shim_scalar_length(const yaml_event_t *event);
/// 1 for a scalar without quotes, which alone can mean null.
int yaml_shim_scalar_is_plain(const yaml_event_t *event);
