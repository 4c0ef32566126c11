// hiredis's reply reader with functions of our own: a reply that is one scalar is noted in a struct that is used again
// and again, arrays become ordinary redisReply trees. The functions' types differ between hiredis 0.14 and 1.x, which
// Swift cannot tell apart.
#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
#include <stdint.h>

/// The reply that was read last when it is one scalar, and what the reply being read may take.
typedef struct {
    int marker;        // never the type of a redisReply: tells this struct from one
    int type;          // REDIS_REPLY_STATUS, _ERROR, _STRING, _INTEGER or _NIL
    int64_t integer;
    char *text;        // of a status, error or string
    size_t length;
    size_t capacity;
    size_t limit;      // bytes a reply may take in memory
    size_t used;       // by the reply being read; the reader's owner sets it to 0 for each
    int refused;       // set when the limit was the reason for an error
} redis_shim_reply;

/// A reader that keeps its buffer and notes scalars in `reply`, which must outlive it; NULL without memory.
redisReader *redis_shim_reader_create(redis_shim_reply *reply);
/// The length announced by the bulk string that the reader waits for, else -1.
int64_t redis_shim_reader_announced(const redisReader *reader);
/// The words of the reader's error.
const char *redis_shim_reader_error(const redisReader *reader);
