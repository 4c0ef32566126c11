import Records
import Telemetry

/// What the lane tells the rest of the process.
extension Pipeline {
    /// At most five times a second, and at least once: the lane wakes once a second at the latest.
    mutating func publish(_ now: ContinuousClock.Instant) {
        snapshot.stalledSince = window.isEmpty ? nil : snapshot.stalledSince ?? now
        guard publishAt.map({ now >= $0 }) ?? true else { return }
        publishAt = now + .milliseconds(200)
        hasNews = false
        snapshot.beat = now
        snapshot.isJoined = source.isJoined
        if snapshot.isJoined, toAssign == nil { snapshot.sourceFailure = nil }
        snapshot.lastAnswer = sink.lastAnswer
        snapshot.unwrittenDeadLetters = unwritten
        snapshot.lastCacheBytes = encoder.channels.keptBytes
        snapshot.lastCacheUnkept = encoder.channels.unkept
        // Some thousands of partitions take a millisecond to describe: once a second is enough for lag.
        if describeAt.map({ now >= $0 }) ?? true {
            describeAt = now + .seconds(1)
            describePartitions()
            describeChannels()
        }
        status.publish(snapshot)
    }

    private mutating func describePartitions() {
        let wall = Timestamp.now()
        snapshot.partitions.removeAll(keepingCapacity: true)
        for slot in partitions.owned {
            guard let partition = unsafe partitions[slot] else { continue }
            let progress = unsafe partition.pointee.progress
            let end = unsafe max(source.watermarks(slot)?.high ?? -1, partition.pointee.end)
            let position = progress.acknowledged
            // At the end the consumer has handed out everything, though offsets of transaction marks lie between.
            let isAtEnd = unsafe partition.pointee.end >= end && partition.pointee.inFlight == 0
            let lag = end < 0 ? nil : isAtEnd ? 0 : max(0, end - position)
            let last = unsafe partition.pointee.lastTimestamp
            unsafe snapshot.partitions.append(
                PartitionSnapshot(
                    source: partition.pointee.source, position: position, committed: progress.stored,
                    end: end < 0 ? nil : end, lag: lag,
                    lagMilliseconds: lag == 0 ? 0 : last < 0 ? nil : max(0, wall - last),
                    isWaiting: partition.pointee.isWaiting))
        }
    }

    private mutating func describeChannels() {
        snapshot.receiversByChannel.removeAll(keepingCapacity: true)
        for place in encoder.channels.indices() {
            let channel = unsafe encoder.channels.channels + place
            unsafe snapshot.receiversByChannel.append(
                ChannelReceivers(channel: channel.pointee.name, receivers: channel.pointee.receivers))
        }
    }
}
