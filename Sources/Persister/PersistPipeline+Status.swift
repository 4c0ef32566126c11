import Records
import Telemetry

/// What the persister tells the rest of the process.
extension PersistPipeline {
    /// At most five times a second, and at least once: the loop wakes once a second at the latest.
    mutating func publish(_ now: ContinuousClock.Instant) {
        guard publishAt.map({ now >= $0 }) ?? true else { return }
        publishAt = now + .milliseconds(200)
        snapshot.beat = now
        // What the group gave us and we have not taken over is read by nobody.
        snapshot.isJoined = source.isJoined && assignment == nil
        if snapshot.isJoined { snapshot.sourceFailure = nil }
        let committed = snapshot.counters.committed
        snapshot.recordsWaiting = sealed.reduce(filling.recordCount + (writing?.recordCount ?? 0)) {
            $0 + $1.batch.recordCount
        }
        if snapshot.recordsWaiting == 0 || committed != committedBefore {
            snapshot.stalledSince = nil
        } else {
            snapshot.stalledSince = snapshot.stalledSince ?? now
        }
        committedBefore = committed
        snapshot.unwrittenDeadLetters = unwrittenCount
        // Once a second: the library looks for a topic among all of them, name by name.
        if describeAt.map({ now >= $0 }) ?? true {
            describeAt = now + .seconds(1)
            let wall = Timestamp.now()
            snapshot.partitions = partitions.compactMap { $0.map { describe($0, wall) } }
        }
        snapshot.heldPartitions = partitions.count { $0?.heldAt != nil }
        if snapshot.heldPartitions == 0 { snapshot.deadLetterFailure = nil }
        snapshot.fencedPartitions = partitions.count { $0?.state == .fenced }
        status.publish(snapshot)
    }

    private func describe(_ partition: PersistPartition, _ wall: Int64) -> PersistedPartition {
        let position = partition.nextOffset
        let heard = source.watermarks(partition.slot)?.high
        let end = heard.map { max($0, partition.end) } ?? (partition.end >= 0 ? partition.end : nil)
        // A transaction's end is no record: past it nothing is left to read.
        let isAtEnd = partition.end >= 0 && partition.end == end && partition.previous + 1 <= position
        let lag = end.map { isAtEnd ? 0 : max(0, $0 - position) }
        let age = partition.committedTimestamp >= 0 ? max(0, wall - partition.committedTimestamp) : nil
        return PersistedPartition(
            source: partition.source, generation: partition.generation, fence: partition.fence, position: position,
            end: end, lag: lag, lagMilliseconds: lag == 0 ? 0 : age, isFenced: partition.state == .fenced,
            heldAt: partition.heldAt)
    }
}
