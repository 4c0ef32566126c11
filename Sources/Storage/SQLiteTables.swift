internal import MarketData
internal import Persister
internal import Records
internal import SQLite

/// An open connection with its prepared statements, and what it has learned of the tables. Lives from an `open` of its store to the next.
final class SQLiteTables {
    let database: Database
    let group: String
    private var isDurable: Bool?
    let tally: Tally
    var candles: SQLiteCandleWriter
    private let begin: Statement
    private let commitStatement: Statement
    private let claimStatement: Statement
    private let stepStatement: Statement
    private let positionStatement: Statement
    private let holeStatement: Statement
    private let deadLetterStatement: Statement
    private let tradeStatements: [TradeRow.Table: Statement]

    init(_ database: Database, group: String) throws(SQLiteError) {
        self.database = database
        self.group = group
        tally = try Tally(named: "klinecast_note", in: database)
        candles = try SQLiteCandleWriter(database, tally: tally)
        begin = try database.prepare("begin immediate")
        commitStatement = try database.prepare("commit")
        claimStatement = try database.prepare(
            """
            insert into consumer_offsets values (?1, ?2, ?3, 0, -1, -1, 0, 1, ?4)
            on conflict do update set fence = fence + 1, updated_at = excluded.updated_at
            returning fence, generation, next_offset, last_timestamp, last_crc32
            """)
        stepStatement = try database.prepare(
            """
            update consumer_offsets set generation = ?6, next_offset = ?7, last_timestamp = ?8, last_crc32 = ?9, updated_at = ?10
            where consumer_group = ?1 and topic = ?2 and partition = ?3 and fence = ?4 and next_offset = ?5
            """)
        positionStatement = try database.prepare(
            """
            select fence, generation, next_offset from consumer_offsets
            where consumer_group = ?1 and topic = ?2 and partition = ?3
            """)
        holeStatement = try database.prepare(
            """
            insert into holes values (?1, ?2, ?3, ?4, ?5, ?6)
            on conflict do update set to_offset = max(to_offset, excluded.to_offset)
            """)
        deadLetterStatement = try database.prepare(
            """
            insert into dead_letters
            (topic, partition, generation, "offset", timestamp, key, value, reason, detail, attempts, first_seen)
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10) on conflict do nothing
            """)
        var tradeStatements: [TradeRow.Table: Statement] = [:]
        for table in TradeRow.Table.allCases {
            tradeStatements[table] = try database.prepare(
                """
                insert into \(table.rawValue)
                (topic, generation, partition, "offset", timestamp, symbol, order_id, client_order_id, strategy, side,
                message, created_at)
                values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                on conflict (topic, generation, partition, "offset") do nothing
                """)
        }
        self.tradeStatements = tradeStatements
    }

    /// - Parameter isDurable: whether the commit returns only when all is on the disk.
    func begin(isDurable: Bool) throws(WriteStop) {
        try asking { () throws(SQLiteError) in
            // Can't change within a transaction.
            if self.isDurable != isDurable {
                try database.execute("pragma synchronous = \(isDurable ? "full" : "normal")")
                self.isDurable = isDurable
            }
            try begin.run()
        }
    }

    func commit() throws(WriteStop) { try asking(commitStatement.run) }

    /// What was learned within the transaction goes too.
    func rollback() {
        if !database.isOutsideTransaction { try? database.execute("rollback") }
        candles.forget()
    }

    func claim(_ source: SourcePartition, now: Int64) throws(WriteStop) -> Claim {
        try asking { () throws(SQLiteError) in
            claimStatement.bind(1, group)
            claimStatement.bind(2, source.topic)
            claimStatement.bind(3, Int64(source.partition))
            claimStatement.bind(4, now)
            guard try claimStatement.step() else {
                throw .wrongUse(.init(code: 1, words: "a claim gave no row"))
            }
            let nextOffset = claimStatement.integer(2)
            let position = StoredPosition(
                nextOffset: nextOffset, lastTimestamp: claimStatement.integer(3),
                lastCRC32: UInt32(truncatingIfNeeded: claimStatement.integer(4)))
            let claim = Claim(
                fence: claimStatement.integer(0), generation: claimStatement.integer(1),
                position: nextOffset < 0 ? nil : position)
            try claimStatement.run()
            return claim
        }
    }

    func write(_ batch: RowBatch, now: Int64) throws(WriteStop) -> WriteReport {
        // First the fence: most of what fails, fails here, with nothing written yet.
        if try move(batch.steps, now: now) == .hadMovedBefore { return WriteReport() }
        return try writeRows(batch, now: now)
    }

    /// All of a batch but its steps.
    func writeRows(_ batch: RowBatch, now: Int64) throws(WriteStop) -> WriteReport {
        var report = WriteReport()
        var refused: [StoreError.RefusedRow] = []
        try candles.write(batch, now: now, report: &report, refused: &refused)
        for row in batch.trades {
            let step = batch.steps[Int(row.step)]
            do {
                if try insert(row, step: step, now: now) { report.tradesInserted += 1 }
            } catch .constraint(let detail) {
                refused.append(.init(source: step.source, offset: row.offset, sentence: detail.words))
            } catch {
                throw .database(error)
            }
        }
        guard refused.isEmpty else { throw .refused(refused) }
        try asking { () throws(SQLiteError) in
            for record in batch.refused {
                if try insert(record, step: batch.steps[Int(record.step)], now: now) {
                    report.deadLettersInserted += 1
                }
            }
            for hole in batch.holes { try insert(hole, now: now) }
        }
        return report
    }

