#include "CPostgresShim.h"

static void ignore(void *unused, const PGresult *result) {
    (void)unused;
    (void)result;
}

void postgres_shim_notices_ignore(PGconn *connection) { PQsetNoticeReceiver(connection, ignore, NULL); }

const char *postgres_shim_error_sqlstate(const PGresult *result) { return PQresultErrorField(result, PG_DIAG_SQLSTATE); }

const char *postgres_shim_error_primary(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}

const char *postgres_shim_error_detail(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
}

const char *postgres_shim_error_context(const PGresult *result) { return PQresultErrorField(result, PG_DIAG_CONTEXT); }
