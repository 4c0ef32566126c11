// SQLite for Swift: its header, and what Swift cannot say.
#ifndef CSQLITE_SHIM_H
#define CSQLITE_SHIM_H

#include <sqlite3.h>
#include <stdint.h>

// SQLITE_TRANSIENT and SQLITE_STATIC are casts of numbers to function pointers.
int sqlite_shim_text_bind(sqlite3_stmt *statement, int place, const void *bytes, int count);
int sqlite_shim_blob_bind(sqlite3_stmt *statement, int place, const void *bytes, int count);

// Variadic.
int sqlite_shim_checkpoint_on_close_set(sqlite3 *database, int on);

// Makes the SQL function name(x): answers whether x is true, 0 or 1, and counts it in counters[0] or counters[1].
int sqlite_shim_tally_create(sqlite3 *database, const char *name, int64_t *counters);

#endif
