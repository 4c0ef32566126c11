internal import CKafkaShim

extension Consumer {
    /// Says that everything before `nextOffset` is done; the library commits it within a second. Allocates nothing. An
    /// answer that the partition is not ours any more is counted in `refusedStores`.
    package func store(_ slot: Int32, nextOffset: Int64) {
        guard slots.isHeld(slot) else {
            refusedStores += 1
            return
        }
        let list = unsafe slots.slots[Int(slot)].list
        unsafe list.pointee.elems[0].offset = nextOffset
        let code = unsafe rd_kafka_offsets_store(client, list)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            slots.update(slot) { $0.stored = nextOffset }
        } else {
            refusedStores += 1
        }
    }

    /// `store` for a batch.
    package func store(_ positions: UnsafeBufferPointer<(slot: Int32, nextOffset: Int64)>) {
        for index in positions.indices {
            let position = unsafe positions[index]
            store(position.slot, nextOffset: position.nextOffset)
        }
    }

    /// Commits everything stored; blocks up to `deadline`. nil when the broker has acknowledged it or there was nothing.
    @discardableResult package func commit(deadline: Duration) -> KafkaFailure? {
        commitStored(slots.held, milliseconds: deadline.cMilliseconds)
    }

    func commitStored(_ numbers: [Int32], milliseconds: Int32) -> KafkaFailure? {
        let waiting = numbers.filter { number in
            guard slots.isHeld(number) else { return false }
            let slot = slots.slots[Int(number)]
            return slot.stored >= 0 && slot.stored != slot.committed
        }
        guard !waiting.isEmpty else { return nil }
        let list = PartitionList(capacity: waiting.count)
        for number in waiting { list.add(slots.slots[Int(number)].partition, offset: slots.slots[Int(number)].stored) }
        let failure = commit(list, milliseconds: milliseconds)
        if failure == nil {
            for number in waiting { slots.update(number) { $0.committed = $0.stored } }
        }
        return failure
    }

    package enum Standing: Sendable { case member, gone, unknown }

    /// Asks the group whether we are still a member, by committing once more what is done. Blocks up to `timeout`.
    package func standing(timeout: Duration) -> Standing {
        if unsafe rd_kafka_assignment_lost(client) != 0 { return .gone }
        let list = PartitionList(capacity: slots.heldCount)
        var isEmpty = true
        for number in slots.held {
            let slot = slots.slots[Int(number)]
            // The newest of both, or a commit on its way would be taken back.
            guard slot.stored >= 0 || slot.committed >= 0 else { continue }
            list.add(slot.partition, offset: slot.stored >= 0 ? slot.stored : slot.committed)
            isEmpty = false
        }
        if isEmpty { return .member }
        guard let failure = commit(list, milliseconds: timeout.cMilliseconds) else { return .member }
        switch failure.code {
        case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID.rawValue, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID.rawValue,
            RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION.rawValue:
            return .gone
        // A member that the group waits for keeps what it has.
        case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS.rawValue: return .member
        default: return .unknown
        }
    }

    /// A commit with a time limit, which the library's own blocking call does not have.
    func commit(_ list: borrowing PartitionList, milliseconds: Int32) -> KafkaFailure? {
        guard let answers = unsafe rd_kafka_queue_new(client) else { return KafkaFailure(RD_KAFKA_RESP_ERR__FAIL) }
        defer { unsafe rd_kafka_queue_destroy(answers) }
        let code = unsafe rd_kafka_commit_queue(client, list.pointer, answers, nil, nil)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return KafkaFailure(code) }
        guard let event = unsafe rd_kafka_queue_poll(answers, max(1, milliseconds)) else {
            return KafkaFailure(RD_KAFKA_RESP_ERR__TIMED_OUT, "no answer to a commit within \(milliseconds) ms")
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        let answer = unsafe rd_kafka_event_error(event)
        guard answer == RD_KAFKA_RESP_ERR_NO_ERROR else { return KafkaFailure(answer) }
        if let done = unsafe rd_kafka_event_topic_partition_list(event) {
            for index in unsafe 0..<Int(done.pointee.cnt) {
                let error = unsafe done.pointee.elems[index].err
                if error != RD_KAFKA_RESP_ERR_NO_ERROR { return KafkaFailure(error) }
            }
        }
        context.noteActivity()
        return nil
    }

    /// The answer to an automatic commit.
    func noteCommit(_ code: rd_kafka_resp_err_t, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            // Nothing to commit is not an answer of the broker.
            if code != RD_KAFKA_RESP_ERR__NO_OFFSET { append(.failure(KafkaFailure(code))) }
            return
        }
        guard let list = unsafe list else { return }
        context.noteActivity()
        for index in unsafe 0..<Int(list.pointee.cnt) {
            let element = unsafe list.pointee.elems[index]
            guard unsafe element.err == RD_KAFKA_RESP_ERR_NO_ERROR, unsafe element.offset >= 0,
                let name = unsafe element.topic
            else { continue }
            let slot = unsafe slots.slot(named: name, element.partition)
            if slot >= 0 { slots.update(slot) { unsafe $0.committed = element.offset } }
        }
    }

    /// The offset the broker has acknowledged as committed; nil when none is known.
    package func committed(_ slot: Int32) -> Int64? {
        guard slots.isHeld(slot), slots.slots[Int(slot)].committed >= 0 else { return nil }
        return slots.slots[Int(slot)].committed
    }

    /// The first offset of the log and the one after its last, as last heard; nil before the first answer.
    package func watermarks(_ slot: Int32) -> (low: Int64, high: Int64)? {
        guard slots.isHeld(slot) else { return nil }
        let element = unsafe slots.slots[Int(slot)].list.pointee.elems[0]
        let reader = readers[slots.slots[Int(slot)].reader]
        var low: Int64 = -1
        var high: Int64 = -1
        let code = unsafe rd_kafka_get_watermark_offsets(reader.client, element.topic, element.partition, &low, &high)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { return nil }
        return (max(0, low), high)
    }

    /// Stops fetching these and throws away what was fetched of them; reading goes on after the last record handed out.
    package func pause(_ wanted: [Int32]) {
        let open = wanted.filter { slots.isHeld($0) && !slots.slots[Int($0)].isPaused }
        guard !open.isEmpty else { return }
        for (reader, numbers) in byReader(open) {
            if let failure = reader.pause(numbers.map { slots.slots[Int($0)].partition }) { append(.failure(failure)) }
        }
        for slot in open { slots.update(slot) { $0.isPaused = true } }
    }

    /// Goes on with those of them that are paused: resuming another makes 2.0.2 jump back.
    package func resume(_ wanted: [Int32]) {
        let paused = wanted.filter { slots.isHeld($0) && slots.slots[Int($0)].isPaused }
        guard !paused.isEmpty else { return }
        for (reader, numbers) in byReader(paused) {
            if let failure = reader.resume(numbers.map { slots.slots[Int($0)].partition }) { append(.failure(failure)) }
        }
        for slot in paused { slots.update(slot) { $0.isPaused = false } }
    }

    package func isPaused(_ slot: Int32) -> Bool { slots.isHeld(slot) && slots.slots[Int(slot)].isPaused }
}

extension Consumer {
    /// The group has given us an assignment, an empty one too, and has not declared it lost; or there is nothing to join
    /// for: the broker has answered that what we subscribe to does not exist yet.
    package var isJoined: Bool { (hasAssignment || isWaitingForTopics && slots.heldCount == 0) && !isClosed }
    /// No broker can be reached, as far as the library knows; ends with the first answer (see `checkMembership`).
    package var areBrokersDown: Bool { context.areBrokersDown }
    /// The last error of a broker or of the library, for diagnosis; it may be long over.
    package var lastFailure: KafkaFailure? { context.lastFailure }
    package static var libraryVersion: String { KafkaLibrary.versionText }
}
