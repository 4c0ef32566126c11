/*
 * Fills Kafka for the measurements.
 *
 *   create   N topics of one partition, in one request
 *   backlog  M candles, interleaved over the topics, as fast as the broker takes them
 *   live     candles at a rate, each with the time it was handed to librdkafka in it
 *   purge    take away what lies in the topics
 *   count    how many messages lie in the topics
 *
 * A message is a candle in the shape the workers write, shortened to about 190 bytes: close_time,
 * quote_asset_volume, number_of_trades, taker_buy_* and source are left out. Added are `n`, the number of the message in
 * its topic from 1, and in live messages `sent`, CLOCK_MONOTONIC in nanoseconds. Key: the symbol.
 * With --full it is the whole candle, about 350 bytes, and nothing is added: what a database shall store.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAYLOAD_BYTES = 512, NAME_BYTES = 64 };

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("produce: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct options {
    const char *brokers, *symbol_prefix, *linger;
    uint32_t topics;
    uint64_t messages;
    uint32_t poison_every; /* 0: none */
    uint32_t burst;        /* live messages a topic gets at once */
    double rate, seconds;
    bool full;
    uint32_t updates; /* messages a candle, of which the last is closed */
    uint32_t edition; /* higher: the same candles with other values and a later event time */
};

static uint64_t delivered, failed;
static rd_kafka_resp_err_t last_failure;
static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *unused) {
    (void)producer;
    (void)unused;
    if (message->err) {
        failed++;
        last_failure = message->err;
    } else {
        delivered++;
    }
}

static void set(rd_kafka_conf_t *settings, const char *name, const char *value) {
    char problem[512];
    if (rd_kafka_conf_set(settings, name, value, problem, sizeof problem) != RD_KAFKA_CONF_OK) die("%s", problem);
}

static rd_kafka_t *connect_kafka(const struct options *o) {
    rd_kafka_conf_t *settings = rd_kafka_conf_new();
    set(settings, "bootstrap.servers", o->brokers);
    set(settings, "socket.nagle.disable", "true");
    set(settings, "acks", "all");
    set(settings, "linger.ms", o->linger);
    set(settings, "queue.buffering.max.messages", "1000000");
    set(settings, "queue.buffering.max.kbytes", "1048576");
    set(settings, "batch.num.messages", "10000");
    rd_kafka_conf_set_dr_msg_cb(settings, on_delivery);
    char problem[512];
    rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, settings, problem, sizeof problem);
    if (!handle) die("kafka: %s", problem);
    return handle;
}

static void topic_name(char *out, const struct options *o, uint32_t index) {
    snprintf(out, NAME_BYTES, "market.data.%s%04uusdt.1m", o->symbol_prefix, index);
}

static void symbol_name(char *out, const struct options *o, uint32_t index) {
    snprintf(out, NAME_BYTES, "%s%04uUSDT", o->symbol_prefix, index);
    for (char *c = out; *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
}

/* ---- create ----------------------------------------------------------------------------------------------------- */
static int create(const struct options *o) {
    rd_kafka_t *handle = connect_kafka(o);
    rd_kafka_NewTopic_t **topics = calloc(o->topics, sizeof *topics);
    if (!topics) die("out of memory");
    char name[NAME_BYTES], problem[512];
    for (uint32_t i = 0; i < o->topics; i++) {
        topic_name(name, o, i);
        topics[i] = rd_kafka_NewTopic_new(name, 1, 1, problem, sizeof problem);
        if (!topics[i]) die("topic %s: %s", name, problem);
    }
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    if (rd_kafka_AdminOptions_set_request_timeout(options, 120000, problem, sizeof problem) ||
        rd_kafka_AdminOptions_set_operation_timeout(options, 120000, problem, sizeof problem))
        die("%s", problem);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
    rd_kafka_CreateTopics(handle, topics, o->topics, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 130000);
    if (!event) die("no answer to the creation of %u topics", o->topics);
    if (rd_kafka_event_error(event)) die("create topics: %s", rd_kafka_event_error_string(event));
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
        if (error) die("create %s: %s", rd_kafka_topic_result_name(results[i]), rd_kafka_err2str(error));
    }
    rd_kafka_event_destroy(event);
    printf("{\"created\":%zu}\n", count);
    return 0;
}

/* ---- the candles ------------------------------------------------------------------------------------------------ */
static size_t decimal(char *out, uint64_t value) {
    char digits[20];
    size_t count = 0, length = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count) out[length++] = digits[--count];
    return length;
}

static char *text(char *end, const char *literal, size_t length) {
    memcpy(end, literal, length);
    return end + length;
}
#define TEXT(end, literal) text(end, literal, sizeof(literal) - 1)

