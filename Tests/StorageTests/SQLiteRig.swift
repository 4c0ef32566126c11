import Foundation
import Persister
import SQLite
import Storage
import TestRigs

extension StoreRig {
    static let sqlite = StoreRig(name: "SQLite") { try SQLitePlace() }
}

/// A file in a folder of its own.
final class SQLitePlace: StorePlace {
    let folder: TemporaryFolder
    var path: String { folder.file("klinecast.db") }

    init() throws { folder = try TemporaryFolder("klinecast-sqlite") }

    func store(group: String) throws -> any Store { sqliteStore(group: group) }
    func archive() throws -> any Archive { try SQLiteArchive(path: path) }

    func sqliteStore(group: String = "test") -> SQLiteStore { SQLiteStore(path: path, group: group) }

    /// A connection like any other program's.
    func database() throws -> Database { try Database(path: path, access: .readWrite, busyTimeout: .seconds(1)) }

    func rows(_ sql: String) throws -> [[String?]] {
        let statement = try database().prepare(sql)
        var rows: [[String?]] = []
        while try statement.step() { rows.append((0..<statement.columnCount).map { statement.string($0) }) }
        return rows
    }
}
