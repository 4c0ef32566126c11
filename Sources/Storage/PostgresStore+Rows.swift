internal import Persister
internal import Postgres
internal import Records

/// What comes beside candles: copied straight into its table. It comes with the position that moves past it, so that a key
/// which is there already is rare; a staging table is made for those alone, since the server empties one at each commit for
/// half a millisecond.
extension PostgresStore {
    /// How many of these trade messages were not there before.
    func writeTrades(
        _ trades: ArraySlice<TradeRow>, _ steps: [PartitionStep], _ connection: Connection
    ) throws(PostgresError) -> Int {
        var inserted = 0
        for table in TradeRow.Table.allCases where trades.contains(where: { $0.table == table }) {
            inserted += try write(into: PostgresStatements.trades(table), connection) { () throws(PostgresError) in
                for trade in trades where trade.table == table {
                    begin(fields: 11, steps[Int(trade.step)], trade.offset, trade.timestamp)
                    rows.add(trade.symbol)
                    rows.add(trade.orderID)
                    rows.add(trade.clientOrderID)
                    rows.add(trade.strategy)
                    rows.add(trade.side)
                    rows.add(trade.message)
                    try sendWhenFull(connection)
                }
            }
        }
        return inserted
    }

    /// How many of these dead letters were not there before.
    func writeLetters(
        _ letters: [RefusedRecord], _ steps: [PartitionStep], _ connection: Connection
    ) throws(PostgresError) -> Int {
        guard !letters.isEmpty else { return 0 }
        return try write(into: PostgresStatements.letters, connection) { () throws(PostgresError) in
            for letter in letters {
                begin(fields: 9, steps[Int(letter.step)], letter.offset, letter.timestamp)
                rows.add(letter.key)
                rows.add(letter.value)
                rows.add(letter.reason.rawValue)
                // A text of PostgreSQL has no zero byte; what is wrong with a record may quote one.
                rows.add(String(letter.detail.unicodeScalars.map { $0.value == 0 ? "\u{fffd}" : Character($0) }))
                try sendWhenFull(connection)
            }
        }
    }

    /// A row of any of these tables starts with where its record stands in Kafka.
    private func begin(fields: Int, _ step: PartitionStep, _ offset: Int64, _ timestamp: Int64) {
        rows.begin(fields: fields)
        rows.add(step.source.topic)
        rows.add(step.generation)
        rows.add(step.source.partition)
        rows.add(offset)
        rows.add(timestamp)
    }

    /// - Parameter encode: puts all rows into `rows`; called twice where the table holds one of their keys.
    /// - Returns: how many rows were new.
    private func write(
        into table: PostgresStatements.Table, _ connection: Connection, encode: () throws(PostgresError) -> Void
    ) throws(PostgresError) -> Int {
        func send() throws(PostgresError) {
            rows.clear()
            try encode()
            try connection.copy(rows.bytes)
        }
        if let inserted = try copyStraight(table.copy, connection, send: send) { return inserted }
        try connection.execute(table.makeStaging)
        try connection.beginCopy(table.copyStaged)
        try send()
        try connection.endCopy()
        return try connection.execute(table.insertStaged).changedRows
    }

    /// Copies rows into a table without staging; the number of rows. `nil` when one of the keys was there: nothing is written
    /// then, and the transaction goes on.
    func copyStraight(
        _ statement: String, _ connection: Connection, send: () throws(PostgresError) -> Void
    ) throws(PostgresError) -> Int? {
        do {
            try connection.beginCopy("SAVEPOINT straight; \(statement)")
            try send()
            return try connection.endCopy()
        } catch {
            guard error.state == Self.duplicateKey else { throw error }
            try connection.execute("ROLLBACK TO SAVEPOINT straight; RELEASE SAVEPOINT straight")
            return nil
        }
    }

    private static let duplicateKey = "23505"

    /// Where libpq's buffer does not have to grow for the next row.
    private static let sendLimit = 256 << 10

    private func sendWhenFull(_ connection: Connection) throws(PostgresError) {
        guard rows.bytes.count >= Self.sendLimit else { return }
        try connection.copy(rows.bytes)
        rows.clear()
    }

    func writeHoles(_ holes: [Hole], _ connection: Connection) throws(PostgresError) {
        guard !holes.isEmpty else { return }
        try connection.execute(
            PostgresStatements.insertHoles,
            [
                .array(holes.map(\.source.topic)), .array(holes.map(\.source.partition)),
                .array(holes.map(\.generation)), .array(holes.map(\.from)), .array(holes.map(\.to)),
            ])
    }
}
