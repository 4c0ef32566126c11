#include "CHiredisShim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

static redisReplyObjectFunctions ordinary;
static redisReplyObjectFunctions own;

static redis_shim_reply *fitting(const redisReadTask *task, size_t bytes) {
    redis_shim_reply *reply = task->privdata;
    if (bytes > reply->limit || reply->used > reply->limit - bytes) {
        reply->refused = 1;
        return NULL;
    }
    reply->used += bytes;
    return reply;
}

static int room(redis_shim_reply *reply, size_t length) {
    if (length <= reply->capacity) return 1;
    char *text = realloc(reply->text, length + length / 2);
    if (!text) return 0;
    reply->text = text;
    reply->capacity = length + length / 2;
    return 1;
}

static void *create_string(const redisReadTask *task, char *text, size_t length) {
    redis_shim_reply *reply = fitting(task, length + sizeof(redisReply));
    if (!reply) return NULL;
    if (task->parent) return ordinary.createString(task, text, length);
    if (!room(reply, length)) return NULL;
    memcpy(reply->text, text, length);
    reply->length = length;
    reply->type = task->type;
    return reply;
}

static void *create_array(const redisReadTask *task, element_count elements) {
    if (!fitting(task, (size_t)elements * sizeof(redisReply *) + sizeof(redisReply))) return NULL;
    return ordinary.createArray(task, elements);
}

static void *create_integer(const redisReadTask *task, long long value) {
    redis_shim_reply *reply = fitting(task, sizeof(redisReply));
    if (!reply || task->parent) return reply ? ordinary.createInteger(task, value) : NULL;
    reply->integer = value;
    reply->type = REDIS_REPLY_INTEGER;
    return reply;
}

static void *create_nil(const redisReadTask *task) {
    redis_shim_reply *reply = fitting(task, sizeof(redisReply));
    if (!reply || task->parent) return reply ? ordinary.createNil(task) : NULL;
    reply->type = REDIS_REPLY_NIL;
    return reply;
}

static void free_object(void *object) {
    if (object && ((redis_shim_reply *)object)->marker != -1) ordinary.freeObject(object);
}

static void prepare(void) {
    redisReader *reader = redisReaderCreate();
    if (!reader) return;
    ordinary = own = *reader->fn;
    redisReaderFree(reader);
    own.createString = create_string;
    own.createArray = create_array;
    own.createInteger = create_integer;
    own.createNil = create_nil;
    own.freeObject = free_object;
}

redisReader *redis_shim_reader_create(redis_shim_reply *reply) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    redisReader *reader = own.createString ? redisReaderCreateWithFunctions(&own) : NULL;
    if (!reader) return NULL;
    reply->marker = -1;
    // Room for every ordinary status and error, so that an empty string has an address too.
    if (!room(reply, 256)) {
        redisReaderFree(reader);
        return NULL;
    }
    reader->privdata = reply;
    reader->maxbuf = 0;
    return reader;
}

int64_t redis_shim_reader_announced(const redisReader *reader) {
    if (reader->ridx < 0) return -1;
#if HIREDIS_MAJOR >= 1
    const redisReadTask *task = reader->task[reader->ridx];
#else
    const redisReadTask *task = &reader->rstack[reader->ridx];
#endif
    if (task->type != REDIS_REPLY_STRING) return -1;
    int64_t length = 0;
    size_t at = reader->pos;
    for (; at < reader->len && reader->buf[at] >= '0' && reader->buf[at] <= '9'; at++) {
        if (length > INT64_MAX / 10 - 1) return INT64_MAX;
        length = length * 10 + (reader->buf[at] - '0');
    }
    return at > reader->pos && at < reader->len && reader->buf[at] == '\r' ? length : -1;
}

const char *redis_shim_reader_error(const redisReader *reader) { return reader->errstr; }
