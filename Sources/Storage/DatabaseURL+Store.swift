package import Configuration
package import Persister

extension DatabaseURL {
    /// The database as the persister writes it; nothing is opened yet.
    ///
    /// - Parameters:
    ///   - group: `consumer_offsets.consumer_group`.
    ///   - statementTimeout: a PostgreSQL that has not answered within this is given up.
    package func store(group: String, statementTimeout: Duration) -> any Store {
        switch self {
        case .sqlite(let path): SQLiteStore(path: path, group: group)
        case .postgres(let url): PostgresStore(url: url, group: group, statementDeadline: statementTimeout)
        }
    }
}
