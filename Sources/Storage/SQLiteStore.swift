internal import Foundation
package import Persister
package import Records
internal import SQLite

/// The tables in one SQLite file, in WAL mode, through one connection. Confined to one thread.
///
/// A call blocks at most for the busy timeout on another writer's lock and then says `unavailable`, so that whoever runs
/// this thread learns soon enough that it is to stop; and for as long as the disk takes.
///
/// A transaction with signals, executions or orders is on the disk when `write` returns (`synchronous = FULL`), and all before it. One
/// with candles alone may be lost with the power, rows and position together (NORMAL): Kafka still has them.
package final class SQLiteStore: Store {
    package struct Options: Sendable {
        /// Longer than any reader's or sibling's transaction, shorter than a stop may take.
        package var busyTimeout: Duration = .seconds(1)
        /// 2,000 series touch 2,000 pages and more a batch; with SQLite's own 2 MB each would be read again.
        package var cacheBytes = 16 << 20
        /// The file's most pages (4,096 bytes each); SQLite's own limit when `nil`.
        package var maximumPages: Int?
        /// Whether this process has the file open already, and so has looked at its header.
        package var isOpenElsewhere = false

        package init() {}
    }

    private let path: String
    private let group: String
    private let options: Options
    private var tables: SQLiteTables?

    /// - Parameter group: `consumer_offsets.consumer_group`: whose positions these are.
    package init(path: String, group: String, options: Options = Options()) {
        self.path = path
        self.group = group
        self.options = options
    }

    package func open() throws(StoreError) {
        close()
        let database = try SQLiteFile.open(
            path, access: .create, busyTimeout: options.busyTimeout,
            readsHeader: !options.isOpenElsewhere)
        do throws(SQLiteError) {
            // 16,000 pages: with many series a page is written once for many batches (measured, twice as fast as 1,000).
            try database.execute(
                "pragma wal_autocheckpoint = 16000; pragma cache_size = -\(options.cacheBytes >> 10)")
            if let pages = options.maximumPages { try database.execute("pragma max_page_count = \(pages)") }
            tables = try SQLiteTables(database, group: group)
        } catch {
            throw StoreError(error, path: path)
        }
    }

    package func close() { tables = nil }

    package func claim(_ partitions: [SourcePartition]) throws(StoreError) -> [Claim] {
        try transaction(isDurable: false) { tables throws(WriteStop) in
            var claims: [Claim] = []
            for partition in partitions { claims.append(try tables.claim(partition, now: Self.now)) }
            return claims
        }
    }

    package func write(_ batch: RowBatch) throws(StoreError) -> WriteReport {
        if batch.isEmpty { return WriteReport() }
        return try transaction(isDurable: !batch.trades.isEmpty) { tables throws(WriteStop) in
            try tables.write(batch, now: Self.now)
        }
    }

    /// All of a batch but its steps: no position moves, no fence is asked.
    func writeRows(_ batch: RowBatch) throws(StoreError) -> WriteReport {
        try transaction(isDurable: true) { tables throws(WriteStop) in try tables.writeRows(batch, now: Self.now) }
    }

    package func removeCandles(before time: Int64, limit: Int) throws(StoreError) -> Int {
        try transaction(isDurable: false) { tables throws(WriteStop) in
            try tables.removeCandles(before: time, limit: limit)
        }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

    /// Runs `body` in one transaction that has the writer's lock from its start, so that no lock can fail it half-way.
    private func transaction<Answer>(
        isDurable: Bool, _ body: (SQLiteTables) throws(WriteStop) -> Answer
    ) throws(StoreError) -> Answer {
        guard let tables else {
            throw .unavailable(code: "closed", sentence: "\(path) is not open", mustReopen: true)
        }
        do throws(WriteStop) {
            try tables.begin(isDurable: isDurable)
            let answer = try body(tables)
            try tables.commit()
            return answer
        } catch {
            tables.rollback()
            switch error {
            case .fenced(let partitions): throw .fenced(partitions)
            case .refused(let rows): throw .refused(rows)
            case .database(let error): throw StoreError(error, path: path)
            }
        }
    }
}

/// Why a transaction is rolled back.
enum WriteStop: Error {
    case fenced([SourcePartition])
    case refused([StoreError.RefusedRow])
    case database(SQLiteError)
}
