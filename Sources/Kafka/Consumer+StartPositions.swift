internal import CKafkaShim
import Configuration

/// Where reading a partition begins, and why.
struct FoundPosition {
    var partition: TopicPartition
    var position: Int64
    /// Nothing was committed: START decided.
    var isFresh: Bool
    /// The committed offset, where the log does not hold it any more.
    var resetFrom: Int64?
}

extension Consumer {
    /// One answer for each partition: an offset, or the error that stood in its place.
    typealias Answers = [Result<Int64, KafkaError>]

    /// Where to begin; a partition without a commit and without a leader is told apart from them.
    func positions(of partitions: [TopicPartition], deadline: Deadline) throws(KafkaError)
        -> (found: [FoundPosition], leaderless: [TopicPartition])
    {
        let committed = try committedOffsets(partitions, deadline: deadline)
        // The ends come before the look-up by time: where that finds nothing newer, reading begins at an end taken
        // earlier, so what arrives in between is not missed.
        let led = try partitionsWithLeader(deadline: deadline)
        let ends = try offsets(partitions, of: led, at: Self.end, deadline: deadline)
        let starts = try offsets(partitions, of: led, at: Self.beginning, deadline: deadline)
        let byTime = try offsetsByTime(partitions, of: led, committed: committed, deadline: deadline)
        var found: [FoundPosition] = []
        var leaderless: [TopicPartition] = []
        for (index, partition) in partitions.enumerated() {
            if let offset = committed[index] {
                found.append(Self.resumed(partition, offset, start: starts[index], end: ends[index]))
                continue
            }
            guard led.contains(partition) else {
                leaderless.append(partition)
                continue
            }
            let position: Int64
            if let answer = byTime[partition] {
                if let offset = answer { position = offset } else { position = try ends[index].get() }
            } else {
                position = try starts[index].get()
            }
            found.append(FoundPosition(partition: partition, position: position, isFresh: true))
        }
        return (found, leaderless)
    }

    /// A committed offset counts unless the log is known to lie elsewhere.
    private static func resumed(
        _ partition: TopicPartition, _ committed: Int64, start: Result<Int64, KafkaError>,
        end: Result<Int64, KafkaError>
    ) -> FoundPosition {
        if case .success(let first) = start, case .success(let last) = end, committed < first || committed > last {
            return FoundPosition(partition: partition, position: first, isFresh: false, resetFrom: committed)
        }
        return FoundPosition(partition: partition, position: committed, isFresh: false)
    }

    /// Offsets of the first records since START, nil where there is none; a partition that is read from its beginning
    /// has no entry.
    private func offsetsByTime(
        _ partitions: [TopicPartition], of led: Set<TopicPartition>, committed: [Int64?], deadline: Deadline
    ) throws(KafkaError) -> [TopicPartition: Int64?] {
        let since: Int64
        switch start {
        case .earliest: return [:]
        case .ago(let span): since = createdAt - span.milliseconds
        case .time(let milliseconds): since = milliseconds
        }
        let known = knownTopics ?? []
        let asked = zip(partitions, committed).filter { $1 == nil && known.contains($0.topic) && led.contains($0) }
            .map(\.0)
        var found: [TopicPartition: Int64?] = [:]
        for (partition, answer) in zip(asked, try offsets(asked, of: led, at: max(0, since), deadline: deadline)) {
            let offset = try answer.get()
            found[partition] = .some(offset >= 0 ? offset : nil)
        }
        return found
    }

    private func committedOffsets(_ partitions: [TopicPartition], deadline: Deadline) throws(KafkaError) -> [Int64?] {
        let list = PartitionList(partitions)
        let code = unsafe rd_kafka_committed(client, list.pointer, deadline.remainingMilliseconds)
        let attempt = "read the committed offsets of group \(group)"
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw .failed(attempt: attempt, KafkaFailure(code)) }
        var offsets: [Int64?] = []
        for index in partitions.indices {
            guard list.error(index) == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw .failed(attempt: attempt, KafkaFailure(list.error(index)))
            }
            offsets.append(list.offset(index) >= 0 ? list.offset(index) : nil)
        }
        return offsets
    }

    // The look-up by time takes these two for the log's limits, in one request a broker for all partitions.
    static let end = Int64(RD_KAFKA_OFFSET_END)
    static let beginning = Int64(RD_KAFKA_OFFSET_BEGINNING)

    /// Asks the leaders. One partition without would hold up the answer for all until the deadline, so those outside of
    /// `led` are not asked.
    func offsets(_ partitions: [TopicPartition], of led: Set<TopicPartition>, at time: Int64, deadline: Deadline)
        throws(KafkaError) -> Answers
    {
        let asked = partitions.filter { led.contains($0) }
        let list = PartitionList(asked, offset: time)
        let attempt = "find start positions"
        if !asked.isEmpty {
            let code = unsafe rd_kafka_offsets_for_times(client, list.pointer, deadline.remainingMilliseconds)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw .failed(attempt: attempt, KafkaFailure(code)) }
        }
        var index = -1
        return partitions.map { partition in
            var error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
            if led.contains(partition) {
                index += 1
                error = list.error(index)
            }
            return error == RD_KAFKA_RESP_ERR_NO_ERROR
                ? .success(list.offset(index))
                : .failure(.failed(attempt: "\(attempt) of \(partition)", KafkaFailure(error)))
        }
    }
}
