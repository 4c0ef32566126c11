internal import CKafkaShim
package import Records

/// Reads whole topics from their first record to the end they have by then, outside of any group: for commands that look.
///
/// Confined to one thread; every call blocks. Commits nothing. Its group's name is needed by the library alone: no group is
/// joined. Dead-letter topics too can be read, unlike with `Consumer`.
@safe package final class LogReader {
    package struct Entry: Sendable, Equatable {
        package let source: SourcePartition
        package let offset: Int64
        /// ms since 1970; -1 when it has none.
        package let timestamp: Int64
        package let contents: RecordCopy
    }

    private let client: OpaquePointer
    private let context: ClientContext

    package init(settings: KafkaSettings, group: String) throws(KafkaError) {
        context = ClientContext(saslMechanism: settings.saslMechanism ?? settings.properties["sasl.mechanism"])
        let role = [
            ("group.id", group), ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "earliest"), ("isolation.level", "read_committed"), ("enable.partition.eof", "true"),
            ("allow.auto.create.topics", "false"), ("fetch.wait.max.ms", "100"),
            // All partitions together: bounds the memory of a long topic.
            ("queued.min.messages", "2000"), ("queued.max.messages.kbytes", "16384"),
        ]
        let configuration = try ClientConfiguration(
            settings, role: role.map { (name: $0.0, value: $0.1) }, context: context)
        let client = try unsafe configuration.makeClient(RD_KAFKA_CONSUMER)
        unsafe self.client = client
        unsafe rd_kafka_poll_set_consumer(client)
    }

    deinit {
        unsafe rd_kafka_assign(client, nil)
        _ = unsafe ClientEnd.close(client, context: context, deadline: .seconds(2))
    }

    /// Every topic whose name `matches`, with its partitions, in order.
    package func partitions(timeout: Duration = .seconds(5), where matches: (String) -> Bool) throws(KafkaError)
        -> [TopicPartition]
    {
        let all = try unsafe listPartitions(client, context, timeout: timeout) { [client = unsafe client] in
            if let message = unsafe rd_kafka_consumer_poll(client, 100) { unsafe rd_kafka_message_destroy(message) }
        }
        return all.map(\.name).filter { matches($0.topic) }
            .sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
    }

    /// Hands out the records of these partitions from `offset` (`nil`: the log's first) to their ends, each partition in
    /// order; stops when the reader answers false.
    ///
    /// - Parameter patience: how long nothing may come before it throws.
    package func read(
        _ partitions: [TopicPartition], from offset: Int64? = nil, patience: Duration = .seconds(10),
        _ reader: (Entry) -> Bool
    ) throws(KafkaError) {
        guard !partitions.isEmpty else { return }
        let list = PartitionList(partitions, offset: offset ?? Int64(RD_KAFKA_OFFSET_BEGINNING))
        let code = unsafe rd_kafka_assign(client, list.pointer)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw .failed(attempt: "read \(partitions.count) partitions", KafkaFailure(code))
        }
        defer { unsafe rd_kafka_assign(client, nil) }
        var open = Set(partitions)
        var deadline = ContinuousClock.now + patience
        while !open.isEmpty {
            guard let message = unsafe rd_kafka_consumer_poll(client, 100) else {
                if ContinuousClock.now < deadline { continue }
                throw .failed(
                    attempt: "read \(open.count) partitions to their ends",
                    context.lastFailure ?? KafkaFailure(RD_KAFKA_RESP_ERR__TIMED_OUT))
            }
            defer { unsafe rd_kafka_message_destroy(message) }
            guard let topic = unsafe message.pointee.rkt else { continue }
            let partition = unsafe TopicPartition(
                topic: String(cString: rd_kafka_topic_name(topic)), partition: message.pointee.partition)
            switch unsafe message.pointee.err {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                deadline = .now + patience
                let entry = unsafe Entry(
                    source: SourcePartition(topic: partition.topic, partition: partition.partition),
                    offset: message.pointee.offset, timestamp: rd_kafka_message_timestamp(message, nil),
                    contents: RecordCopy(message))
                if !reader(entry) { return }
            case RD_KAFKA_RESP_ERR__PARTITION_EOF: open.remove(partition)
            case let error:
                let failure = unsafe KafkaFailure(
                    error, rd_kafka_message_errstr(message).map { unsafe String(cString: $0) })
                if !failure.isRetriable { throw .failed(attempt: "read \(partition)", failure) }
            }
        }
    }
}
