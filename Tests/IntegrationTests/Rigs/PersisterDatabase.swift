import Foundation
import Synchronization
import TestRigs
import Testing

/// A database of a test's own that a persister writes, and what a test reads in it.
final class PersisterDatabase {
    enum Kind: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case sqlite, postgres

        var testDescription: String { rawValue }
        /// All that this machine has.
        static let available: [Kind] = hasPostgres ? allCases : [.sqlite]
    }

    /// Whether there is a PostgreSQL to run against; without one it says so, once, on standard error.
    static let hasPostgres: Bool = {
        if PostgresServer.isInstalled { return true }
        FileHandle.standardError.write(
            Data("## SKIPPED: the persister on PostgreSQL. \(PostgresServer.missing).\n".utf8))
        return false
    }()

    /// The tests' common server: each has a database of its own on it.
    private static let common = Result {
        let server = try PostgresServer()
        kept.withLock { $0 = server }
        // Nothing else ends the owner of a global and removes its folder.
        atexit {
            PersisterDatabase.kept.withLock { server in
                server?.crash()
                if let folder = server?.folder.path { try? FileManager.default.removeItem(atPath: folder) }
            }
        }
        return server
    }
    private static let kept = Mutex<PostgresServer?>(nil)

    let kind: Kind
    /// DATABASE_URL.
    let url: String
    /// SQLite's file.
    let path: String
    /// The database's name on PostgreSQL's server.
    let postgresName: String
    /// PostgreSQL's server; the tests' common one unless it was given.
    let server: PostgresServer?
    private let folder: TemporaryFolder?
    private let makeReader: () throws -> PersisterReader
    private var made: PersisterReader?

    /// - Parameter server: a server of the test's own, which it may restart.
    init(_ kind: Kind, server: PostgresServer? = nil) throws {
        self.kind = kind
        switch kind {
        case .sqlite:
            let folder = try TemporaryFolder("database")
            self.folder = folder
            self.server = nil
            path = folder.file("candles.db")
            postgresName = ""
            url = "sqlite:\(path)"
            makeReader = { [path] in try PersisterReader(sqlite: path) }
        case .postgres:
            let server = try server ?? Self.common.get()
            folder = nil
            self.server = server
            path = ""
            postgresName = try server.createDatabase()
            url = server.url(postgresName)
            makeReader = { [url] in PersisterReader(postgres: url) }
        }
    }

    /// A file of SQLite on a disk of the persister's own.
    init(on disk: SmallDisk) {
        kind = .sqlite
        folder = nil
        server = nil
        path = disk.file("candles.db")
        postgresName = ""
        url = "sqlite:\(path)"
        makeReader = { [path] in try PersisterReader(sqlite: path, prefix: disk.entrance) }
    }

    private func reader() throws -> PersisterReader {
        if let made { return made }
        let reader = try makeReader()
        made = reader
        return reader
    }

    func rows(_ statement: String) throws -> [[String?]] { try reader().rows(statement) }

    /// A statement that changes something; SQLite waits for the lock at most 10 s.
    func execute(_ statement: String) throws { _ = try reader().rows(statement) }

    /// The first column of the first row, a whole number.
    func number(_ statement: String) throws -> Int { try rows(statement).first?.first?.flatMap { Int($0) } ?? 0 }

    // MARK: What the two spell differently

    /// A time of the table as ms since 1970.
    func milliseconds(_ column: String) -> String {
        kind == .sqlite ? column : "(extract(epoch from \(column)) * 1000)::bigint"
    }

    func hexadecimal(_ column: String) -> String {
        kind == .sqlite ? "hex(\(column))" : "upper(encode(\(column), 'hex'))"
    }

    /// A Boolean as 0 or 1.
    func bit(_ column: String) -> String { "case when \(column) then 1 else 0 end" }

    /// A number as the table gives it back when it was sent with these digits: PostgreSQL each of them, SQLite the real
    /// that is nearest.
    func spelling(of digits: String) -> String {
        kind == .postgres ? digits : Double(digits).map { "\($0)" } ?? digits
    }

    // MARK: The tables

    /// Rows of `market_data` as text, one each, in the order of their text; `symbols` is a prefix.
    func candles(_ symbols: String) throws -> [String] {
        try rows(
            """
            select symbol, timeframe, \(milliseconds("time")), open, high, low, close, volume, \(bit("is_closed")),
            \(milliseconds("event_time")), source_offset, revision
            from market_data where symbol like '\(symbols)%'
            """
        ).map { $0.map { $0 ?? "null" }.joined(separator: " ") }.sorted()
    }

    /// How far each partition has come and in which generation, for one consumer group; empty before the first start.
    func positions(_ group: String) -> [KafkaPlace: (generation: Int64, next: Int64)] {
        let found = try? rows(
            "select topic, \"partition\", generation, next_offset from consumer_offsets where consumer_group = '\(group)'"
        )
        var positions: [KafkaPlace: (generation: Int64, next: Int64)] = [:]
        for row in found ?? [] {
            guard let topic = row[0], let partition = row[1].flatMap({ Int32($0) }),
                let generation = row[2].flatMap({ Int64($0) }), let next = row[3].flatMap({ Int64($0) })
            else { continue }
            positions[KafkaPlace(topic: topic, partition: partition)] = (generation, next)
        }
        return positions
    }
}
