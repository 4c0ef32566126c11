// libpq for Swift: its header, and what Swift cannot say.
#ifndef CPOSTGRES_SHIM_H
#define CPOSTGRES_SHIM_H

#include <postgresql/libpq-fe.h>

/// Throws the server's notices and warnings away; libpq would print them on standard error.
void postgres_shim_notices_ignore(PGconn *connection);
/// One field of a result's error by its code (PG_DIAG_…, which are characters in C); NULL when it has none.
const char *postgres_shim_error_sqlstate(const PGresult *result);
const char *postgres_shim_error_primary(const PGresult *result);
const char *postgres_shim_error_detail(const PGresult *result);
const char *postgres_shim_error_context(const PGresult *result);

#endif
