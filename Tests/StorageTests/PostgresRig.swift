import Configuration
import Persister
import Postgres
import Storage
import TestRigs

extension StoreRig {
    static let postgres: [StoreRig] =
        PostgresServer.isInstalled ? [StoreRig(name: "PostgreSQL") { try PostgresPlace() }] : []
}

/// A database of its own in a server that the suites share, or in one of its own.
final class PostgresPlace: StorePlace {
    let server: PostgresServer
    let database: String
    var url: String { server.url(database) }

    init(_ server: PostgresServer? = nil) throws {
        self.server = try server ?? Self.shared.get()
        database = try self.server.createDatabase()
    }

    deinit { _ = try? server.sql("DROP DATABASE IF EXISTS \(database) WITH (FORCE)") }

    private static let shared = Result { try PostgresServer() }

    func store(group: String) throws -> any Store { postgresStore(group: group) }
    func archive() throws -> any Archive { try PostgresArchive(url: Secret(url)) }

    func postgresStore(group: String = "test") -> PostgresStore { PostgresStore(url: Secret(url), group: group) }

    /// A connection like any other program's.
    func connection() throws -> Connection { try Connection(.init(url: Secret(url))) }

    func rows(_ sql: String) throws -> [[String?]] {
        let found = try connection().execute(sql)
        return (0..<found.rowCount).map { row in (0..<found.columnCount).map { found.text(row, $0) } }
    }
}
