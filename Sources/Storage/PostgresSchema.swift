internal import Persister
internal import Postgres

/// Brings the schema to what this program knows, or says why not.
enum PostgresSchema {
    /// Two processes may start at once: one migrates, the other waits and finds it done.
    static func migrate(_ connection: Connection) throws(StoreError) {
        do {
            // What is up to date is only read: a standby may be asked too.
            if try version(connection) == PostgresMigrations.newest { return }
            while try step(connection) {}
        } catch let error as PostgresError {
            if connection.isOpen { _ = try? connection.execute("ROLLBACK") }
            throw StoreError(error)
        } catch let error as StoreError {
            if connection.isOpen { _ = try? connection.execute("ROLLBACK") }
            throw error
        } catch {
            throw .unusable(code: "postgres", sentence: "\(error)")
        }
    }

    /// For readers: the schema must be there already.
    static func check(_ connection: Connection) throws(StoreError) {
        do {
            let found = try version(connection)
            guard found == PostgresMigrations.newest else {
                throw StoreError.unusable(
                    code: found == 0 ? "no_tables" : "schema",
                    sentence: found == 0
                        ? "the database has no tables of ours yet: start the persister once, it makes them"
                        : "the schema is at version \(found), this program reads version"
                            + " \(PostgresMigrations.newest): start the persister once, it brings it up to date")
            }
        } catch let error as PostgresError {
            throw StoreError(error)
        } catch let error as StoreError {
            throw error
        } catch {
            throw .unusable(code: "postgres", sentence: "\(error)")
        }
    }

    /// 0 where nothing of ours is there; a newer schema than ours is refused.
    private static func version(_ connection: Connection) throws -> Int {
        let isThere = try connection.execute("SELECT to_regclass('klinecast_schema') IS NOT NULL").flag(0, 0)
        guard isThere == true else { return 0 }
        let found = Int(try connection.execute(PostgresMigrations.version).integer(0, 0) ?? 0)
        guard found <= PostgresMigrations.newest else {
            throw StoreError.unusable(
                code: "schema",
                sentence: "the database's schema is version \(found), this program knows up to version"
                    + " \(PostgresMigrations.newest): start a newer klinecast, or set another database in DATABASE_URL")
        }
        return found
    }

    /// One migration in one transaction; whether there may be another.
    private static func step(_ connection: Connection) throws -> Bool {
        try connection.execute("BEGIN")
        try connection.execute("SELECT pg_advisory_xact_lock(\(PostgresMigrations.lock))")
        try connection.execute(PostgresMigrations.makeRecord)
        let found = try version(connection)
        if found < PostgresMigrations.newest {
            try connection.execute(PostgresMigrations.steps[found])
            if found == 0 { try makeHypertable(connection) }
            try connection.execute("INSERT INTO klinecast_schema (version) VALUES (\(found + 1))")
        }
        try connection.execute("COMMIT")
        return found + 1 < PostgresMigrations.newest
    }

    /// Where somebody has made the extension TimescaleDB in this database, the candles are kept in chunks of time. Making it
    /// is no business of ours: on a server that has not loaded it that ends the connection.
    private static func makeHypertable(_ connection: Connection) throws {
        let isThere = try connection.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'")
        guard isThere.rowCount > 0 else { return }
        try connection.execute("SAVEPOINT hypertable")
        do {
            try connection.execute(
                "SELECT create_hypertable('candles', 'time', chunk_time_interval => interval '30 days')")
        } catch PostgresError.refused {
            try connection.execute("ROLLBACK TO SAVEPOINT hypertable")
        }
        try connection.execute("RELEASE SAVEPOINT hypertable")
    }
}
