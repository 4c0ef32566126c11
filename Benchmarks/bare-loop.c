/*
 * The yardstick: Kafka to Redis with nothing in between.
 *
 * One thread polls librdkafka message by message, writes `PUBLISH channel payload` by hand into one buffer, sends up to
 * 1,024 messages or 256 KB of it, waits until Redis has answered for each of them, stores the offsets and goes on.
 * No envelope, no check of the payload, no metrics: what it leaves out is what a router has to earn.
 *
 * The consumer's settings are the router's, so that a difference is the loop's and not the library's.
 * It measures itself from its first message to its last reply; nothing of joining the group or of leaving is in it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH_MESSAGES = 1024,
    BATCH_BYTES = 256 * 1024,
    /* One message may reach over the batch's end: librdkafka takes 1 MB a message unless told otherwise. */
    BUFFER_BYTES = BATCH_BYTES + 2 * 1024 * 1024,
    REPLY_BYTES = 64 * 1024,
    NUDGE_MILLISECONDS = 5,
    /* How long after a full batch the queue still counts as backlogged: the helper must outlive the stall it ends. */
    BACKLOG_MILLISECONDS = 200,
    CLOSE_SECONDS = 10,
};

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("bare-loop: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t clock_nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_nanoseconds(void) { return clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }

/* A partition we have seen: where its messages go, and how far Redis has answered. */
struct source {
    rd_kafka_topic_t *topic;
    int32_t partition;
    int64_t last_offset;
    bool in_batch;
    size_t prefix_length;
    char *prefix; /* `*3 PUBLISH <channel>`, up to the payload's length */
};

static struct source *sources; /* in order of appearance; a source keeps its index */
static size_t source_count, source_capacity;
static uint32_t *table; /* open addressing: index + 1, 0 is free */
static size_t table_slots; /* a power of two, at least twice the sources */

static size_t slot_of(const rd_kafka_topic_t *topic, int32_t partition) {
    uint64_t hash = ((uint64_t)(uintptr_t)topic >> 4) * 0x9E3779B97F4A7C15u + (uint64_t)partition * 0xC2B2AE3D27D4EB4Fu;
    size_t slot = (size_t)(hash >> 20) & (table_slots - 1);
    while (table[slot]) {
        const struct source *source = &sources[table[slot] - 1];
        if (source->topic == topic && source->partition == partition) break;
        slot = (slot + 1) & (table_slots - 1);
    }
    return slot;
}

static void make_room(void) {
    if (source_count < source_capacity) return;
    source_capacity = source_capacity ? source_capacity * 2 : 64;
    table_slots = source_capacity * 2;
    free(table);
    sources = realloc(sources, source_capacity * sizeof *sources);
    table = calloc(table_slots, sizeof *table);
    if (!sources || !table) die("out of memory");
    for (size_t i = 0; i < source_count; i++) table[slot_of(sources[i].topic, sources[i].partition)] = (uint32_t)i + 1;
}

/* market.data.btcusdt.1m → roottrading:market:data:btcusdt:1m */
static void make_prefix(struct source *source, const char *topic) {
    char channel[512];
    int length = snprintf(channel, sizeof channel, "roottrading:%s", topic);
    if (length < 0 || (size_t)length >= sizeof channel) die("topic name too long: %s", topic);
    for (char *c = channel; *c; c++)
        if (*c == '.') *c = ':';
    int prefix = asprintf(&source->prefix, "*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$", length, channel);
    if (prefix < 0) die("out of memory");
    source->prefix_length = (size_t)prefix;
}

static size_t find_source(rd_kafka_t *consumer, const rd_kafka_message_t *message) {
    if (table_slots) {
        uint32_t found = table[slot_of(message->rkt, message->partition)];
        if (found) return found - 1;
    }
    make_room();
    const char *name = rd_kafka_topic_name(message->rkt);
    if (!rd_kafka_topic_new(consumer, name, NULL)) /* only the reference is wanted: it keeps the address ours */
        die("topic %s: %s", name, rd_kafka_err2str(rd_kafka_last_error()));
    struct source *source = &sources[source_count];
    *source = (struct source){.topic = message->rkt, .partition = message->partition};
    make_prefix(source, name);
    size_t slot = slot_of(message->rkt, message->partition);
    table[slot] = (uint32_t)++source_count;
    return source_count - 1;
}

/* ---- the nudge ---------------------------------------------------------------------------------------------------
 * Before 2.2.0 librdkafka's broker thread sleeps up to a second once the consumer queue was full, though the queue is
 * empty again after milliseconds. Any request to that broker wakes it. */
struct nudge {
    pthread_t thread;
    rd_kafka_t *consumer;
    pthread_mutex_t lock; /* holds what follows */
    pthread_cond_t changed;
    char topic[256];
    int32_t partition;
    uint64_t backlog_until; /* CLOCK_MONOTONIC, nanoseconds */
    bool stop;
};

static struct nudge nudge = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Sleeps without a tick while there is no backlog, so that live traffic and idling are not disturbed. */
static void *nudge_loop(void *unused) {
    (void)unused;
    pthread_mutex_lock(&nudge.lock);
    while (!nudge.stop) {
        if (clock_nanoseconds(CLOCK_MONOTONIC) >= nudge.backlog_until) {
            pthread_cond_wait(&nudge.changed, &nudge.lock);
            continue;
        }
        char topic[sizeof nudge.topic];
        memcpy(topic, nudge.topic, sizeof topic);
        int32_t partition = nudge.partition;
        pthread_mutex_unlock(&nudge.lock);
        int64_t low, high;
        rd_kafka_query_watermark_offsets(nudge.consumer, topic, partition, &low, &high, 1000);
        usleep(NUDGE_MILLISECONDS * 1000);
        pthread_mutex_lock(&nudge.lock);
    }
    pthread_mutex_unlock(&nudge.lock);
    return NULL;
}

static void note_backlog(const rd_kafka_message_t *message) {
    pthread_mutex_lock(&nudge.lock);
    snprintf(nudge.topic, sizeof nudge.topic, "%s", rd_kafka_topic_name(message->rkt));
    nudge.partition = message->partition;
    nudge.backlog_until = clock_nanoseconds(CLOCK_MONOTONIC) + (uint64_t)BACKLOG_MILLISECONDS * 1000000u;
    pthread_cond_signal(&nudge.changed);
    pthread_mutex_unlock(&nudge.lock);
}

static void end_nudge(void) {
    pthread_mutex_lock(&nudge.lock);
    nudge.stop = true;
    pthread_cond_signal(&nudge.changed);
    pthread_mutex_unlock(&nudge.lock);
    pthread_join(nudge.thread, NULL);
}

/* ---- Redis ------------------------------------------------------------------------------------------------------ */
static int redis = -1;
static char *batch;
static size_t batch_length;
static size_t batch_sources[BATCH_MESSAGES];
static size_t batch_source_count;

static void connect_redis(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    redis = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (redis < 0 || connect(redis, (struct sockaddr *)&address, sizeof address) != 0)
        die("redis 127.0.0.1:%d: %s", port, strerror(errno));
    int on = 1;
    setsockopt(redis, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void send_batch(void) {
    for (size_t sent = 0; sent < batch_length;) {
        ssize_t n = send(redis, batch + sent, batch_length - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) die("redis: send: %s", strerror(errno));
        sent += (size_t)n;
    }
}

/* Exactly one line a command: `:N` or `-ERR …`. An error ends the run: a yardstick that skips work measures nothing. */
static void await_replies(size_t expected) {
    static char replies[REPLY_BYTES];
    bool at_line_start = true;
    while (expected > 0) {
        ssize_t n = recv(redis, replies, sizeof replies, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) die("redis: %s", n == 0 ? "connection closed" : strerror(errno));
        for (ssize_t i = 0; i < n; i++) {
            if (at_line_start && replies[i] != ':')
                die("redis: unexpected reply: %.*s", (int)(n - i > 120 ? 120 : n - i), replies + i);
            at_line_start = replies[i] == '\n';
            expected -= at_line_start;
        }
    }
    if (!at_line_start) die("redis: more replies than commands");
}

static void append(rd_kafka_t *consumer, const rd_kafka_message_t *message) {
    size_t index = find_source(consumer, message);
    struct source *source = &sources[index];
    if (message->len > BUFFER_BYTES - BATCH_BYTES - source->prefix_length - 64)
        die("%s: a message of %zu bytes", rd_kafka_topic_name(message->rkt), message->len);
    char *end = batch + batch_length;
    memcpy(end, source->prefix, source->prefix_length);
    end += source->prefix_length;
    char digits[20];
    size_t count = 0, length = message->len;
    do {
        digits[count++] = (char)('0' + length % 10);
        length /= 10;
    } while (length);
    while (count) *end++ = digits[--count];
    *end++ = '\r';
    *end++ = '\n';
    if (message->len) memcpy(end, message->payload, message->len);
    end += message->len;
    *end++ = '\r';
    *end++ = '\n';
    batch_length = (size_t)(end - batch);
    source->last_offset = message->offset;
    if (!source->in_batch) {
        source->in_batch = true;
        batch_sources[batch_source_count++] = index;
    }
}

static void store_offsets(void) {
    for (size_t i = 0; i < batch_source_count; i++) {
        struct source *source = &sources[batch_sources[i]];
        source->in_batch = false;
        rd_kafka_resp_err_t error = rd_kafka_offset_store(source->topic, source->partition, source->last_offset);
        /* __STATE: the partition is no longer ours. */
        if (error && error != RD_KAFKA_RESP_ERR__STATE) die("store offset: %s", rd_kafka_err2str(error));
    }
    batch_source_count = 0;
    batch_length = 0;
}

/* ---- Kafka ------------------------------------------------------------------------------------------------------ */
static void set(rd_kafka_conf_t *settings, const char *name, const char *value) {
    char problem[512];
    if (rd_kafka_conf_set(settings, name, value, problem, sizeof problem) != RD_KAFKA_CONF_OK) die("%s", problem);
}

static rd_kafka_conf_t *consumer_settings(const char *brokers, const char *group, bool can_set_backoff) {
    rd_kafka_conf_t *settings = rd_kafka_conf_new();
    set(settings, "bootstrap.servers", brokers);
    set(settings, "group.id", group);
    set(settings, "auto.offset.reset", "earliest");
    set(settings, "enable.auto.commit", "true");
    set(settings, "auto.commit.interval.ms", "1000");
    set(settings, "enable.auto.offset.store", "false");
    set(settings, "partition.assignment.strategy", "cooperative-sticky");
    set(settings, "isolation.level", "read_committed");
    set(settings, "queued.min.messages", "20000");
    set(settings, "queued.max.messages.kbytes", "16384");
    set(settings, "topic.metadata.refresh.interval.ms", "5000");
    set(settings, "socket.nagle.disable", "true");
    if (can_set_backoff) set(settings, "fetch.queue.backoff.ms", "2");
    return settings;
}

static void subscribe(rd_kafka_t *consumer, const char *pattern) {
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, pattern, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer, topics);
    if (error) die("subscribe %s: %s", pattern, rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_destroy(topics);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */
static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static unsigned long peak_resident_kilobytes(void) {
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long peak = 0;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %lu", &peak) == 1) break;
    if (status) fclose(status);
    return peak;
}

struct measured {
    uint64_t messages, bytes, batches;
    uint64_t first_wall, first_cpu, last_wall, last_cpu;
};

static void report(const struct measured *m) {
    double wall = (double)(m->last_wall - m->first_wall) / 1e9;
    double cpu = (double)(m->last_cpu - m->first_cpu) / 1e9;
    double messages = (double)m->messages;
    printf(
        "{\"messages\":%llu,\"batches\":%llu,\"payload_bytes\":%llu,\"wall_seconds\":%.6f,\"cpu_seconds\":%.6f,"
        "\"peak_resident_kilobytes\":%lu,\"messages_per_second\":%.0f,\"cpu_microseconds_per_message\":%.4f,"
        "\"librdkafka\":\"%s\"}\n",
        (unsigned long long)m->messages, (unsigned long long)m->batches, (unsigned long long)m->bytes, wall, cpu,
        peak_resident_kilobytes(), wall > 0 ? messages / wall : 0, messages > 0 ? cpu * 1e6 / messages : 0,
        rd_kafka_version_str());
    fflush(stdout);
}

/* Takes what is there, at least one message unless the wait ends first; answers how many. */
static size_t fill_batch(rd_kafka_t *consumer, struct measured *m, uint64_t limit) {
    size_t count = 0;
    int timeout = 500;
    while (count < BATCH_MESSAGES && batch_length < BATCH_BYTES && m->messages < limit) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, timeout);
        if (!message) break;
        timeout = 0;
        if (message->err) {
            bool transient = message->err == RD_KAFKA_RESP_ERR__TRANSPORT ||
                             message->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
                             message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
            if (!transient) die("kafka: %s", rd_kafka_message_errstr(message));
            rd_kafka_message_destroy(message);
            continue;
        }
        if (m->messages == 0) {
            m->first_wall = clock_nanoseconds(CLOCK_MONOTONIC);
            m->first_cpu = cpu_nanoseconds();
        }
        append(consumer, message);
        m->messages++;
        m->bytes += message->len;
        if (++count == BATCH_MESSAGES || batch_length >= BATCH_BYTES) note_backlog(message);
        rd_kafka_message_destroy(message);
    }
    return count;
}

static void *end_hard(void *unused) {
    (void)unused;
    sleep(CLOSE_SECONDS);
    fputs("bare-loop: librdkafka did not close in time; ended\n", stderr);
    _exit(0);
}

static void usage(void) {
    fputs("usage: bare-loop --brokers LIST --group ID --topics REGEX --redis-port PORT [--messages N] [--live]\n"
          "  --topics REGEX   a topic, or a regular expression that begins with ^\n"
          "  --messages N     report and end after N messages and their replies\n"
          "  --live           run until SIGTERM, and report then; with --messages report after N, then go on\n"
          "  -X NAME=VALUE    any librdkafka property\n"
          "Prints one JSON object: messages, wall and CPU seconds from the first message to the last reply, memory.\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv) {
    const char *brokers = NULL, *group = NULL, *topics = NULL, *properties[32];
    size_t property_count = 0;
    int port = 0;
    uint64_t limit = 0;
    bool live = false;
    static const struct option options[] = {
        {"brokers", required_argument, NULL, 'b'}, {"group", required_argument, NULL, 'g'},
        {"topics", required_argument, NULL, 't'},  {"redis-port", required_argument, NULL, 'p'},
        {"messages", required_argument, NULL, 'n'}, {"live", no_argument, NULL, 'l'},
        {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "X:", options, NULL)) != -1;) {
        switch (option) {
            case 'b': brokers = optarg; break;
            case 'g': group = optarg; break;
            case 't': topics = optarg; break;
            case 'p': port = atoi(optarg); break;
            case 'n': limit = strtoull(optarg, NULL, 10); break;
            case 'l': live = true; break;
            case 'X':
                if (property_count == 32) die("at most 32 properties");
                properties[property_count++] = optarg;
                break;
            default: usage();
        }
    }
    if (!brokers || !group || !topics || port <= 0 || port > 65535 || (!live && limit == 0)) usage();
    if (limit == 0) limit = UINT64_MAX;

    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    bool can_set_backoff = rd_kafka_version() >= 0x02020000;
    rd_kafka_conf_t *settings = consumer_settings(brokers, group, can_set_backoff);
    for (size_t i = 0; i < property_count; i++) {
        char name[256];
        const char *equals = strchr(properties[i], '=');
        if (!equals || (size_t)(equals - properties[i]) >= sizeof name) usage();
        snprintf(name, sizeof name, "%.*s", (int)(equals - properties[i]), properties[i]);
        set(settings, name, equals + 1);
    }
    char problem[512];
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, settings, problem, sizeof problem);
    if (!consumer) die("kafka: %s", problem);
    rd_kafka_poll_set_consumer(consumer);
    connect_redis(port);
    batch = malloc(BUFFER_BYTES);
    if (!batch) die("out of memory");
    subscribe(consumer, topics);
    nudge.consumer = consumer;
    if (!can_set_backoff && pthread_create(&nudge.thread, NULL, nudge_loop, NULL) != 0) die("cannot start a thread");

    struct measured measured = {0};
    bool reported = false;
    while (!stopping) {
        size_t count = fill_batch(consumer, &measured, limit);
        if (count == 0) continue;
        send_batch();
        await_replies(count);
        store_offsets();
        measured.batches++;
        measured.last_wall = clock_nanoseconds(CLOCK_MONOTONIC);
        if (measured.messages < limit) continue;
        measured.last_cpu = cpu_nanoseconds();
        report(&measured);
        reported = true;
        if (!live) break;
        limit = UINT64_MAX;
    }
    if (!reported) {
        measured.last_cpu = cpu_nanoseconds();
        report(&measured);
    }

    pthread_t deadline;
    pthread_create(&deadline, NULL, end_hard, NULL);
    if (!can_set_backoff) end_nudge();
    rd_kafka_consumer_close(consumer);
    return 0;
}
