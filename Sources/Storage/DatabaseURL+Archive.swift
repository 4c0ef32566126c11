package import Configuration
package import Persister

extension DatabaseURL {
    /// The tables, for reading them and for what `dlq` changes. Makes no file and no table where there is none.
    ///
    /// - Parameter statementTimeout: a PostgreSQL that has not answered within this is given up.
    package func archive(statementTimeout: Duration) throws(StoreError) -> any Archive {
        switch self {
        case .sqlite(let path): try SQLiteArchive(path: path)
        case .postgres(let url): try PostgresArchive(url: url, statementDeadline: statementTimeout)
        }
    }
}
