package import Records

/// What a lane tells the rest of the process; a value, made by the lane's thread a few times a second.
package struct LaneSnapshot: SourceReport, Sendable {
    package var counters = LaneCounters()
    package var phase: Phase = .starting
    /// The source: joined the group, and what it last complained of.
    package var isJoined = false
    package var sourceFailure: String?
    /// The sink: ready for commands, when it last answered, and what went wrong last.
    package var isSinkReady = false
    package var lastAnswer: ContinuousClock.Instant?
    package var sinkFailure: String?
    /// What the sink said to a command that waits to be taken: it is sent again and again, on a connection that is well.
    package var refusal: String?
    package var receiversByChannel: [ChannelReceivers] = []
    package var partitions: [PartitionSnapshot] = []
    /// Commands that were sent or wait to be, and records behind them.
    package var commandsInWindow = 0
    package var recordsInWindow = 0
    /// Records were waiting since then without one being answered; `nil` while things move.
    package var stalledSince: ContinuousClock.Instant?
    /// Dead letters not yet written, and why.
    package var unwrittenDeadLetters = 0
    package var deadLetterFailure: String?
    /// Redis had no memory for last values.
    package var isLastDeferred = false
    package var lastCacheBytes = 0
    package var lastCacheUnkept = 0
    /// When the lane's loop last came round.
    package var beat = ContinuousClock.now
    /// The newest epoch of a partition, for a pipeline that takes this one's place.
    package var lastEpoch: UInt32 = 0
    /// Why the consumer was of no use any more; the lane begins anew with another one.
    package var fatal: String?

    package enum Phase: String, Sendable { case starting, running, draining, stopped }

    package init() {}
}

package struct ChannelReceivers: Sendable {
    package let channel: String
    package let receivers: Int64
}

package struct PartitionSnapshot: PartitionReport, Sendable {
    package let source: SourcePartition
    package let position: Int64
    package let committed: Int64
    package let end: Int64?
    package let lag: Int64?
    package let lagMilliseconds: Int64?
    /// Waiting for a dead letter to be written.
    package let isWaiting: Bool
}

/// Counts since the start. Pairs (in, out) rather than differences.
package struct LaneCounters: SourceCounters, Sendable {
    package var received = 0
    package var receivedBytes = 0
    /// Answered by Redis for all its commands.
    package var routed = 0
    package var highPriorityRouted = 0
    package var batches = 0
    package var commandsAnswered = 0
    package var receivers = 0
    /// PUBLISHes that reached fewer subscribers than the one before on that channel.
    package var receiversDropped = 0
    /// Connections that became ready.
    package var connections = 0
    /// Commands sent again after a connection was lost.
    package var resent = 0
    package var duplicatesInStream = 0
    package var lastWritten = 0
    package var lastRefused = 0
    package var lastDeferred = 0
    package var lastRestored = 0
    package var deadLetters = 0
    package var deadLettersWritten = 0
    package var refusedByReason: [Int] = Array(repeating: 0, count: RefusalReason.allCases.count)
    /// Taken, but not delivered by us: their partition was given back.
    package var returned = 0
    package var rebalances = 0
    package var positionResets = 0
    package var topicsCreatedAnew = 0
    package var sourceFailures = 0
    /// From the record's own time to Redis' answer: counts in buckets of 2^n ms (index n: at most 2^n), the last is the rest.
    package var latencyBuckets: [Int] = Array(repeating: 0, count: 16)
    package var latencyMilliseconds = 0
    package var latencyCount = 0

    package var refusals: [(reason: String, count: Int)] {
        zip(RefusalReason.allCases, refusedByReason).map { ($0.rawValue, $1) }
    }

    package mutating func refuse(_ reason: RefusalReason) {
        deadLetters += 1
        refusedByReason[RefusalReason.allCases.firstIndex(of: reason)!] += 1
    }
}
