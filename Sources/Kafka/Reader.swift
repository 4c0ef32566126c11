internal import CKafkaShim

/// A client that fetches: the group's member itself, or one beside it that joins nothing and only reads.
///
/// Whenever bytes arrive, librdkafka's broker thread looks at all partitions of its client, and a broker sends an answer in
/// as many pieces as it has partitions: to read something of each costs the square of their number. So a consumer of many
/// divides them among several clients.
@safe package final class Reader {
    /// More partitions than this are divided.
    package static let capacity = 1000
    /// Each reader has a connection and a thread a broker.
    static let limit = 16

    let client: OpaquePointer
    private let queue: OpaquePointer
    private let nudge: Nudge?

    /// - Parameters:
    ///   - client: a consumer with a group, from here on this reader's.
    ///   - readiness: an eventfd that is written when something comes into the empty queue.
    init(_ client: OpaquePointer, readiness: Int32) {
        unsafe self.client = client
        // Errors and logs' queue too is served by consumer_poll from here on.
        unsafe rd_kafka_poll_set_consumer(client)
        guard let queue = unsafe rd_kafka_queue_get_consumer(client) else {
            preconditionFailure("a consumer with a group has a queue")
        }
        unsafe self.queue = queue
        nudge = unsafe KafkaLibrary.version < KafkaLibrary.fetchBackoffVersion ? Nudge(client, queue: queue) : nil
        var one: UInt64 = 1
        unsafe rd_kafka_queue_io_event_enable(queue, readiness, &one, MemoryLayout<UInt64>.size)
    }

    /// Counts what was taken, `number` being this reader's place.
    func note(records: Int, bytes: Int, _ slots: borrowing PartitionSlots, number: Int) {
        nudge?.note(records: records, bytes: bytes, slots: slots, of: number)
    }

    /// Reads these from their offsets too; nothing of them when it fails.
    func add(_ list: borrowing PartitionList) -> KafkaFailure? {
        unsafe .taken(rd_kafka_incremental_assign(client, list.pointer))
    }

    /// Reads these no longer, and throws away what was fetched of them.
    func remove(_ list: borrowing PartitionList) -> KafkaFailure? {
        unsafe .taken(rd_kafka_incremental_unassign(client, list.pointer))
    }

    /// Stops fetching these and throws away what was fetched of them.
    func pause(_ partitions: [TopicPartition]) -> KafkaFailure? {
        let list = PartitionList(partitions)
        let code = unsafe rd_kafka_pause_partitions(client, list.pointer)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaFailure(code)
    }

    func resume(_ partitions: [TopicPartition]) -> KafkaFailure? {
        let list = PartitionList(partitions)
        let code = unsafe rd_kafka_resume_partitions(client, list.pointer)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaFailure(code)
    }

    /// After this nothing of it may be used; `context` is the client's.
    func close(context: ClientContext, deadline: Duration) -> Bool {
        nudge?.stop()
        unsafe rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        unsafe rd_kafka_queue_destroy(queue)
        return unsafe ClientEnd.close(client, context: context, deadline: deadline)
    }
}
