package struct TopicPartition: Sendable, Hashable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32
    package init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
    package var description: String { "\(topic)[\(partition)]" }
}

/// A partition that is ours from now on.
package struct AssignedPartition: Sendable, Equatable {
    /// The consumer's small number for it: dense, used again after the revocation.
    package var slot: Int32
    package var topic: String
    package var partition: Int32
    /// The first offset that will be handed out (the next higher one that exists).
    package var position: Int64
    /// The committed position minus one: the record before `position` as far as the group knows. nil where nothing was
    /// committed before.
    package var previous: Int64?
    package var isPaused: Bool
}

/// What a consumer tells its owner, in the order it happened.
package enum ConsumerEvent: Sendable, Equatable {
    /// The group gave us these (may be none): answer with `Consumer.assign`. The group waits.
    case assigning([TopicPartition])
    /// The group takes these: finish what is in flight, then answer with `Consumer.finishRevocation`. When `isLost`,
    /// another member may own them already: commit nothing.
    case revoking([Int32], isLost: Bool)
    /// The position did not exist any more (retention, or the topic was created anew): reading goes on at `to`, and
    /// what lay in between is not there.
    case positionReset(slot: Int32, from: Int64, to: Int64)
    /// Something went wrong; librdkafka goes on by itself unless `isFatal`.
    case failure(KafkaFailure)
}
