/*
 * Subscribes to the channels of the topics that `produce live` fills, each by its exact name, and measures how long a
 * message took from being handed to librdkafka to being read here: both programs use CLOCK_MONOTONIC of one machine.
 *
 * Prints `ready` when Redis has confirmed every channel, and one JSON object at the end: after --expect messages, after
 * --idle-seconds without one, or at SIGTERM. Gaps are numbers missing from a channel's sequence.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 4 * 1024 * 1024, NAME_BYTES = 128 };

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("subscriber: ", stderr);
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

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static const char *symbol_prefix = "s";
static uint32_t channels;
static uint64_t *last_number; /* a channel */
static uint64_t skip_nanoseconds;

static uint32_t confirmed;
static uint64_t received, unstamped, gaps, repeats, first_sent;
static uint64_t *latencies; /* nanoseconds */
static size_t latency_count, latency_capacity;

static uint32_t channel_index(const char *channel, size_t length) {
    static char head[NAME_BYTES];
    static size_t head_length;
    if (head_length == 0)
        head_length = (size_t)snprintf(head, sizeof head, "roottrading:market:data:%s", symbol_prefix);
    if (length <= head_length || memcmp(channel, head, head_length) != 0)
        die("a message on %.*s", (int)length, channel);
    uint32_t index = (uint32_t)strtoul(channel + head_length, NULL, 10);
    if (index >= channels) die("a message on %.*s", (int)length, channel);
    return index;
}

/* 0 when it is not there. The payload is followed by CR LF in the buffer, so strtoull ends. */
static uint64_t member(const char *payload, size_t length, const char *name, size_t name_length) {
    const char *found = memmem(payload, length, name, name_length);
    return found ? strtoull(found + name_length, NULL, 10) : 0;
}
#define MEMBER(payload, length, name) member(payload, length, name, sizeof(name) - 1)

static void on_message(const char *channel, size_t channel_length, const char *payload, size_t length, uint64_t now) {
    uint32_t index = channel_index(channel, channel_length);
    uint64_t sent = MEMBER(payload, length, "\"sent\":");
    if (sent == 0) { /* from before the live traffic */
        unstamped++;
        return;
    }
    received++;
    uint64_t number = MEMBER(payload, length, "\"n\":");
    if (number == 0) die("a message without a number: %.*s", (int)(length > 200 ? 200 : length), payload);
    if (number <= last_number[index]) {
        repeats++;
    } else {
        gaps += number - last_number[index] - 1;
        last_number[index] = number;
    }
    if (first_sent == 0) first_sent = sent;
    if (sent < first_sent + skip_nanoseconds) return;
    if (latency_count == latency_capacity) {
        latency_capacity = latency_capacity ? latency_capacity * 2 : 1 << 20;
        latencies = realloc(latencies, latency_capacity * sizeof *latencies);
        if (!latencies) die("out of memory");
    }
    latencies[latency_count++] = now > sent ? now - sent : 0;
}

/* ---- RESP ------------------------------------------------------------------------------------------------------- */

/* Reads `<kind><number>\r\n` at *position; false if it is not there in full. */
static bool number_line(const char *buffer, size_t length, size_t *position, char kind, long *value) {
    const char *start = buffer + *position;
    const char *end = memchr(start, '\n', length - *position);
    if (!end) return false;
    if (*start != kind) die("unexpected reply: %.*s", (int)(end - start), start);
    *value = strtol(start + 1, NULL, 10);
    *position += (size_t)(end - start) + 1;
    return true;
}

static bool bulk(const char *buffer, size_t length, size_t *position, const char **out, size_t *out_length) {
    long size;
    if (!number_line(buffer, length, position, '$', &size)) return false;
    if (size < 0 || size > BUFFER_BYTES / 2) die("a bulk string of %ld bytes", size);
    if (length - *position < (size_t)size + 2) return false;
    *out = buffer + *position;
    *out_length = (size_t)size;
    *position += (size_t)size + 2;
    return true;
}

/* Takes one push (`message` or `subscribe`, three elements each); false if it is not there in full. */
static bool take_push(const char *buffer, size_t length, size_t *position, uint64_t now) {
    size_t at = *position;
    long elements;
    const char *kind, *channel, *payload;
    size_t kind_length, channel_length, payload_length;
    if (at == length || !number_line(buffer, length, &at, '*', &elements)) return false;
    if (!bulk(buffer, length, &at, &kind, &kind_length)) return false;
    if (!bulk(buffer, length, &at, &channel, &channel_length)) return false;
    if (kind_length == 7 && memcmp(kind, "message", 7) == 0) {
        if (!bulk(buffer, length, &at, &payload, &payload_length)) return false;
        on_message(channel, channel_length, payload, payload_length, now);
    } else if (kind_length == 9 && memcmp(kind, "subscribe", 9) == 0) {
        long count;
        if (!number_line(buffer, length, &at, ':', &count)) return false;
        if (++confirmed == channels) {
            puts("ready");
            fflush(stdout);
        }
    } else {
        die("unexpected push: %.*s", (int)kind_length, kind);
    }
    *position = at;
    return true;
}

