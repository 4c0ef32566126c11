internal import Persister
internal import Postgres

/// After the server refused a batch for its data: which rows. The batch is halved until single rows are left, each part
/// tried in a savepoint; nothing of it stays.
extension PostgresStore {
    /// How many rows are named at once; the rest of the batch is tried again without them.
    private static let refusalLimit = 1_000

    func findRefused(_ batch: RowBatch) throws(StoreError) -> [StoreError.RefusedRow] {
        var refused: [StoreError.RefusedRow] = []
        do {
            let connection = try open(connection)
            let identifiers = try identify(batch.series, connection)
            try connection.execute("BEGIN")
            encoder.begin(batch, identifiers: identifiers)
            try halve(0..<batch.candleCount, connection, &refused) { part throws(PostgresError) in
                var report = WriteReport()
                try upsert(part, of: batch, connection, &report)
            } name: { place, sentence in
                let index = Int(encoder.order[place].index)
                return unsafe refusal(batch, batch.candles[index], sentence)
            }
            try halve(0..<batch.trades.count, connection, &refused) { part throws(PostgresError) in
                _ = try writeTrades(batch.trades[part], batch.steps, connection)
            } name: { place, sentence in
                let trade = batch.trades[place]
                return StoreError.RefusedRow(
                    source: batch.steps[Int(trade.step)].source, offset: trade.offset, sentence: sentence)
            }
            try connection.execute("ROLLBACK")
        } catch {
            rollBack()
            throw failure(error)
        }
        return refused
    }

    private func halve(
        _ range: Range<Int>, _ connection: Connection, _ refused: inout [StoreError.RefusedRow],
        _ attempt: (Range<Int>) throws(PostgresError) -> Void,
        name: (Int, String) -> StoreError.RefusedRow
    ) throws(PostgresError) {
        var parts = [range]
        while let part = parts.popLast(), refused.count < Self.refusalLimit {
            guard !part.isEmpty else { continue }
            try connection.execute("SAVEPOINT part")
            do {
                try attempt(part)
            } catch {
                guard StoreError.isAboutData(error) else { throw error }
                if part.count == 1 {
                    refused.append(name(part.lowerBound, "\(error)"))
                } else {
                    let middle = part.lowerBound + part.count / 2
                    parts += [middle..<part.upperBound, part.lowerBound..<middle]
                }
            }
            try connection.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
        }
    }
}
