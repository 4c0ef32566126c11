internal import CKafkaShim
internal import CSystemShim
package import Configuration
import Glibc
package import Records
import Telemetry

/// A member of a consumer group, made for an event loop.
///
/// Confined to one thread: the one that polls also answers rebalances, pauses, stores and closes. `readiness` wakes its
/// `epoll`, `take` empties the queue, `nextEvent` says what else happened. No call blocks unless its text says so.
/// Nothing is allocated a record.
///
/// `take` must be called at least every `max.poll.interval.ms` (300 s), also while nothing is wanted (pause first):
/// else the group takes the partitions away.
@safe package final class Consumer {
    package let group: String
    /// Readable when something waits in an empty queue: call `take` until `hasMore` is false, then `nextEvent`.
    package let readiness: Int32
    /// The last `take` stopped at its limit: more may wait, and `readiness` will not say so again.
    package private(set) var hasMore = false
    /// Records of partitions that were not ours any more, dropped.
    package private(set) var strayRecords: UInt64 = 0
    /// Stores refused because the partition was not ours any more.
    package internal(set) var refusedStores: UInt64 = 0

    let client: OpaquePointer
    let context: ClientContext
    let start: StartPosition
    let subscription: [String]
    let createdAt: Int64
    var slots = PartitionSlots()
    var events: [ConsumerEvent] = []
    /// What was there before we subscribed; nil until `join` has asked.
    var knownTopics: Set<String>?
    var pendingAssignment: [TopicPartition]?
    /// Ours, but not taken over yet: START could not be looked up in them, for want of a leader.
    var leaderless: [TopicPartition] = []
    var pendingRevocation: ClientContext.Rebalance?
    var hasAssignment = false
    /// The broker has told us that a subscribed topic is not there.
    var isWaitingForTopics = false
    var isClosed = false
    /// The member of the group, and those beside it that read where partitions are many.
    var readers: [Reader]
    /// How many clients read, the member among them.
    package var readerCount: Int { readers.count }
    let readerCapacity: Int
    /// Who is asked first at the next take.
    private var turn = 0
    /// Makes one that reads and is no member.
    let makeReader: () throws(KafkaError) -> Reader

    /// Makes the client; nothing is asked of the broker before `join`.
    ///
    /// - Parameters:
    ///   - instanceID: `group.instance.id`: with it a restart within the session time gets its partitions back at once.
    ///   - subscription: exact names, or regular expressions that begin with `^`. Topics that end in `.dlq` are left out.
    ///   - start: where a partition begins that has no committed offset.
    ///   - sessionTimeout: after this much silence the group gives our partitions to others.
    ///   - processStart: what `.ago` counts back from, in ms since 1970.
    ///   - readerCapacity: more partitions than this are divided among several clients.
    package init(
        settings: KafkaSettings, group: String, instanceID: String?, subscription: [String], start: StartPosition,
        sessionTimeout: Duration = .seconds(10), processStart: Int64? = nil, readerCapacity: Int = Reader.capacity
    ) throws(KafkaError) {
        self.group = group
        self.start = start
        self.subscription = subscription
        createdAt = processStart ?? Clock.unixMilliseconds
        self.readerCapacity = readerCapacity
        let context = ClientContext(saslMechanism: settings.saslMechanism ?? settings.properties["sasl.mechanism"])
        self.context = context
        let role = Self.properties(settings, group: group, instanceID: instanceID, sessionTimeout: sessionTimeout)
        let configuration = try ClientConfiguration(settings, role: role, context: context)
        unsafe configuration.withPointer { pointer in
            unsafe rd_kafka_conf_set_rebalance_cb(pointer, receiveRebalance)
            unsafe rd_kafka_conf_set_offset_commit_cb(pointer, receiveCommit)
        }
        let client = try unsafe configuration.makeClient(RD_KAFKA_CONSUMER)
        unsafe self.client = client
        let readiness = system_shim_eventfd_create()
        self.readiness = readiness
        readers = [unsafe Reader(client, readiness: readiness)]
        makeReader = { () throws(KafkaError) in
            let configuration = try ClientConfiguration(
                settings, role: Self.readerProperties(settings, group: group), context: context)
            return try unsafe Reader(configuration.makeClient(RD_KAFKA_CONSUMER), readiness: readiness)
        }
        unsafe context.setOwner(Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { _ = close(deadline: .seconds(5)) }

    /// Moves what has arrived to `records`, at most `limit`; the number of them. Each record with a handle must be given
    /// back with `release`; a record of a partition whose revocation is pending may still come.
    package func take(into records: UnsafeMutablePointer<Record>, limit: Int) -> Int {
        guard !isClosed else { return 0 }
        // Before the queue is emptied: what arrives in between signals anew.
        system_shim_eventfd_drain(readiness)
        var count = 0
        for step in readers.indices where count < limit {
            let number = (turn + step) % readers.count
            let reader = readers[number]
            let before = count
            var bytes = 0
            while count < limit, let message = unsafe rd_kafka_consumer_poll(reader.client, 0) {
                if let record = unsafe accept(message) {
                    unsafe (records + count).initialize(to: record)
                    count += 1
                    unsafe bytes += record.value?.count ?? 0
                }
            }
            if count > before { reader.note(records: count - before, bytes: bytes, slots, number: number) }
        }
        // One that fills the limit holds the others up no longer than a turn.
        turn = (turn + 1) % readers.count
        hasMore = count == limit
        if count > 0 { context.noteActivity() }
        return count
    }

    /// Gives a record's memory back to the library.
    package func release(_ handle: OpaquePointer) {
        unsafe rd_kafka_message_destroy(UnsafeMutablePointer<rd_kafka_message_t>(handle))
    }

    /// What happened since the last call, one by one; nil when there is no more. An assignment or a revocation must be
    /// answered before the next of them can come.
    package func nextEvent() -> ConsumerEvent? {
        if !events.isEmpty { return events.removeFirst() }
        if let failure = context.takeFailure() { return .failure(failure) }
        guard let rebalance = context.takeRebalance() else { return nil }
        switch rebalance.kind {
        case .assign:
            pendingAssignment = rebalance.partitions
            return .assigning(rebalance.partitions)
        case .revoke:
            // What was not assigned yet will not be.
            pendingAssignment = nil
            pendingRevocation = rebalance
            leaderless.removeAll { rebalance.isLost || rebalance.partitions.contains($0) }
            if rebalance.isLost {
                hasAssignment = false
                isWaitingForTopics = false
            }
            return .revoking(rebalance.partitions.compactMap { slots.slot(named: $0) }, isLost: rebalance.isLost)
        case .failed(let failure):
            unsafe rd_kafka_assign(client, nil)
            leaderless = []
            let held = slots.held
            hasAssignment = false
            if held.isEmpty { return .failure(failure) }
            events.append(.failure(failure))
            pendingRevocation = ClientContext.Rebalance(
                kind: .revoke, partitions: held.map { slots.slots[Int($0)].partition }, isLost: true)
            return .revoking(held, isLost: true)
        }
    }

    /// A record for its reader; nil when the message was an error, which became an event, or belongs to nobody.
    private func accept(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Record? {
        let error = unsafe message.pointee.err
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__PARTITION_EOF else {
            unsafe acceptFailure(message)
            return nil
        }
        let slot = unsafe slots.slot(of: message.pointee.rkt, message.pointee.partition)
        guard slot >= 0 else {
            if error == RD_KAFKA_RESP_ERR_NO_ERROR { strayRecords += 1 }
            unsafe rd_kafka_message_destroy(message)
            return nil
        }
        let offset = unsafe message.pointee.offset
        if error == RD_KAFKA_RESP_ERR__PARTITION_EOF {
            unsafe rd_kafka_message_destroy(message)
            slots.update(slot) { $0.isAtEnd = true }
            return unsafe Record(
                kind: .endOfPartition, slot: slot, offset: offset, timestamp: -1, key: nil, value: nil, handle: nil)
        }
        let expected = slots.update(slot) { slot in
            defer {
                slot.next = offset + 1
                slot.isAtEnd = false
            }
            return slot.next
        }
        if offset != expected { noteJump(slot, from: expected, to: offset) }
        let key = unsafe message.pointee.key
        let value = unsafe message.pointee.payload
        return unsafe Record(
            kind: .record, slot: slot, offset: offset, timestamp: rd_kafka_message_timestamp(message, nil),
            key: key.map { unsafe UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len) },
            value: value.map { unsafe UnsafeRawBufferPointer(start: $0, count: message.pointee.len) },
            handle: OpaquePointer(message))
    }

    /// Offsets skip where transactions ended or compaction ran; they fall where the topic was created anew, and records
    /// are missing where the log now begins behind the position.
    private func noteJump(_ slot: Int32, from expected: Int64, to offset: Int64) {
        guard expected >= 0 else { return }
        if offset > expected {
            guard let low = watermarks(slot)?.low, low > expected else { return }
        }
        append(.positionReset(slot: slot, from: expected, to: offset))
    }

    /// Lets the library's callbacks say what they have to say, before anything is subscribed to.
    func serveCallbacks(milliseconds: Int32) {
        while let message = unsafe rd_kafka_consumer_poll(client, milliseconds) { unsafe acceptFailure(message) }
    }

    private func acceptFailure(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        defer { unsafe rd_kafka_message_destroy(message) }
        let text = unsafe rd_kafka_message_errstr(message).map { unsafe String(cString: $0) }
        let failure = unsafe KafkaFailure(message.pointee.err, text)
        // An error of the whole client, a session that timed out for example, has no topic to ask for its name.
        let hasTopic = unsafe message.pointee.rkt != nil
        let isOurs = unsafe hasTopic && slots.slot(of: message.pointee.rkt, message.pointee.partition) >= 0
        if !isOurs, unsafe message.pointee.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART {
            // Said once for each name or pattern. The library goes on looking, and does not even join the group while
            // nothing at all matches.
            isWaitingForTopics = true
            context.noteActivity()
            Log.info("Subscribed topic is not there yet", ["kafka.group": group, "kafka.text": failure.message])
        } else {
            append(.failure(failure))
        }
    }

    /// Events wait for their reader up to this many; the library repeats what lasts.
    private static let eventLimit = 1024
    func append(_ event: ConsumerEvent) {
        if events.count < Self.eventLimit { events.append(event) }
    }

    /// Leaves the group and frees everything. Blocks up to `deadline`; false when the library did not come back (2.0.2
    /// can hang here): it is left to a thread of its own, and the group takes the partitions after the session time.
    ///
    /// Commits nothing: call `commit` before. All records must have been released.
    @discardableResult package func close(deadline: Duration) -> Bool {
        guard !isClosed else { return true }
        isClosed = true
        unsafe context.setOwner(nil)
        // A rebalance nobody has answered would keep the library waiting.
        if pendingAssignment != nil || pendingRevocation != nil || context.takeRebalance() != nil {
            unsafe rd_kafka_assign(client, nil)
        }
        slots.remove(Set(slots.held))
        let limit = Deadline(deadline)
        // The member last: it leaves the group when nobody reads any more.
        let ended = readers.reversed().map {
            $0.close(context: context, deadline: .milliseconds(max(1, limit.remainingMilliseconds)))
        }.allSatisfy { $0 }
        Glibc.close(readiness)
        if !ended { Log.warning("Kafka consumer did not close in time", ["kafka.group": group]) }
        return ended
    }
}
