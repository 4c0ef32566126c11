internal import Persister
internal import Postgres

extension PostgresStore {
    /// All candles of a batch, the likelier way first. Rows without a binary form are left out; the encoder names them.
    func writeCandles(
        _ batch: RowBatch, _ identifiers: [Int32], _ connection: Connection, _ report: inout WriteReport
    ) throws(PostgresError) {
        encoder.begin(batch, identifiers: identifiers)
        let places = 0..<batch.candleCount
        guard !places.isEmpty else { return }
        if plan.first == .straight {
            let inserted = try copyStraight(PostgresStatements.copyCandles, connection) { () throws(PostgresError) in
                try send(places, of: batch, connection)
            }
            if let inserted {
                plan.note(hadConflict: false)
                report.candlesInserted += inserted
                return
            }
        }
        guard encoder.unencodable.isEmpty else { return }
        try upsert(places, of: batch, connection, &report)
        plan.note(hadConflict: report.candlesInserted < batch.candleCount)
    }

    func upsert(
        _ places: Range<Int>, of batch: RowBatch, _ connection: Connection, _ report: inout WriteReport
    ) throws(PostgresError) {
        try connection.beginCopy(PostgresStatements.copyStagedCandles)
        try send(places, of: batch, connection)
        let staged = try connection.endCopy()
        let changed = try connection.execute(PostgresStatements.updateCandles)
        var updated = Int(changed.integer(0, 0) ?? 0)
        var inserted = 0
        if updated < staged {
            let added = try connection.execute(PostgresStatements.insertCandles)
            inserted = Int(added.integer(0, 0) ?? 0)
            updated += Int(added.integer(0, 1) ?? 0)
        }
        report.candlesInserted += inserted
        report.candlesUpdated += updated
        report.candlesUnchanged += staged - inserted - updated
        report.candlesCorrected += Int(changed.integer(0, 1) ?? 0)
    }

    private func send(
        _ places: Range<Int>, of batch: RowBatch, _ connection: Connection
    ) throws(PostgresError) {
        try unsafe encoder.encode(places, of: batch) { bytes throws(PostgresError) in
            try unsafe connection.copy(bytes)
        }
    }
}
