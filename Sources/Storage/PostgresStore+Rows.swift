internal import Persister
internal import Postgres
internal import Records

/// What comes beside candles: each kind is copied into its staging table, then inserted where its place is free.
extension PostgresStore {
    /// How many of these trade messages were not there before.
    func writeTrades(
        _ trades: ArraySlice<TradeRow>, _ steps: [PartitionStep], _ connection: Connection
    ) throws(PostgresError) -> Int {
        guard !trades.isEmpty else { return 0 }
        rows.clear()
        try connection.beginCopy(PostgresStatements.copyStagedTrades)
        for trade in trades {
            let step = steps[Int(trade.step)]
            rows.begin(fields: 12)
            rows.add(Self.target(of: trade.table))
            rows.add(step.source.topic)
            rows.add(step.generation)
            rows.add(step.source.partition)
            rows.add(trade.offset)
            rows.add(trade.timestamp)
            rows.add(trade.symbol)
            rows.add(trade.orderID)
            rows.add(trade.clientOrderID)
            rows.add(trade.strategy)
            rows.add(trade.side)
            rows.add(trade.message)
            try sendWhenFull(connection)
        }
        try connection.copy(rows.bytes)
        try connection.endCopy()
        var inserted = 0
        for table in TradeRow.Table.allCases where trades.contains(where: { $0.table == table }) {
            inserted += try connection.execute(
                PostgresStatements.insertTrades(table.rawValue, target: Int(Self.target(of: table)))
            ).changedRows
        }
        return inserted
    }

    private static func target(of table: TradeRow.Table) -> Int16 {
        switch table {
        case .signals: 0
        case .executions: 1
        case .orders: 2
        }
    }

    /// How many of these dead letters were not there before.
    func writeLetters(
        _ letters: [RefusedRecord], _ steps: [PartitionStep], _ connection: Connection
    ) throws(PostgresError) -> Int {
        guard !letters.isEmpty else { return 0 }
        rows.clear()
        try connection.beginCopy(PostgresStatements.copyStagedLetters)
        for letter in letters {
            let step = steps[Int(letter.step)]
            rows.begin(fields: 9)
            rows.add(step.source.topic)
            rows.add(step.generation)
            rows.add(step.source.partition)
            rows.add(letter.offset)
            rows.add(letter.timestamp)
            rows.add(letter.key)
            rows.add(letter.value)
            rows.add(letter.reason.rawValue)
            // A text of PostgreSQL has no zero byte; what is wrong with a record may quote one.
            rows.add(String(letter.detail.unicodeScalars.map { $0.value == 0 ? "\u{fffd}" : Character($0) }))
            try sendWhenFull(connection)
        }
        try connection.copy(rows.bytes)
        try connection.endCopy()
        return try connection.execute(PostgresStatements.insertLetters).changedRows
    }

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
