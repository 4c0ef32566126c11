#include "CKafkaShim.h"

#include <stdio.h>

rd_kafka_resp_err_t kafka_shim_error_take(rd_kafka_error_t *error, char *text, size_t size) {
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    snprintf(text, size, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return code;
}

rd_kafka_resp_err_t kafka_shim_message_produce(rd_kafka_t *rk, const char *topic, int32_t partition, const void *key,
                                               size_t key_size, const void *value, size_t value_size,
                                               int64_t timestamp, rd_kafka_headers_t *headers, void *opaque) {
    char text[8];
    rd_kafka_topic_t *known = rd_kafka_topic_new(rk, topic, NULL);
    if (!known) return rd_kafka_last_error();
    rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = known},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value, value_size}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)key, key_size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    // Headers stand last, so that they can be left out.
    size_t count = sizeof arguments / sizeof *arguments - (headers ? 0 : 1);
    rd_kafka_resp_err_t code = kafka_shim_error_take(rd_kafka_produceva(rk, arguments, count), text, sizeof text);
    rd_kafka_topic_destroy(known);
    return code;
}
