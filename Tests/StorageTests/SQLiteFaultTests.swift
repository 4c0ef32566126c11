import Foundation
import MarketData
import Persister
import Records
import SQLite
import Storage
import TestRigs
import Testing

/// What can happen to a file.
@Suite(.timeLimit(.minutes(5))) struct SQLiteFaultTests {
    private func isUnavailable(_ error: StoreError?) -> Bool {
        if case .unavailable = error { true } else { false }
    }

    private func unusableCode(_ error: StoreError?) -> String? {
        if case .unusable(let code, _) = error { code } else { nil }
    }

    private func store(_ path: String, pages: Int? = nil) -> SQLiteStore {
        var options = SQLiteStore.Options()
        options.busyTimeout = .milliseconds(10)
        options.maximumPages = pages
        return SQLiteStore(path: path, group: "test", options: options)
    }

    private func updates(_ count: Int, from first: Int = 0) -> [CandleUpdate] {
        (first..<first + count).map {
            CandleUpdate(time: 1_700_000_000_000 + Int64($0) * 60_000, offset: Int64($0), close: "\($0).25")
        }
    }

    /// A file with these candles and no log beside it.
    private func smallFile(_ place: SQLitePlace, candles: Int) throws -> Data {
        let store = place.sqliteStore()
        try store.open()
        try Writer(store).write(updates(candles))
        store.close()
        return try Data(contentsOf: URL(fileURLWithPath: place.path))
    }

    @Test func aLockedDatabaseIsUnavailableAndTakesTheSameBatchLater() throws {
        let place = try SQLitePlace()
        let store = store(place.path)
        try store.open()
        let writer = try Writer(store)
        let other = try place.database()
        try other.execute("begin immediate")
        let batch = writer.batch(updates(10))
        for _ in 0..<3 {
            let error = #expect(throws: StoreError.self) { try store.write(batch) }
            guard case .unavailable(_, _, let mustReopen) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(!mustReopen)
        }
        try other.execute("commit")
        #expect(try store.write(batch).candlesInserted == 10)
    }

    @Test func aFullDiskIsUnavailableMovesNoPositionAndTakesTheSameBatchLater() throws {
        let place = try SQLitePlace()
        let first = store(place.path)
        try first.open()
        first.close()
        let pages = try Int(place.database().integer("pragma page_count"))
        let full = store(place.path, pages: pages + 3)
        try full.open()
        let writer = try Writer(full)
        try writer.write(updates(10))
        let batch = writer.batch(updates(5_000, from: 10))
        for _ in 0..<2 {
            let error = #expect(throws: StoreError.self) { try full.write(batch) }
            #expect(isUnavailable(error))
        }
        #expect(try place.rows("select next_offset from consumer_offsets") == [["1"]])
        #expect(try place.archive().candles().count == 10)
        full.close()
        let roomy = store(place.path)
        try roomy.open()
        #expect(try roomy.write(batch).candlesInserted == 5_000)
        #expect(try place.database().string("pragma integrity_check") == "ok")
    }

    @Test func aFileThatIsNoDatabaseIsRefusedUntouched() throws {
        let folder = try TemporaryFolder()
        for (name, text) in [
            ("notes.txt", "my notes, not to be lost\n"), ("long.txt", String(repeating: "x", count: 9_999)),
        ] {
            let path = folder.file(name)
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: StoreError.self) { try store(path).open() }
            #expect(unusableCode(error) == "not_a_database")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
            #expect(throws: StoreError.self) { try SQLiteArchive(path: path) }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["long.txt", "notes.txt"])
    }

    @Test(arguments: [0, 4_711]) func anotherProgramsTablesAreRefusedUntouched(owner: Int) throws {
        let place = try SQLitePlace()
        do {
            let other = try Database(path: place.path, access: .create, busyTimeout: .zero)
            try other.execute("create table accounts(name); insert into accounts values ('x')")
            try other.execute("pragma application_id = \(owner)")
        }
        let before = try Data(contentsOf: URL(fileURLWithPath: place.path))
        let error = #expect(throws: StoreError.self) { try store(place.path).open() }
        #expect(unusableCode(error) == "foreign_database")
        #expect(try Data(contentsOf: URL(fileURLWithPath: place.path)) == before)
    }

    @Test func aNewerSchemaIsRefusedWithASentence() throws {
        let place = try SQLitePlace()
        _ = try smallFile(place, candles: 5)
        try place.database().execute("pragma user_version = 4000")
        let error = #expect(throws: StoreError.self) { try store(place.path).open() }
        guard case .unusable(let code, let sentence) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(code == "newer_schema" && sentence.contains("4000") && sentence.contains(place.path))
        #expect(try place.rows("select count(*) from candles") == [["5"]])
    }

    @Test func theSchemaIsMadeOnceAndStaysWithItsRows() throws {
        let place = try SQLitePlace()
        _ = try smallFile(place, candles: 5)
        let schema = try place.rows("select sql from sqlite_schema order by name")
        let again = store(place.path)
        try again.open()
        #expect(try place.rows("select sql from sqlite_schema order by name") == schema)
        #expect(try place.archive().candles().count == 5)
        #expect(try place.database().string("pragma journal_mode") == "wal")
        let columns = try place.rows("select name from pragma_table_info('market_data')").map { $0[0] ?? "" }
        #expect(
            columns == [
                "symbol", "timeframe", "time", "open", "high", "low", "close", "volume", "quote_asset_volume",
                "number_of_trades", "taker_buy_base_asset_volume", "taker_buy_quote_asset_volume", "is_closed",
                "event_time",
                "source", "source_offset", "revision", "created_at", "updated_at",
            ])
    }

    @Test func aFolderThatIsNotThereIsNamed() throws {
        let error = #expect(throws: StoreError.self) { try store("/no/such/folder/klinecast.db").open() }
        guard case .unusable(_, let sentence) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(sentence.contains("/no/such/folder/klinecast.db"))
    }

    @Test func aFileCutOffAnywhereIsRefusedAndLeftAsItIs() throws {
        let place = try SQLitePlace()
        let whole = try smallFile(place, candles: 2_000)
        let cut = place.folder.file("cut.db")
        for part in 0..<100 {
            let bytes = whole.prefix(1 + (whole.count - 1) * part / 100)
            try Data(bytes).write(to: URL(fileURLWithPath: cut))
            let error = #expect(throws: StoreError.self, "\(bytes.count) bytes") { try store(cut).open() }
            #expect(unusableCode(error) != nil)
            #expect(try Data(contentsOf: URL(fileURLWithPath: cut)) == bytes)
        }
    }

    /// SQLite keeps no checksums, so a byte changed within a stored value shows in that value and nowhere else: at most
    /// one row may differ, none may be missing, none be twice, and nothing may crash.
    @Test func aFlippedByteIsFoundOrTouchesOneRowOnly() throws {
        let place = try SQLitePlace()
        let whole = try smallFile(place, candles: 300)
        let expected = try place.archive().candles()
        let path = place.folder.file("flipped.db")
        var random = SeededRandom(seed: 25)
        let factor = ProcessInfo.processInfo.environment["KLINECAST_TORTURE"] == nil ? 1 : 10
        var refused = 0
        var same = 0
        var differing = 0
        for _ in 0..<(500 * factor) {
            var bytes = whole
            let place = Int.random(in: 0..<whole.count, using: &random)
            bytes[place] ^= UInt8(1 << Int.random(in: 0..<8, using: &random))
            for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) }
            try bytes.write(to: URL(fileURLWithPath: path))
            do {
                let store = store(path)
                try store.open()
                store.close()
                let found = try SQLiteArchive(path: path).candles()
                if found == expected { same += 1 } else { differing += 1 }
                let wrong = zip(found, expected).count { $0 != $1 }
                #expect(found.count == expected.count && wrong <= 1, "byte \(place) of \(whole.count)")
            } catch StoreError.unusable {
                refused += 1
            }
        }
        print(
            "500 × \(factor) flipped bytes: \(refused) refused, \(same) without effect, \(differing) in one row's values"
        )
        #expect(refused > 0 && same > 0)
    }
}
