internal import Postgres
internal import SQLite

/// The client libraries this program was linked with.
package enum DatabaseLibraries {
    package static var versions: [(name: String, version: String?)] {
        [("sqlite", SQLiteLibrary.version), ("libpq", PostgresLibrary.version)]
    }
}
