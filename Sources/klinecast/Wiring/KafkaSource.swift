import Kafka
import MarketData
import Records
import Telemetry

/// A consumer as a pipeline's source.
final class KafkaSource: PositionedSource {
    private let consumer: Consumer
    private var hasSubscribed = false

    init(_ consumer: Consumer) { self.consumer = consumer }

    var readiness: Int32 { consumer.readiness }
    var hasMore: Bool { consumer.hasMore }
    var isJoined: Bool { consumer.isJoined && !consumer.areBrokersDown }

    /// When to look after the membership again: both ways of it may block.
    private var tendAgainAt = ContinuousClock.now

    func tend() {
        let now = ContinuousClock.now
        if hasSubscribed, !consumer.isJoined { consumer.hurry() }
        guard now >= tendAgainAt else { return }
        tendAgainAt = now + .seconds(1)
        if hasSubscribed {
            consumer.checkMembership()
        } else {
            do {
                try consumer.join(timeout: .seconds(1))
                hasSubscribed = true
            } catch {
                failure = error
            }
        }
    }

    func standing() -> SourceStanding {
        switch consumer.standing(timeout: .seconds(1)) {
        case .member: .member
        case .gone: .gone
        case .unknown: .unknown
        }
    }

    /// Why the group could not be joined; told once as an event.
    private var failure: KafkaError?

    func take(into records: UnsafeMutablePointer<Record>, limit: Int) -> Int {
        unsafe consumer.take(into: records, limit: limit)
    }

    func release(_ handles: UnsafePointer<OpaquePointer>, count: Int) {
        for index in 0..<count { unsafe consumer.release(handles[index]) }
    }

    func contents(of handle: OpaquePointer) -> RecordContents {
        let copy = unsafe consumer.copy(handle)
        return RecordContents(
            key: copy.key, value: copy.value, headers: copy.headers.map { RecordHeader(name: $0.name, value: $0.value) }
        )
    }

    func nextEvent() -> SourceEvent? {
        if let failure {
            self.failure = nil
            return .failure(code: "join", sentence: "\(failure)", isFatal: !failure.isRetriable && isFatal(failure))
        }
        return switch consumer.nextEvent() {
        case .assigning(let list)?: .assigning(list.map { SourcePartition(topic: $0.topic, partition: $0.partition) })
        case .revoking(let slots, let isLost)?: .revoking(slots, isLost: isLost)
        case .positionReset(let slot, let from, let to)?: .positionReset(slot: slot, from: from, to: to)
        case .failure(let failure)?: .failure(code: failure.name, sentence: "\(failure)", isFatal: failure.isFatal)
        case nil: nil
        }
    }

    /// Only what the client itself calls fatal ends the process: a wrong password may be set right on the broker.
    private func isFatal(_ error: KafkaError) -> Bool {
        if case .failed(_, let failure) = error { failure.isFatal } else { true }
    }

    func assign(_ partitions: [SourcePartition]) throws -> [Records.AssignedPartition] {
        try consumer.assign(partitions.map(TopicPartition.init)).map(Records.AssignedPartition.init)
    }

    func limits(of partitions: [SourcePartition]) throws -> [LogLimits?] {
        try consumer.limits(of: partitions.map(TopicPartition.init)).map { found in
            found.map { LogLimits(start: $0.start, end: $0.end) }
        }
    }

    func assign(_ partitions: [SourcePartition], at offsets: [Int64]) throws -> [Records.AssignedPartition] {
        try consumer.assign(partitions.map(TopicPartition.init), at: offsets).map(Records.AssignedPartition.init)
    }

    func move(_ slots: [Int32], to offsets: [Int64]) throws { try consumer.move(slots, to: offsets) }

    func revoke(_ slots: [Int32], commit: Bool) { consumer.finishRevocation(slots, commit: commit) }
    func store(_ slot: Int32, nextOffset: Int64) { consumer.store(slot, nextOffset: nextOffset) }

    func commit() -> Bool {
        guard let failure = consumer.commit(deadline: .seconds(1)) else { return true }
        Log.warning("Offsets not committed at the end", ["kafka.group": consumer.group, "reason": "\(failure)"])
        return false
    }

    func pause(_ slots: [Int32]) { consumer.pause(slots) }
    func resume(_ slots: [Int32]) { consumer.resume(slots) }
    func watermarks(_ slot: Int32) -> (low: Int64, high: Int64)? { consumer.watermarks(slot) }

    /// Leaves in good order; at most a second.
    func close() { consumer.close(deadline: .seconds(1)) }
}

extension TopicPartition {
    init(_ source: SourcePartition) { self.init(topic: source.topic, partition: source.partition) }
}

extension Records.AssignedPartition {
    init(_ found: Kafka.AssignedPartition) {
        self.init(
            slot: found.slot, source: SourcePartition(topic: found.topic, partition: found.partition),
            position: found.position, previous: found.previous)
    }
}
