#include "CSQLiteShim.h"

int sqlite_shim_text_bind(sqlite3_stmt *statement, int place, const void *bytes, int count) {
    return sqlite3_bind_text(statement, place, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}

int sqlite_shim_blob_bind(sqlite3_stmt *statement, int place, const void *bytes, int count) {
    return sqlite3_bind_blob(statement, place, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}

int sqlite_shim_checkpoint_on_close_set(sqlite3 *database, int on) {
    return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !on, (int *)0);
}

static void tally(sqlite3_context *context, int count, sqlite3_value **values) {
    int place = sqlite3_value_int(values[0]) != 0;
    ((int64_t *)sqlite3_user_data(context))[place] += 1;
    sqlite3_result_int(context, place);
}

int sqlite_shim_tally_create(sqlite3 *database, const char *name, int64_t *counters) {
    return sqlite3_create_function_v2(
        database, name, 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, counters, tally, 0, 0, 0);
}