/* ---- the run ---------------------------------------------------------------------------------------------------- */
static int connect_redis(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int redis = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (redis < 0 || connect(redis, (struct sockaddr *)&address, sizeof address) != 0)
        die("redis 127.0.0.1:%d: %s", port, strerror(errno));
    int on = 1;
    setsockopt(redis, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return redis;
}

static void subscribe(int redis) {
    for (uint32_t i = 0; i < channels; i++) {
        char channel[NAME_BYTES], command[2 * NAME_BYTES];
        int length = snprintf(channel, sizeof channel, "roottrading:market:data:%s%04uusdt:1m", symbol_prefix, i);
        int size = snprintf(command, sizeof command, "*2\r\n$9\r\nSUBSCRIBE\r\n$%d\r\n%s\r\n", length, channel);
        for (int sent = 0; sent < size;) {
            ssize_t n = send(redis, command + sent, (size_t)(size - sent), MSG_NOSIGNAL);
            if (n <= 0) die("redis: send: %s", strerror(errno));
            sent += (int)n;
        }
    }
}

static void receive_until_done(int redis, uint64_t expected, double idle_seconds) {
    static char buffer[BUFFER_BYTES];
    size_t length = 0;
    uint64_t last_arrival = monotonic_nanoseconds();
    while (!stopping && received < expected) {
        struct pollfd readable = {.fd = redis, .events = POLLIN};
        int n = poll(&readable, 1, 100);
        if (n < 0 && errno != EINTR) die("poll: %s", strerror(errno));
        if (n <= 0) {
            if ((double)(monotonic_nanoseconds() - last_arrival) / 1e9 > idle_seconds) return;
            continue;
        }
        ssize_t got = recv(redis, buffer + length, sizeof buffer - length, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) die("redis: %s", got == 0 ? "connection closed" : strerror(errno));
        last_arrival = monotonic_nanoseconds();
        length += (size_t)got;
        size_t taken = 0;
        while (take_push(buffer, length, &taken, last_arrival)) {}
        memmove(buffer, buffer + taken, length - taken);
        length -= taken;
        if (length == sizeof buffer) die("a message larger than %zu bytes", sizeof buffer);
    }
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that at least this share of all does not exceed. */
static double milliseconds(double share) {
    if (latency_count == 0) return 0;
    double exact = share * (double)latency_count;
    size_t rank = (size_t)exact;
    if ((double)rank < exact) rank++;
    if (rank == 0) rank = 1;
    return (double)latencies[rank - 1] / 1e6;
}

static void usage(void) {
    fputs("usage: subscriber --redis-port PORT --topics N [--symbol-prefix S] [--expect M] [--skip-seconds S]\n"
          "                  [--idle-seconds S]\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv) {
    int port = 0;
    uint64_t expected = UINT64_MAX;
    double idle_seconds = 10;
    static const struct option options[] = {
        {"redis-port", required_argument, NULL, 'r'},   {"topics", required_argument, NULL, 't'},
        {"symbol-prefix", required_argument, NULL, 'p'}, {"expect", required_argument, NULL, 'e'},
        {"skip-seconds", required_argument, NULL, 's'}, {"idle-seconds", required_argument, NULL, 'i'},
        {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
            case 'r': port = atoi(optarg); break;
            case 't': channels = (uint32_t)strtoul(optarg, NULL, 10); break;
            case 'p': symbol_prefix = optarg; break;
            case 'e': expected = strtoull(optarg, NULL, 10); break;
            case 's': skip_nanoseconds = (uint64_t)(strtod(optarg, NULL) * 1e9); break;
            case 'i': idle_seconds = strtod(optarg, NULL); break;
            default: usage();
        }
    }
    if (port <= 0 || port > 65535 || channels == 0 || channels > 10000 || strlen(symbol_prefix) > 16) usage();
    last_number = calloc(channels, sizeof *last_number);
    if (!last_number) die("out of memory");
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    int redis = connect_redis(port);
    subscribe(redis);
    receive_until_done(redis, expected, idle_seconds);
    if (latency_count) qsort(latencies, latency_count, sizeof *latencies, ascending);
    printf(
        "{\"received\":%llu,\"unstamped\":%llu,\"gaps\":%llu,\"repeats\":%llu,\"measured\":%zu,"
        "\"p50_milliseconds\":%.3f,\"p90_milliseconds\":%.3f,\"p99_milliseconds\":%.3f,\"p999_milliseconds\":%.3f,"
        "\"longest_milliseconds\":%.3f}\n",
        (unsigned long long)received, (unsigned long long)unstamped, (unsigned long long)gaps,
        (unsigned long long)repeats, latency_count, milliseconds(0.5), milliseconds(0.9), milliseconds(0.99),
        milliseconds(0.999), milliseconds(1));
    return 0;
}
