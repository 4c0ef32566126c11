package import Configuration
internal import MarketData
package import Persister
internal import Postgres
package import Records

/// Writes batches into PostgreSQL: one connection, one transaction a batch. Confined to one thread; every call blocks, at
/// most for the deadlines given.
///
/// A transaction begins with the rows of `consumer_offsets`, locked in one order by everybody, so that a second process
/// that believes it owns a partition waits for this one's end and then finds another fence.
package final class PostgresStore: Store {
    private let settings: Connection.Settings
    let group: String
    var connection: Connection?
    let encoder = CandleEncoder()
    var plan = WritePlan()
    var rows = CopyRows()
    /// The table's numbers of all series seen over this connection.
    private var knownSeries: [Series: Int32] = [:]
    /// Those of the newest batch's series, by its own numbers, and these series.
    private var identifiers: [Int32] = []
    private var identified: [Series] = []

    /// - Parameters:
    ///   - group: the consumer group whose positions these are.
    ///   - statementDeadline: silence that ends the connection. The server gives up on a statement before that.
    package init(
        url: Secret, group: String, connectDeadline: Duration = .seconds(10),
        statementDeadline: Duration = .seconds(30)
    ) {
        settings = Connection.Settings(
            url: url, connectDeadline: connectDeadline, statementDeadline: statementDeadline)
        self.group = group
    }

    /// Between two statements of a transaction lie microseconds: who stands still for longer is frozen, and holds the rows of
    /// partitions that others may have been given.
    private static let standstillMilliseconds: Int64 = 10_000

    package func open() throws(StoreError) {
        close()
        do {
            let fresh = try Connection(settings)
            // A batch finds its rows by their key; without statistics of the staging table the planner might read all of
            // the other. The server's own limits come first, so that what we leave behind does not hold its locks: of a statement,
            // of a lock, and of a process that stands still within a transaction.
            let limit = max(1, settings.statementDeadline.milliseconds * 9 / 10)
            try fresh.execute(
                """
                SET statement_timeout = \(limit); SET lock_timeout = \(limit);
                SET idle_in_transaction_session_timeout = \(min(limit, Self.standstillMilliseconds));
                SET enable_hashjoin = off; SET enable_mergejoin = off; SET bytea_output = hex
                """)
            try Self.checkEncoding(of: fresh)
            try PostgresSchema.migrate(fresh)
            try fresh.execute(PostgresStatements.makeStaging)
            try fresh.prepare(PostgresStatements.lockPositionsName, PostgresStatements.lockPositions)
            try fresh.prepare(PostgresStatements.movePositionsName, PostgresStatements.movePositions)
            connection = fresh
        } catch let error as StoreError {
            throw error
        } catch let error as PostgresError {
            throw StoreError(error)
        } catch {
            throw .unusable(code: "postgres", sentence: "\(error)")
        }
    }

    /// Messages are UTF-8; another encoding has no place for much of it.
    private static func checkEncoding(of connection: Connection) throws {
        let encoding = try connection.execute("SHOW server_encoding").text(0, 0) ?? ""
        guard encoding == "UTF8" || encoding == "SQL_ASCII" else {
            throw StoreError.unusable(
                code: "encoding",
                sentence: "the database's encoding is \(encoding), must be UTF8:"
                    + " CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0")
        }
    }

    package func close() {
        connection?.close()
        connection = nil
        knownSeries = [:]
        identified = []
        identifiers = []
    }

    package func claim(_ partitions: [SourcePartition]) throws(StoreError) -> [Claim] {
        guard !partitions.isEmpty else { return [] }
        let distinct = Array(Set(partitions))
        let found = try run { connection throws(PostgresError) in
            try connection.execute(
                PostgresStatements.claim,
                [.text(group), .array(distinct.map(\.topic)), .array(distinct.map(\.partition))])
        }
        var claims: [SourcePartition: Claim] = [:]
        for row in 0..<found.rowCount {
            let source = SourcePartition(
                topic: found.text(row, 0) ?? "", partition: Int32(truncatingIfNeeded: found.integer(row, 1) ?? -1))
            let next = found.integer(row, 4) ?? -1
            let position = StoredPosition(
                nextOffset: next, lastTimestamp: found.integer(row, 5) ?? -1,
                lastCRC32: UInt32(truncatingIfNeeded: found.integer(row, 6) ?? 0))
            claims[source] = Claim(
                fence: found.integer(row, 2) ?? 0, generation: found.integer(row, 3) ?? 0,
                position: next < 0 ? nil : position)
        }
        let answer = partitions.compactMap { claims[$0] }
        guard answer.count == partitions.count else {
            throw .unusable(
                code: "postgres", sentence: "consumer_offsets did not take every partition: has it a trigger?")
        }
        return answer
    }

    package func write(_ batch: RowBatch) throws(StoreError) -> WriteReport {
        if batch.isEmpty { return WriteReport() }
        let outcome: Outcome
        do {
            outcome = try attempt(batch)
        } catch {
            rollBack()
            guard StoreError.isAboutData(error) else { throw failure(error) }
            let refused = try findRefused(batch)
            // Not found again: the row that it met is gone, so the same batch may pass now.
            guard !refused.isEmpty else { throw failure(error) }
            throw .refused(refused)
        }
        switch outcome {
        case .written(let report): return report
        case .fenced(let partitions):
            rollBack()
            throw .fenced(partitions)
        case .refused(let rows):
            rollBack()
            throw .refused(rows)
        }
    }

    package func removeCandles(before time: Int64, limit: Int) throws(StoreError) -> Int {
        try run { connection throws(PostgresError) in
            try connection.execute(
                PostgresStatements.removeCandles,
                [.integer(PostgresTime.clamped(time)), .integer(Int64(max(0, limit)))]
            ).changedRows
        }
    }

    /// All of a batch but its steps: no position moves, no fence is asked. Of a batch of several records that the database
    /// won't take, the first stands for all in the answer.
    func writeRows(_ batch: RowBatch) throws(StoreError) -> WriteReport {
        do {
            let connection = try open(connection)
            let identifiers = try identify(batch.series, connection)
            try connection.execute("BEGIN")
            var report = WriteReport()
            try writeCandles(batch, identifiers, connection, &report)
            if let row = encoder.unencodable.first {
                rollBack()
                throw StoreError.refused([unsafe refusal(batch, batch.candles[row.index], row.sentence)])
            }
            report.tradesInserted = try writeTrades(batch.trades[...], batch.steps, connection)
            try connection.execute("COMMIT")
            return report
        } catch let error as StoreError {
            throw error
        } catch let error as PostgresError {
            rollBack()
            guard StoreError.isAboutData(error), let step = batch.steps.first else { throw failure(error) }
            throw .refused([.init(source: step.source, offset: step.nextOffset - 1, sentence: "\(error)")])
        } catch {
            throw .unusable(code: "postgres", sentence: "\(error)")
        }
    }

    private enum Outcome {
        case written(WriteReport)
        case fenced([SourcePartition])
        case refused([StoreError.RefusedRow])
    }

    private func attempt(_ batch: RowBatch) throws(PostgresError) -> Outcome {
        let connection = try open(connection)
        let identifiers = try identify(batch.series, connection)
        try connection.execute("BEGIN")
        switch try standing(of: batch.steps, connection) {
        case .fenced(let partitions): return .fenced(partitions)
        case .committedBefore:
            try connection.execute("ROLLBACK")
            return .written(WriteReport())
        case .ours: break
        }
        var report = WriteReport()
        try writeCandles(batch, identifiers, connection, &report)
        guard encoder.unencodable.isEmpty else {
            return .refused(
                encoder.unencodable.map { unsafe refusal(batch, batch.candles[$0.index], $0.sentence) })
        }
        report.tradesInserted = try writeTrades(batch.trades[...], batch.steps, connection)
        report.deadLettersInserted = try writeLetters(batch.refused, batch.steps, connection)
        try writeHoles(batch.holes, connection)
        let lost = try move(batch.steps, connection)
        guard lost.isEmpty else { return .fenced(lost) }
        try connection.execute("COMMIT")
        return .written(report)
    }

    func open(_ connection: Connection?) throws(PostgresError) -> Connection {
        guard let connection, connection.isOpen else { throw .closed }
        return connection
    }

    /// One call outside a batch; its errors in the store's words.
    private func run<Value>(_ body: (Connection) throws(PostgresError) -> Value) throws(StoreError) -> Value {
        do {
            return try body(open(connection))
        } catch {
            rollBack()
            throw failure(error)
        }
    }

    /// Ends a transaction that failed; closes the connection when even that does.
    func rollBack() {
        guard let connection, connection.isOpen else { return }
        if (try? connection.execute("ROLLBACK")) == nil { connection.close() }
    }

    /// `mustReopen` also when the connection did not outlive the error.
    func failure(_ error: PostgresError) -> StoreError {
        let failure = StoreError(error)
        guard case .unavailable(let code, let sentence, false) = failure, connection?.isOpen != true else {
            return failure
        }
        return .unavailable(code: code, sentence: sentence, mustReopen: true)
    }

    /// The table's numbers of a batch's series; new ones are added in a transaction of their own, so that a number once
    /// known stays true whatever becomes of the batch.
    func identify(_ series: [Series], _ connection: Connection) throws(PostgresError) -> [Int32] {
        // One pipeline's lists only grow; another's may say something else.
        if !series.starts(with: identified) {
            identified = []
            identifiers = []
        }
        let fresh = series[identified.count...]
        guard !fresh.isEmpty else { return identifiers }
        // The second time for what another connection added at the same moment.
        for _ in 0..<2 {
            let unknown = Set(fresh.filter { knownSeries[$0] == nil })
            if unknown.isEmpty { break }
            try learn(Array(unknown), connection)
        }
        for one in fresh {
            guard let identifier = knownSeries[one] else {
                throw .unexpected(words: "table series did not take \(one.symbol) \(one.timeframe.rawValue)")
            }
            identifiers.append(identifier)
            identified.append(one)
        }
        return identifiers
    }

    private func learn(_ unknown: [Series], _ connection: Connection) throws(PostgresError) {
        let found = try connection.execute(
            PostgresStatements.addSeries,
            [.array(unknown.map(\.symbol)), .array(unknown.map(\.timeframe.rawValue))])
        for row in 0..<found.rowCount {
            guard let identifier = found.integer(row, 0), let symbol = found.text(row, 1),
                let timeframe = found.text(row, 2).flatMap({ Timeframe(rawValue: $0) })
            else { continue }
            knownSeries[Series(symbol: symbol, timeframe: timeframe)] = Int32(truncatingIfNeeded: identifier)
        }
    }

    func refusal(_ batch: RowBatch, _ row: CandleRow, _ sentence: String) -> StoreError.RefusedRow {
        StoreError.RefusedRow(
            source: batch.steps[Int(row.step)].source, offset: row.offset, sentence: sentence)
    }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}

enum PostgresTime {
    /// Into the years 1 to 9999, which every server takes: for the limits of a query.
    static func clamped(_ milliseconds: Int64) -> Int64 {
        min(max(milliseconds, -62_135_596_800_000), 253_402_300_799_999)
    }
}
