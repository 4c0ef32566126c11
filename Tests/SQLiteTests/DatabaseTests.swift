import Foundation
import TestRigs
import Testing

@testable import SQLite

@Suite struct DatabaseTests {
    let folder: TemporaryFolder
    let database: Database

    init() throws {
        folder = try TemporaryFolder("klinecast-sqlite")
        database = try Database(path: folder.file("a.db"), access: .create, busyTimeout: .zero)
    }

    @Test func everyKindOfValueComesBack() throws {
        let statement = try database.prepare("select ?1, ?2, ?3, ?4, ?5, ?6")
        statement.bind(1, Int64.min)
        statement.bind(2, 0.1)
        statement.bind(3, "Ωmega\0after")
        statement.bind(4, blob: [0, 255])
        statement.bindNull(5)
        statement.bind(6, blob: [])
        #expect(try statement.step())
        #expect(statement.columnCount == 6)
        #expect(statement.integer(0) == .min && statement.double(1) == 0.1 && statement.string(2) == "Ωmega\0after")
        #expect(statement.bytes(3) == [0, 255] && statement.isNull(4) && statement.bytes(4) == nil)
        #expect(statement.string(4) == nil && statement.bytes(5) == [])
        #expect(try !statement.step())
    }

    @Test func whatWasBoundStaysBoundForTheNextRun() throws {
        try database.execute("create table t(a, b)")
        let statement = try database.prepare("insert into t values (?1, ?2)")
        statement.bind(1, 7 as Int64)
        for value in 0..<3 as Range<Int64> {
            statement.bind(2, value)
            try statement.run()
            #expect(database.changes == 1)
        }
        #expect(try database.integer("select sum(a) * 100 + sum(b) from t") == 2_103)
    }

    @Test func aBrokenRuleIsAConstraintWithItsExtendedCodeAndWords() throws {
        try database.execute("create table t(a integer primary key, b not null)")
        let error = #expect(throws: SQLiteError.self) { try database.execute("insert into t values (1, null)") }
        // SQLITE_CONSTRAINT_NOTNULL: 19 + 5 × 256.
        #expect(error == .constraint(.init(code: 1_299, words: "NOT NULL constraint failed: t.b")))
    }

    @Test func aStatementThatFailedRunsAgain() throws {
        try database.execute("create table t(a unique)")
        let statement = try database.prepare("insert into t values (?1)")
        statement.bind(1, 1 as Int64)
        try statement.run()
        #expect(throws: SQLiteError.self) { try statement.run() }
        statement.bind(1, 2 as Int64)
        try statement.run()
        #expect(try database.integer("select count(*) from t") == 2)
    }

    @Test func anotherConnectionsLockIsBusy() throws {
        try database.execute("create table t(a); begin immediate")
        let other = try Database(path: folder.file("a.db"), access: .readWrite, busyTimeout: .zero)
        let error = #expect(throws: SQLiteError.self) { try other.execute("begin immediate") }
        guard case .busy(let detail) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(detail.code == 5 && detail.words == "database is locked")
    }

    @Test func aFileThatIsNotThereIsNotMade() throws {
        let path = folder.file("none.db")
        let error = #expect(throws: SQLiteError.self) {
            _ = try Database(path: path, access: .readWrite, busyTimeout: .zero)
        }
        guard case .notAccessible = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aTallyCountsWhatAnUpsertDid() throws {
        let tally = try Tally(named: "note", in: database)
        try database.execute("create table t(a primary key, b, n default 0)")
        for (a, b) in [(1, 1), (1, 2), (1, 2), (2, 1), (1, 2)] {
            try database.execute(
                "insert into t(a, b) values (\(a), \(b)) on conflict do update set n = note(b <> excluded.b), b = excluded.b"
            )
        }
        #expect(tally.falseCount == 2 && tally.trueCount == 1)
        tally.clear()
        #expect(tally.falseCount == 0 && tally.trueCount == 0)
    }

    @Test(
        arguments: [
            (5, "busy"), (517, "busy"), (6, "busy"), (13, "full"), (10, "io"), (1_034, "io"), (3_082, "exhausted"),
            (7, "exhausted"), (9, "exhausted"), (19, "constraint"), (2_067, "constraint"), (18, "constraint"),
            (11, "damaged"), (26, "damaged"),
            (14, "access"), (8, "access"), (1_032, "access"), (3, "access"), (1, "wrong"), (21, "wrong"),
        ] as [(Int32, String)]) func everyCodeSaysWhatCanBeDone(_ code: Int32, _ kind: String)
    {
        let found =
            switch SQLiteError(code: code, words: "") {
            case .busy: "busy"
            case .full: "full"
            case .inputOutput: "io"
            case .exhausted: "exhausted"
            case .constraint: "constraint"
            case .damaged: "damaged"
            case .notAccessible: "access"
            case .wrongUse: "wrong"
            }
        #expect(found == kind)
    }
}
