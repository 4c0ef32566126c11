#include "CYamlShim.h"

static yaml_shim_mark shown(yaml_mark_t mark) { return (yaml_shim_mark){mark.line + 1, mark.column + 1}; }

yaml_shim_mark yaml_shim_event_mark(const yaml_event_t *event) { return shown(event->start_mark); }
yaml_shim_mark yaml_shim_parser_mark(const yaml_parser_t *parser) { return shown(parser->problem_mark); }
const unsigned char *yaml_shim_scalar_bytes(const yaml_event_t *event) { return event->data.scalar.value; }
size_t yaml_shim_scalar_length(const yaml_event_t *event) { return event->data.scalar.length; }
int yaml_shim_scalar_is_plain(const yaml_event_t *event) {
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}