/* `scaled` / 10^places, all places written. */
static char *fixed(char *end, uint64_t scaled, unsigned places) {
    uint64_t unit = 1;
    for (unsigned i = 0; i < places; i++) unit *= 10;
    end += decimal(end, scaled / unit);
    *end++ = '.';
    for (unit /= 10; unit; unit /= 10) *end++ = (char)('0' + scaled / unit % 10);
    return end;
}

static char *price(char *end, uint64_t hundredths) { return fixed(end, hundredths, 2); }

static uint64_t wall_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* Written by hand: a printf of ten members would be the slowest part of filling a backlog.
 * `sent` is 0 in a backlog. The database yardsticks (upsert.c, jvm/UpsertPostgres.java) make the same values. */
static size_t candle(char *out, const struct options *o, const char *symbol, uint64_t n, uint64_t sent) {
    uint64_t minute = 1726000020000u + (n - 1) / o->updates * 60000u;
    uint64_t update = (n - 1) % o->updates + 1;
    uint64_t base = 632501 + n * 7919 % 9973 + 3 * o->edition;
    uint64_t event = minute + 60001 * update / o->updates + 1000 * o->edition;
    char *end = TEXT(out, "{\"symbol\":\"");
    end = text(end, symbol, strlen(symbol));
    end = TEXT(end, "\",\"timeframe\":\"1m\",\"time\":");
    end += decimal(end, minute);
    if (o->full) {
        end = TEXT(end, ",\"close_time\":");
        end += decimal(end, minute + 59999);
    }
    end = price(TEXT(end, ",\"open\":"), base);
    end = price(TEXT(end, ",\"high\":"), base + n % 911);
    end = price(TEXT(end, ",\"low\":"), base - n % 877);
    end = price(TEXT(end, ",\"close\":"), base + n % 911 % 401);
    uint64_t volume = o->full ? 100000 + n * 104729 % 99991000 + o->edition : 1000 + n % 89000;
    end = fixed(TEXT(end, ",\"volume\":"), volume, o->full ? 5 : 2);
    end = update == o->updates ? TEXT(end, ",\"is_closed\":true") : TEXT(end, ",\"is_closed\":false");
    if (o->full) {
        end = fixed(TEXT(end, ",\"quote_asset_volume\":"), volume * base, 7);
        end = TEXT(end, ",\"number_of_trades\":");
        end += decimal(end, 1 + n % 5000 + o->edition);
        end = fixed(TEXT(end, ",\"taker_buy_base_asset_volume\":"), volume / 2, 5);
        end = fixed(TEXT(end, ",\"taker_buy_quote_asset_volume\":"), volume / 2 * base, 7);
        end = TEXT(end, ",\"source\":\"binance_websocket\"");
        if (sent) event = wall_milliseconds();
    }
    end = TEXT(end, ",\"timestamp\":");
    end += decimal(end, event);
    if (!o->full) {
        end = TEXT(end, ",\"n\":");
        end += decimal(end, n);
        if (sent) {
            end = TEXT(end, ",\"sent\":");
            end += decimal(end, sent);
        }
    }
    *end++ = '}';
    return (size_t)(end - out);
}

struct topic {
    rd_kafka_topic_t *handle;
    char symbol[NAME_BYTES];
    uint64_t count;
};

static struct topic *open_topics(rd_kafka_t *producer, const struct options *o) {
    struct topic *topics = calloc(o->topics, sizeof *topics);
    if (!topics) die("out of memory");
    for (uint32_t i = 0; i < o->topics; i++) {
        char name[NAME_BYTES];
        topic_name(name, o, i);
        symbol_name(topics[i].symbol, o, i);
        topics[i].handle = rd_kafka_topic_new(producer, name, NULL);
        if (!topics[i].handle) die("topic %s: %s", name, rd_kafka_err2str(rd_kafka_last_error()));
    }
    return topics;
}

static uint64_t payload_bytes;

static void produce(
    rd_kafka_t *producer, const struct options *o, struct topic *topic, bool poison, uint64_t sent) {
    static const char broken[] = "this is not JSON, and stands for what nobody can use {\"symbol\":";
    char payload[PAYLOAD_BYTES];
    const void *value = payload;
    size_t length = sizeof broken - 1;
    topic->count++;
    if (poison)
        value = broken;
    else
        length = candle(payload, o, topic->symbol, topic->count, sent);
    payload_bytes += length;
    while (rd_kafka_produce(
               topic->handle, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)value, length, topic->symbol,
               strlen(topic->symbol), NULL) != 0) {
        rd_kafka_resp_err_t error = rd_kafka_last_error();
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) die("produce: %s", rd_kafka_err2str(error));
        rd_kafka_poll(producer, 10);
    }
}

