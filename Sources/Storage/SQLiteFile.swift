internal import Foundation
internal import Persister
internal import SQLite

/// Opens the file of the tables, and refuses what is not ours, before anything is changed in it.
///
/// Looked at, in this order: the first 100 bytes (SQLite's mark, and the length that the header promises, as long as no
/// write-ahead log may hold the rest); `application_id`, so that no other program's tables are taken for ours;
/// `user_version`; where the file has at most `fullCheckBytes`, the structure of every page and the agreement of every
/// index with its table (`integrity_check`), and that each candle's series is known. A larger file's pages are checked by
/// SQLite as they are read. What none of this sees is a changed byte within a candle's value: SQLite keeps no checksums. A file of no bytes counts as a new one, since a first start that was killed leaves one.
enum SQLiteFile {
    /// So much is looked through in well under a second at each start.
    static let fullCheckBytes = 64 << 20

    /// - Parameters:
    ///   - access: `.create` also brings the schema to what this program knows.
    ///   - readsHeader: must be false while this process has the file open already: closing a file ends all locks of the
    ///     process on it, SQLite's among them (sqlite.org/howtocorrupt.html, 2.2).
    static func open(
        _ path: String, access: Database.Access, busyTimeout: Duration, readsHeader: Bool = true
    ) throws(StoreError) -> Database {
        if readsHeader { try checkHeader(of: path) }
        do {
            let database = try Database(path: path, access: access, busyTimeout: busyTimeout)
            // Someone else's log stays as it is.
            database.setCheckpointOnClose(false)
            // Of one moment: another process may be making its tables.
            try database.execute("begin")
            let version = try checkOwner(of: database, path: path)
            try database.execute("commit")
            if version > 0 { try checkPages(of: database, path: path) }
            database.setCheckpointOnClose(true)
            if access == .create {
                if version < SQLiteMigrations.steps.count { try migrate(database, path: path) }
                try startLog(of: database, path: path)
            } else if version < SQLiteMigrations.steps.count {
                throw unusable(
                    "old_schema",
                    "\(path): schema \(version) is older than \(SQLiteMigrations.steps.count);"
                        + " start the persister once, it brings the tables up to date")
            }
            return database
        } catch let error as StoreError {
            throw error
        } catch let error as SQLiteError {
            throw StoreError(error, path: path)
        } catch {
            throw unusable("unknown", "\(path): \(error)")
        }
    }

    private static func unusable(_ code: String, _ sentence: String) -> StoreError {
        .unusable(code: code, sentence: sentence)
    }

    private static func checkHeader(of path: String) throws(StoreError) {
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        guard let header = try? file.read(upToCount: 100), !header.isEmpty else { return }
        guard header.count == 100, header.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw unusable(
                "not_a_database",
                "\(path) is not an SQLite database; move it away, or name another file in DATABASE_URL")
        }
        func number(_ place: Int) -> UInt64 { header[place..<place + 4].reduce(0) { $0 << 8 | UInt64($1) } }
        let pageBytes = header[16..<18].reduce(0) { $0 << 8 | UInt64($1) }
        let promised = (pageBytes == 1 ? 65_536 : pageBytes) * number(28)
        // The count of pages means something only where these two agree (file format, 1.3.7).
        guard number(24) == number(92), let length = try? file.seekToEnd(), length < promised else { return }
        let log = (try? FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? UInt64) ?? 0
        guard log == 0 else { return }
        throw unusable(
            "truncated",
            "\(path) has \(length) of \(promised) bytes: its end is missing; restore a copy,"
                + " or move it away and its rows are read from Kafka again")
    }

    /// The number of migrations done; 0 for an empty file.
    private static func checkOwner(of database: Database, path: String) throws -> Int {
        let owner = try database.integer("pragma application_id")
        let tables = try database.integer("select count(*) from sqlite_schema")
        guard owner == SQLiteMigrations.applicationID || (owner == 0 && tables == 0) else {
            throw unusable(
                "foreign_database",
                "\(path) holds another program's tables (application_id \(owner), must be"
                    + " \(SQLiteMigrations.applicationID)); name another file in DATABASE_URL")
        }
        let version = try Int(database.integer("pragma user_version"))
        guard (0...SQLiteMigrations.steps.count).contains(version) else {
            throw unusable(
                "newer_schema",
                "\(path): schema \(version), this program knows up to"
                    + " \(SQLiteMigrations.steps.count); start the program that wrote it, or a newer one")
        }
        guard (version == 0) == (tables == 0) else {
            throw unusable("damaged", "\(path): schema \(version) with \(tables) tables and indexes: it is damaged")
        }
        return version
    }

    private static func checkPages(of database: Database, path: String) throws {
        let bytes = try database.integer("pragma page_count") * database.integer("pragma page_size")
        guard bytes <= fullCheckBytes else { return }
        let verdict = try database.string("pragma integrity_check(1)") ?? "no answer"
        guard verdict == "ok" else {
            throw unusable(
                "damaged",
                "\(path) is damaged: \(verdict); restore a copy, or move it away and its rows are read"
                    + " from Kafka again")
        }
        let strangers = try database.integer(
            "select count(*) from (select distinct series from candles) where series not in (select id from series)")
        guard strangers == 0 else {
            throw unusable("damaged", "\(path) is damaged: it has candles of \(strangers) unknown series")
        }
    }

    /// All steps in one transaction; another process may have done them meanwhile.
    private static func migrate(_ database: Database, path: String) throws {
        try database.execute("begin immediate")
        do {
            let done = try checkOwner(of: database, path: path)
            for step in SQLiteMigrations.steps.dropFirst(done) { try database.execute(step) }
            try database.execute(
                """
                pragma application_id = \(SQLiteMigrations.applicationID);
                pragma user_version = \(SQLiteMigrations.steps.count);
                commit
                """)
        } catch {
            if !database.isOutsideTransaction { try? database.execute("rollback") }
            throw error
        }
    }

    private static func startLog(of database: Database, path: String) throws {
        let mode = try database.string("pragma journal_mode = wal") ?? "none"
        guard mode == "wal" else {
            throw unusable(
                "no_log", "\(path): no write-ahead log (journal_mode \(mode)) on this file system; use a local disk")
        }
    }
}

extension StoreError {
    /// Never `fenced`; a constraint becomes `unusable`, for who knows which rows it is about asks before.
    init(_ error: SQLiteError, path: String) {
        let code = "sqlite_\(error.detail.code)"
        let words = "\(path): \(error.detail.words)"
        self =
            switch error {
            case .busy: .unavailable(code: code, sentence: words, mustReopen: false)
            case .full:
                .unavailable(code: code, sentence: "\(words); make room on its disk", mustReopen: false)
            case .exhausted: .unavailable(code: code, sentence: words, mustReopen: false)
            case .inputOutput: .unavailable(code: code, sentence: words, mustReopen: true)
            case .damaged:
                .unusable(
                    code: code,
                    sentence: "\(words); restore a copy, or move it away and its rows are read from Kafka again")
            case .notAccessible:
                .unusable(code: code, sentence: "\(words); its folder must exist and be writable for this process")
            case .constraint, .wrongUse: .unusable(code: code, sentence: words)
            }
    }
}
