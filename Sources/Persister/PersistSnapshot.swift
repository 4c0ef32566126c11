package import Records
package import Telemetry

/// What the persister tells the rest of the process; a value, made by its thread a few times a second.
package struct PersistSnapshot: SourceReport, Sendable {
    package var counters = PersistCounters()
    package var phase: Phase = .starting
    /// The source: joined the group, and what it last complained of.
    package var isJoined = false
    package var sourceFailure: String?
    package var partitions: [PersistedPartition] = []
    /// Records taken whose rows are not in the database yet.
    package var recordsWaiting = 0
    /// Since when records wait without one being committed; `nil` while things move.
    package var stalledSince: ContinuousClock.Instant?
    /// Dead letters not yet written to Kafka.
    package var unwrittenDeadLetters = 0
    /// Partitions that wait for theirs, which can't be written now, and why.
    package var heldPartitions = 0
    package var deadLetterFailure: String?
    /// Partitions that others have claimed and the group has not taken from us.
    package var fencedPartitions = 0
    /// When the loop last came round.
    package var beat = ContinuousClock.now
    /// The newest batch's number, for a pipeline that takes this one's place.
    package var lastSerial: UInt32 = 0
    /// The newest claim's, likewise.
    package var lastTicket: UInt64 = 0
    /// Why the consumer was of no use any more; the pipeline begins anew with another one.
    package var fatal: String?

    package enum Phase: String, Sendable { case starting, running, draining, stopped }

    package init() {}
}

package struct PersistedPartition: PartitionReport, Sendable {
    package let source: SourcePartition
    package let generation: Int64
    package let fence: Int64
    /// `next_offset` in the database; where reading begins before the first commit.
    package let position: Int64
    package var committed: Int64 { position }
    package let end: Int64?
    package let lag: Int64?
    package let lagMilliseconds: Int64?
    /// Others have claimed it.
    package let isFenced: Bool
    /// The record whose dead letter it waits for.
    package let heldAt: Int64?
}

/// Counts since the start.
package struct PersistCounters: SourceCounters, Sendable {
    package var received = 0
    package var receivedBytes = 0
    /// Records whose rows, or dead letters, are committed.
    package var committed = 0
    package var batches = 0
    package var batchesWritten = 0
    package var candlesInserted = 0
    package var candlesUpdated = 0
    package var candlesUnchanged = 0
    package var candlesCorrected = 0
    /// Swallowed by a newer candle of the same key in the same batch.
    package var candlesCoalesced = 0
    package var candlesRemoved = 0
    package var tradesInserted = 0
    package var deadLetters = 0
    package var deadLettersWritten = 0
    package var refusedByReason: [Int] = Array(repeating: 0, count: PersistRefusal.allCases.count)
    package var rebalances = 0
    package var positionResets = 0
    package var topicsCreatedAnew = 0
    package var sourceFailures = 0
    package var holes = 0
    package var recordsInHoles = 0
    /// Transactions refused because others had claimed a partition.
    package var fenced = 0
    /// Batches given up and read again.
    package var restarts = 0
    /// Duration of a transaction: counts in buckets of 2^n ms (index n: at most 2^n), the last is the rest.
    package var batchBuckets: [Int] = Array(repeating: 0, count: 16)
    package var batchMilliseconds = 0

    package init() {}

    package var refusals: [(reason: String, count: Int)] {
        zip(PersistRefusal.allCases, refusedByReason).map { ($0.rawValue, $1) }
    }

    mutating func refuse(_ reason: PersistRefusal) {
        deadLetters += 1
        refusedByReason[PersistRefusal.allCases.firstIndex(of: reason)!] += 1
    }

    mutating func note(_ report: WriteReport, of batch: RowBatch, took: Duration) {
        committed += batch.recordCount
        batchesWritten += 1
        candlesInserted += report.candlesInserted
        candlesUpdated += report.candlesUpdated
        candlesUnchanged += report.candlesUnchanged
        candlesCorrected += report.candlesCorrected + batch.correctionCount
        candlesCoalesced += batch.coalescedCount
        tradesInserted += report.tradesInserted
        holes += batch.holes.count
        recordsInHoles += batch.holes.reduce(0) { $0 + Int($1.to - $1.from) }
        let milliseconds =
            Int(took.components.seconds) * 1000 + Int(took.components.attoseconds / 1_000_000_000_000_000)
        batchMilliseconds += milliseconds
        var bucket = 0
        while bucket < batchBuckets.count - 1, milliseconds > 1 << bucket { bucket += 1 }
        batchBuckets[bucket] += 1
    }
}

/// The newest snapshot, written by the pipeline's thread and read by any other.
package final class PersistStatus: Sendable {
    private let newest = Locked(PersistSnapshot())
    private let journal: ErrorJournal

    package init(journal: ErrorJournal = ErrorJournal()) { self.journal = journal }

    package var snapshot: PersistSnapshot { newest.withLock { $0 } }

    func publish(_ snapshot: PersistSnapshot) { newest.withLock { $0 = snapshot } }

    /// Keeps an error for /diagnostic.
    func note(_ code: String, _ sentence: String) { journal.record(code: code, "persister: \(sentence)") }
}