static int finish(rd_kafka_t *producer, uint64_t produced, uint64_t started, uint64_t latest_start) {
    rd_kafka_resp_err_t error = rd_kafka_flush(producer, 120000);
    if (error) die("flush: %s (%llu of %llu delivered)", rd_kafka_err2str(error), (unsigned long long)delivered,
                   (unsigned long long)produced);
    if (failed) die("%llu messages failed, the last: %s", (unsigned long long)failed, rd_kafka_err2str(last_failure));
    if (delivered != produced)
        die("%llu produced, %llu delivered", (unsigned long long)produced, (unsigned long long)delivered);
    printf(
        "{\"messages\":%llu,\"mean_payload_bytes\":%.1f,\"seconds\":%.3f,\"longest_delay_milliseconds\":%.3f}\n",
        (unsigned long long)produced, produced ? (double)payload_bytes / (double)produced : 0,
        (double)(monotonic_nanoseconds() - started) / 1e9, (double)latest_start / 1e6);
    return 0;
}

static int backlog(const struct options *o) {
    rd_kafka_t *producer = connect_kafka(o);
    struct topic *topics = open_topics(producer, o);
    uint64_t started = monotonic_nanoseconds(), produced = 0;
    for (; produced < o->messages && !stopping; produced++) {
        /* One in each block, at a place that moves, so that every topic gets its share. */
        bool poison = o->poison_every && produced % o->poison_every == produced / o->poison_every * 7 % o->poison_every;
        produce(producer, o, &topics[produced % o->topics], poison, 0);
        if (produced % 1024 == 0) rd_kafka_poll(producer, 0);
    }
    return finish(producer, produced, started, 0);
}

/* Open loop: message i is due at start + i / rate (its burst's first) whatever became of those before, and what is late
 * is sent at once with the true time. Bursts, because librdkafka sends a request a partition: 10,000 single messages a
 * second over 100 topics would be 10,000 requests, and the broker's queue the only thing measured. */
static int live(const struct options *o) {
    rd_kafka_t *producer = connect_kafka(o);
    struct topic *topics = open_topics(producer, o);
    uint64_t total = (uint64_t)(o->rate * o->seconds), produced = 0, longest_delay = 0;
    uint64_t started = monotonic_nanoseconds();
    while (produced < total && !stopping) {
        uint64_t now = monotonic_nanoseconds();
        while (produced < total) {
            uint64_t turn = produced / o->burst;
            uint64_t due = started + (uint64_t)((double)(turn * o->burst) * 1e9 / o->rate);
            if (due > now) break;
            if (now - due > longest_delay) longest_delay = now - due;
            produce(producer, o, &topics[turn % o->topics], false, monotonic_nanoseconds());
            produced++;
        }
        rd_kafka_poll(producer, 0);
        struct timespec pause = {.tv_nsec = 500000};
        nanosleep(&pause, NULL);
    }
    return finish(producer, produced, started, longest_delay);
}

/* ---- purge ------------------------------------------------------------------------------------------------------ */

