internal import CKafkaShim
import Telemetry

extension Consumer {
    /// Joins the group. Blocks up to `timeout` while it asks which topics there are: a partition of any other topic is
    /// new and read from its first record. When it throws nothing has happened: repeat it, soon where the error is
    /// retriable, slowly where a person is needed (a wrong password, an unknown certificate).
    package func join(timeout: Duration = .seconds(5)) throws(KafkaError) {
        if knownTopics == nil {
            // Why it fails comes as an error of its own from the broker's thread.
            let partitions = try unsafe listPartitions(client, context, timeout: timeout) { [self] in
                serveCallbacks(milliseconds: 100)
            }
            knownTopics = Set(partitions.map(\.name.topic))
        }
        try subscribe()
    }

    private func subscribe() throws(KafkaError) {
        let list = PartitionList(subscription.map { TopicPartition(topic: $0, partition: -1) })
        let code = unsafe rd_kafka_subscribe(client, list.pointer)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw .failed(attempt: "subscribe to \(subscription.joined(separator: ", "))", KafkaFailure(code))
        }
    }

    func partitionsWithLeader(deadline: Deadline) throws(KafkaError) -> Set<TopicPartition> {
        let timeout = Duration.milliseconds(deadline.remainingMilliseconds)
        let partitions = try unsafe listPartitions(client, context, timeout: timeout)
        return Set(partitions.lazy.filter(\.hasLeader).map(\.name))
    }

    /// Takes the partitions of `.assigning`: looks up where to begin, commits what START decided, and starts reading.
    ///
    /// Blocks: about a round trip each for committed offsets, leaders, ends and times; at most `timeout`. When it throws
    /// nothing is assigned, and if the error is retriable call it again with the same partitions (keep calling `take`).
    /// Partitions without commit and leader are left out; `.assigning` names them again once they have a leader.
    package func assign(_ partitions: [TopicPartition], timeout: Duration = .seconds(5)) throws(KafkaError)
        -> [AssignedPartition]
    {
        guard pendingAssignment != nil else { return [] }
        let deadline = Deadline(timeout)
        let (found, waiting) = partitions.isEmpty ? ([], []) : try positions(of: partitions, deadline: deadline)
        // The older protocol knows no second part of an assignment.
        guard waiting.isEmpty || (unsafe isCooperative(client)) else {
            throw .failed(
                attempt: "find start positions of \(waiting[0])", KafkaFailure(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE))
        }
        let fresh = found.filter { $0.isFresh }
        let taken = try take(found, areCommitted: fresh.isEmpty || commitNow(fresh, deadline: deadline))
        leaderless.removeAll { partitions.contains($0) }
        leaderless += waiting
        for partition in waiting {
            Log.warning(
                "Partition has no leader, it is taken over when it has one",
                ["kafka.group": group, "kafka.topic": partition.topic, "kafka.partition": "\(partition.partition)"])
        }
        return taken
    }

    /// Names partitions again that waited for a leader and have one now.
    private func checkLeaders() {
        guard !leaderless.isEmpty, pendingAssignment == nil, pendingRevocation == nil,
            let led = try? partitionsWithLeader(deadline: Deadline(.milliseconds(200)))
        else { return }
        let found = leaderless.filter { led.contains($0) }
        guard !found.isEmpty else { return }
        pendingAssignment = found
        append(.assigning(found))
    }

    func take(_ found: [FoundPosition], areCommitted: Bool) throws(KafkaError) -> [AssignedPartition] {
        let list = PartitionList(capacity: found.count)
        for each in found { list.add(each.partition, offset: each.position) }
        let places = places(for: found.count)
        try give(found, to: places)
        let failure: KafkaFailure?
        if unsafe isCooperative(client) {
            failure = unsafe .taken(rd_kafka_incremental_assign(client, list.pointer))
        } else {
            let code = unsafe rd_kafka_assign(client, list.pointer)
            failure = code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaFailure(code)
        }
        if let failure {
            takeBack(zip(found, places).map { ($0.partition, $1) })
            throw .failed(attempt: "take \(found.count) partitions", failure)
        }
        let divided = zip(found, places).filter { $1 > 0 }.map(\.0.partition)
        if !divided.isEmpty, let failure = readers[0].pause(divided) { append(.failure(failure)) }
        pendingAssignment = nil
        hasAssignment = true
        isWaitingForTopics = false
        context.noteActivity()
        return zip(found, places).map { admit($0, reader: $1, isCommitted: areCommitted) }
    }

    private func admit(_ found: FoundPosition, reader: Int, isCommitted: Bool) -> AssignedPartition {
        let slot = slots.insert(found.partition, next: found.position, reader: reader)
        if let from = found.resetFrom { append(.positionReset(slot: slot, from: from, to: found.position)) }
        if !found.isFresh || isCommitted {
            slots.update(slot) { $0.committed = found.position }
        } else {
            // The commit failed, perhaps because the group moves again: the next automatic one carries it.
            store(slot, nextOffset: found.position)
        }
        return AssignedPartition(
            slot: slot, topic: found.partition.topic, partition: found.partition.partition, position: found.position,
            previous: found.isFresh || found.resetFrom != nil ? nil : found.position - 1, isPaused: false)
    }

    private func commitNow(_ found: [FoundPosition], deadline: Deadline) -> Bool {
        let list = PartitionList(capacity: found.count)
        for each in found { list.add(each.partition, offset: each.position) }
        guard let failure = commit(list, milliseconds: deadline.remainingMilliseconds) else { return true }
        Log.warning("Start positions not committed yet", ["kafka.group": group, "kafka.error": "\(failure)"])
        return false
    }

    /// Gives back what `.revoking` asked for, and frees its slots. With `commit`, what was stored is committed first;
    /// that blocks up to `timeout`. It is skipped where the partitions were lost.
    package func finishRevocation(_ revoked: [Int32], commit: Bool, timeout: Duration = .seconds(2)) {
        guard let revocation = pendingRevocation else { return }
        pendingRevocation = nil
        let gone = Set(revocation.partitions.compactMap { slots.slot(named: $0) }).union(revoked).filter(slots.isHeld)
        // The library keeps a pause beyond the assignment: a partition that came back to us would never be read.
        resume(Array(gone))
        if commit, !revocation.isLost, unsafe rd_kafka_assignment_lost(client) == 0 {
            if let failure = commitStored(revoked, milliseconds: timeout.cMilliseconds) {
                append(.failure(failure))
            }
        }
        let divided = gone.map { slots.slots[Int($0)] }.filter { $0.reader > 0 }.map { ($0.partition, $0.reader) }
        takeBack(divided)
        if !divided.isEmpty, let failure = readers[0].resume(divided.map(\.0)) { append(.failure(failure)) }
        if unsafe isCooperative(client) {
            // What was never assigned here, since it was taken back before we had answered, can't be unassigned.
            let list = PartitionList(revocation.partitions.filter { slots.slot(named: $0) != nil })
            if let failure = unsafe KafkaFailure.taken(rd_kafka_incremental_unassign(client, list.pointer)) {
                append(.failure(failure))
            }
        } else {
            unsafe rd_kafka_assign(client, nil)
        }
        slots.remove(gone)
    }

    /// Makes our view of the assignment and the library's agree, for the cases where 2.0.2 loses an assignment without
    /// a word: then everything is revoked as lost and the group joined again. Call it every few seconds from the
    /// consumer's thread; takes microseconds, or up to 200 ms while no broker answers.
    package func checkMembership() {
        if context.areBrokersDown { probe() } else { checkLeaders() }
        guard hasAssignment, pendingAssignment == nil, pendingRevocation == nil, slots.heldCount > 0 else { return }
        var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
        guard unsafe rd_kafka_assignment(client, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list = unsafe list else {
            return
        }
        defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
        guard unsafe list.pointee.cnt == 0 else { return }
        Log.warning("Kafka assignment lost without notice, joining again", ["kafka.group": group])
        hasAssignment = false
        let held = slots.held
        pendingRevocation = ClientContext.Rebalance(
            kind: .revoke, partitions: held.map { slots.slots[Int($0)].partition }, isLost: true)
        append(.revoking(held, isLost: true))
        unsafe rd_kafka_unsubscribe(client)
        do { try subscribe() } catch { append(.failure(KafkaFailure(RD_KAFKA_RESP_ERR__STATE, "\(error)"))) }
    }

    /// Takes the next step of joining at once, if it can be taken: the library's own thread looks once a second only,
    /// unless something wakes it. A question that it must answer does, in microseconds.
    package func hurry() {
        var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
        guard unsafe rd_kafka_subscription(client, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list = unsafe list else {
            return
        }
        unsafe rd_kafka_topic_partition_list_destroy(list)
    }

    private func probe() {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        guard unsafe rd_kafka_metadata(client, 0, nil, &metadata, 200) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        unsafe rd_kafka_metadata_destroy(metadata)
        context.noteActivity()
    }
}
