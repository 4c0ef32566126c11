// librdkafka, and a function for each of its calls that Swift cannot make: unions, variadic arguments.
#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/// rd_kafka_produceva with copied key and value. `partition` -1 lets the partitioner choose, `timestamp` 0 is now,
/// `headers` (may be NULL) passes to librdkafka only when the answer is NO_ERROR. A topic that the client has not met yet is
/// asked for at once: given by its name alone, its first record would wait up to a second for the library's next look.
rd_kafka_resp_err_t kafka_shim_message_produce(rd_kafka_t *rk, const char *topic, int32_t partition, const void *key,
                                               size_t key_size, const void *value, size_t value_size,
                                               int64_t timestamp, rd_kafka_headers_t *headers, void *opaque);
/// The code of a library's error object, which is freed; NO_ERROR for NULL. Its words are copied to `text`.
rd_kafka_resp_err_t kafka_shim_error_take(rd_kafka_error_t *error, char *text, size_t size);