    private enum Movement { case moved, hadMovedBefore }

    private func move(_ steps: [PartitionStep], now: Int64) throws(WriteStop) -> Movement {
        var movedBefore = 0
        var lost: [SourcePartition] = []
        for step in steps {
            let isMoved = try asking { () throws(SQLiteError) in
                stepStatement.bind(1, group)
                stepStatement.bind(2, step.source.topic)
                stepStatement.bind(3, Int64(step.source.partition))
                stepStatement.bind(4, step.fence)
                stepStatement.bind(5, step.expectedOffset)
                stepStatement.bind(6, step.generation)
                stepStatement.bind(7, step.nextOffset)
                stepStatement.bind(8, step.lastTimestamp)
                stepStatement.bind(9, Int64(step.lastCRC32))
                stepStatement.bind(10, now)
                try stepStatement.run()
                return database.changes == 1
            }
            if isMoved { continue }
            if try stands(at: step) { movedBefore += 1 } else { lost.append(step.source) }
        }
        guard lost.isEmpty else { throw .fenced(lost) }
        if movedBefore == 0 { return .moved }
        // A batch is one transaction: of a batch that was committed each step stands at its end.
        guard movedBefore == steps.count else { throw .fenced(steps.map(\.source)) }
        return .hadMovedBefore
    }

    /// Whether this very step was committed before, by us.
    private func stands(at step: PartitionStep) throws(WriteStop) -> Bool {
        try asking { () throws(SQLiteError) in
            positionStatement.bind(1, group)
            positionStatement.bind(2, step.source.topic)
            positionStatement.bind(3, Int64(step.source.partition))
            guard try positionStatement.step() else { return false }
            defer { positionStatement.reset() }
            return positionStatement.integer(0) == step.fence && positionStatement.integer(1) == step.generation
                && positionStatement.integer(2) == step.nextOffset
        }
    }

    private func insert(_ row: TradeRow, step: PartitionStep, now: Int64) throws(SQLiteError) -> Bool {
        guard let statement = tradeStatements[row.table] else { return false }
        statement.bind(1, step.source.topic)
        statement.bind(2, step.generation)
        statement.bind(3, Int64(step.source.partition))
        statement.bind(4, row.offset)
        statement.bind(5, row.timestamp)
        statement.bind(6, row.symbol)
        statement.bind(7, row.orderID)
        statement.bind(8, row.clientOrderID)
        statement.bind(9, row.strategy)
        statement.bind(10, row.side)
        unsafe row.message.withUnsafeBytes { unsafe statement.bind(11, text: $0) }
        statement.bind(12, now)
        try statement.run()
        return database.changes == 1
    }

    private func insert(_ record: RefusedRecord, step: PartitionStep, now: Int64) throws(SQLiteError) -> Bool {
        deadLetterStatement.bind(1, step.source.topic)
        deadLetterStatement.bind(2, Int64(step.source.partition))
        deadLetterStatement.bind(3, step.generation)
        deadLetterStatement.bind(4, record.offset)
        deadLetterStatement.bind(5, record.timestamp)
        deadLetterStatement.bind(6, blob: record.key)
        deadLetterStatement.bind(7, blob: record.value)
        deadLetterStatement.bind(8, record.reason.rawValue)
        deadLetterStatement.bind(9, record.detail)
        deadLetterStatement.bind(10, now)
        try deadLetterStatement.run()
        return database.changes == 1
    }

    private func insert(_ hole: Hole, now: Int64) throws(SQLiteError) {
        holeStatement.bind(1, hole.source.topic)
        holeStatement.bind(2, Int64(hole.source.partition))
        holeStatement.bind(3, hole.generation)
        holeStatement.bind(4, hole.from)
        holeStatement.bind(5, hole.to)
        holeStatement.bind(6, now)
        try holeStatement.run()
    }

    /// One series after the other, each from its oldest candle on.
    func removeCandles(before time: Int64, limit: Int) throws(WriteStop) -> Int {
        try asking { () throws(SQLiteError) in
            let each = try database.prepare("select id from series order by id")
            // The first one that stays because of the limit; DELETE itself has no limit in most builds of SQLite.
            let bound = try database.prepare(
                "select time from candles where series = ?1 and time < ?2 order by time limit 1 offset ?3")
            let removal = try database.prepare("delete from candles where series = ?1 and time < ?2")
            var removed = 0
            while removed < limit, try each.step() {
                let series = each.integer(0)
                bound.bind(1, series)
                bound.bind(2, time)
                bound.bind(3, Int64(limit - removed))
                let end = try bound.step() ? bound.integer(0) : time
                bound.reset()
                removal.bind(1, series)
                removal.bind(2, end)
                try removal.run()
                removed += database.changes
            }
            return removed
        }
    }

    private func asking<Answer>(_ question: () throws(SQLiteError) -> Answer) throws(WriteStop) -> Answer {
        do { return try question() } catch { throw .database(error) }
    }
}
