import Configuration
import MarketData
import Persister
import Records
import Storage
import TestRigs

/// A database of its own with the tables of the persister, written by its own store; for commands to read.
final class FilledTables {
    enum Kind: String, CaseIterable, Sendable {
        case sqlite, postgres

        /// SQLite, and PostgreSQL where its server is installed.
        static let here = allCases.filter { $0 == .sqlite || PostgresServer.isInstalled }
    }

    let url: String
    let store: any Store
    private let folder: TemporaryFolder
    private let server: PostgresServer?
    private let series = SeriesTable()
    private var next: [SourcePartition: Int64] = [:]

    init(_ kind: Kind) throws {
        folder = try TemporaryFolder("filled")
        switch kind {
        case .sqlite:
            server = nil
            url = "sqlite:\(folder.file("klinecast.db"))"
        case .postgres:
            let server = try PostgresServer()
            self.server = server
            url = server.url()
        }
        store = try DatabaseURL(parsing: url).store(group: "klinecast.persister", statementTimeout: .seconds(30))
        try store.open()
    }

    deinit { store.close() }

    /// Writes the values of one topic from offset 0 of its partition 0 on, as the persister would.
    func write(_ values: [String], to topic: String, refused: [RefusedRecord] = [], holes: [Hole] = []) throws {
        let source = SourcePartition(topic: topic, partition: 0)
        let fence = try store.claim([source])[0].fence
        let batch = RowBatch(limits: RowBatchLimits(rows: max(1, values.count), bytes: 1 << 20))
        var decoder = CandleDecoder(messageLimit: 1 << 20)
        if let market = MarketTopic(topic) {
            let candles = CandleTopic(market, in: series)
            for (offset, value) in values.enumerated() {
                let refusal = unsafe Array(value.utf8).withUnsafeBytes { bytes in
                    let record = unsafe Record(
                        kind: .record, slot: 0, offset: Int64(offset), timestamp: -1, key: nil, value: bytes,
                        handle: nil)
                    return unsafe decoder.decode(record, of: candles, step: 0, into: batch)
                }
                if let refusal { throw NeverHappened(description: "\(refusal): \(decoder.refusalDetail)") }
            }
        }
        for record in refused { batch.add(record) }
        batch.holes = holes
        batch.series = series.all
        let end = Int64(values.count + refused.count)
        batch.steps = [
            PartitionStep(
                source: source, generation: 0, fence: fence, expectedOffset: -1, nextOffset: end, lastTimestamp: 7,
                lastCRC32: 9)
        ]
        _ = try store.write(batch)
    }

    /// Runs the built binary on these tables.
    func run(_ words: String...) throws -> Program.Result {
        try Program(words, ["DATABASE_URL": url]).result()
    }

    static func refused(_ offset: Int64, _ value: String?, _ reason: PersistRefusal) -> RefusedRecord {
        RefusedRecord(
            step: 0, offset: offset, timestamp: 1_735_700_460_001, key: Array("BTCUSDT".utf8),
            value: value.map { Array($0.utf8) }, reason: reason, detail: "as the test says")
    }
}
