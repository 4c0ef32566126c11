/// What every pipeline tells the rest of the process of its source and its dead letters.
package protocol SourceReport {
    associatedtype Counters: SourceCounters
    associatedtype Partition: PartitionReport
    var counters: Counters { get }
    var isJoined: Bool { get }
    var partitions: [Partition] { get }
    var unwrittenDeadLetters: Int { get }
}

/// Counts since the start.
package protocol SourceCounters {
    var received: Int { get }
    var receivedBytes: Int { get }
    var refusals: [(reason: String, count: Int)] { get }
    var deadLettersWritten: Int { get }
    var rebalances: Int { get }
    var sourceFailures: Int { get }
    var positionResets: Int { get }
}

package protocol PartitionReport {
    var source: SourcePartition { get }
    /// The offset after the last record that is done.
    var position: Int64 { get }
    /// What a restart goes on from.
    var committed: Int64 { get }
    /// The log's end; `nil` until the broker has said it.
    var end: Int64? { get }
    var lag: Int64? { get }
    /// Now minus the time of the last record done, in ms; 0 at the log's end, `nil` before the first record.
    var lagMilliseconds: Int64? { get }
}

extension SourceReport {
    /// The sentence about partitions whose last record is older than this; `nil` when there is none.
    package func behind(over limit: Int64) -> String? {
        let behind = partitions.filter { ($0.lag ?? 0) > 0 && ($0.lagMilliseconds ?? 0) > limit }
        guard let worst = behind.max(by: { ($0.lagMilliseconds ?? 0) < ($1.lagMilliseconds ?? 0) }) else { return nil }
        return "\(behind.count) partitions are behind, \(worst.source.topic)/\(worst.source.partition) by "
            + "\((worst.lagMilliseconds ?? 0) / 1000) s and \(worst.lag ?? 0) records"
    }
}