/* One request; answers the first error of a topic. */
static rd_kafka_resp_err_t purge_once(rd_kafka_t *handle, const struct options *o) {
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_new((int)o->topics);
    for (uint32_t i = 0; i < o->topics; i++) {
        char name[NAME_BYTES];
        topic_name(name, o, i);
        rd_kafka_topic_partition_list_add(ends, name, 0)->offset = RD_KAFKA_OFFSET_END;
    }
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(ends);
    rd_kafka_topic_partition_list_destroy(ends);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
    rd_kafka_DeleteRecords(handle, &request, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 70000);
    if (!event) die("no answer to the deletion of records");
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    if (!error) {
        const rd_kafka_topic_partition_list_t *done =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        for (int i = 0; i < done->cnt && !error; i++) error = done->elems[i].err;
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(request);
    return error;
}

static int purge(const struct options *o) {
    rd_kafka_t *handle = connect_kafka(o);
    rd_kafka_resp_err_t error;
    /* A topic just created has no leader for a moment, and the admin API does not wait for one. */
    for (int attempt = 0; (error = purge_once(handle, o)) && attempt < 50; attempt++) {
        struct timespec pause = {.tv_nsec = 200000000};
        nanosleep(&pause, NULL);
    }
    if (error) die("delete records: %s", rd_kafka_err2str(error));
    printf("{\"purged\":%u}\n", o->topics);
    return 0;
}

/* ---- count ------------------------------------------------------------------------------------------------------ */
static bool has_suffix(const char *name, const char *suffix) {
    size_t length = strlen(name), tail = strlen(suffix);
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

static int count(const struct options *o) {
    rd_kafka_t *handle = connect_kafka(o);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(handle, 1, NULL, &metadata, 30000);
    if (error) die("metadata: %s", rd_kafka_err2str(error));
    char prefix[NAME_BYTES];
    snprintf(prefix, sizeof prefix, "market.data.%s", o->symbol_prefix);
    uint64_t messages = 0, dead_letters = 0;
    int topics = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (strncmp(topic->topic, prefix, strlen(prefix)) != 0) continue;
        bool is_dead = has_suffix(topic->topic, ".dlq");
        topics += !is_dead;
        for (int p = 0; p < topic->partition_cnt; p++) {
            int64_t low, high;
            error = rd_kafka_query_watermark_offsets(
                handle, topic->topic, topic->partitions[p].id, &low, &high, 30000);
            if (error) die("offsets of %s: %s", topic->topic, rd_kafka_err2str(error));
            *(is_dead ? &dead_letters : &messages) += (uint64_t)(high - low);
        }
    }
    rd_kafka_metadata_destroy(metadata);
    printf("{\"topics\":%d,\"messages\":%llu,\"dead_letters\":%llu}\n", topics, (unsigned long long)messages,
           (unsigned long long)dead_letters);
    return 0;
}

static void usage(void) {
    fputs("usage: produce create  --brokers LIST --topics N [--symbol-prefix S]\n"
          "       produce backlog --brokers LIST --topics N --messages M [--poison-every K] [--linger MS]\n"
          "                       [--full] [--updates U] [--edition E]\n"
          "       produce live    --brokers LIST --topics N --rate R --seconds S [--burst B] [--linger MS] [--full]\n"
          "       produce purge   --brokers LIST --topics N\n"
          "       produce count   --brokers LIST [--symbol-prefix S]\n"
          "Topics are market.data.<prefix>NNNNusdt.1m, the prefix is s unless told. Prints one JSON object.\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv) {
    if (argc < 2) usage();
    struct options o = {.symbol_prefix = "s", .burst = 1, .updates = 1};
    static const struct option options[] = {
        {"brokers", required_argument, NULL, 'b'},  {"topics", required_argument, NULL, 't'},
        {"messages", required_argument, NULL, 'm'}, {"poison-every", required_argument, NULL, 'k'},
        {"rate", required_argument, NULL, 'r'},     {"seconds", required_argument, NULL, 's'},
        {"burst", required_argument, NULL, 'u'},    {"linger", required_argument, NULL, 'l'},
        {"symbol-prefix", required_argument, NULL, 'p'}, {"full", no_argument, NULL, 'f'},
        {"updates", required_argument, NULL, 'U'},       {"edition", required_argument, NULL, 'e'},
        {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1;) {
        switch (option) {
            case 'b': o.brokers = optarg; break;
            case 't': o.topics = (uint32_t)strtoul(optarg, NULL, 10); break;
            case 'm': o.messages = strtoull(optarg, NULL, 10); break;
            case 'k': o.poison_every = (uint32_t)strtoul(optarg, NULL, 10); break;
            case 'r': o.rate = strtod(optarg, NULL); break;
            case 's': o.seconds = strtod(optarg, NULL); break;
            case 'u': o.burst = (uint32_t)strtoul(optarg, NULL, 10); break;
            case 'l': o.linger = optarg; break;
            case 'p': o.symbol_prefix = optarg; break;
            case 'f': o.full = true; break;
            case 'U': o.updates = (uint32_t)strtoul(optarg, NULL, 10); break;
            case 'e': o.edition = (uint32_t)strtoul(optarg, NULL, 10); break;
            default: usage();
        }
    }
    if (!o.brokers || strlen(o.symbol_prefix) > 16 || o.updates == 0) usage();
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    const char *verb = argv[1];
    bool is_live = strcmp(verb, "live") == 0;
    /* A backlog waits for full batches; live traffic only for its burst. */
    if (!o.linger) o.linger = is_live ? "1" : "100";
    if (strcmp(verb, "count") == 0) return count(&o);
    if (o.topics == 0 || o.topics > 10000) usage();
    if (strcmp(verb, "create") == 0) return create(&o);
    if (strcmp(verb, "purge") == 0) return purge(&o);
    if (strcmp(verb, "backlog") == 0 && o.messages) return backlog(&o);
    if (is_live && o.burst > 0 && o.rate > 0 && o.seconds > 0) return live(&o);
    usage();
}
