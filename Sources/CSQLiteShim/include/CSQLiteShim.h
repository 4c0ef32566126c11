// SQLite for Swift: its header, and what Swift cannot say.
#ifndef CSQLITE_SHIM_H
#define CSQLITE_SHIM_H

#include <sqlite3.h>

#endif
