internal import CKafkaShim

/// Lists, creates and deletes topics. Every call blocks up to its time limit; one call at a time.
@safe package final class Admin: @unchecked Sendable {
    // librdkafka's admin calls are safe from any thread, and nothing else is stored here.
    private let client: OpaquePointer
    private let context: ClientContext
    /// Whose client this is, where it is not our own.
    private let producer: Producer?

    package init(settings: KafkaSettings) throws(KafkaError) {
        context = ClientContext(saslMechanism: settings.saslMechanism ?? settings.properties["sasl.mechanism"])
        let configuration = try ClientConfiguration(settings, role: [], context: context)
        unsafe client = try configuration.makeClient(RD_KAFKA_PRODUCER)
        producer = nil
    }

    /// Over the producer's connections: no client of its own to connect, and what is learned about topics both know.
    package init(sharing producer: Producer) {
        context = producer.context
        unsafe client = producer.client
        self.producer = producer
    }

    deinit { if producer == nil { unsafe rd_kafka_destroy(client) } }

    /// The names of all topics that the brokers show to us.
    package func topicNames(timeout: Duration) throws(KafkaError) -> Set<String> {
        // Nothing has to be served first: what a callback noted says more than the call's own error.
        try unsafe Set(listPartitions(client, context, timeout: timeout) {}.map(\.name.topic))
    }

    /// Creates topics of one partition in one request; those that are there stay as they are.
    package func createTopics(_ names: [String], configuration: [String: String], timeout: Duration) throws(KafkaError)
    {
        var topics: [OpaquePointer?] = unsafe []
        defer { for index in unsafe topics.indices { unsafe rd_kafka_NewTopic_destroy(topics[index]) } }
        var text = [CChar](repeating: 0, count: 256)
        for name in names {
            guard let topic = unsafe rd_kafka_NewTopic_new(name, 1, -1, &text, text.count) else {
                throw .failed(
                    attempt: "create topic \(name)", KafkaFailure(RD_KAFKA_RESP_ERR__INVALID_ARG, String(buffer: text)))
            }
            for (name, value) in configuration { unsafe rd_kafka_NewTopic_set_config(topic, name, value) }
            unsafe topics.append(topic)
        }
        let attempt = names.count == 1 ? "create topic \(names[0])" : "create \(names.count) topics"
        try unsafe request(attempt, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout: timeout, alsoFine: .topicExists) {
            options, queue in
            unsafe rd_kafka_CreateTopics(client, &topics, topics.count, options, queue)
        } topics: { event, count in
            unsafe rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        }
    }

    /// Creates a topic, or does nothing when it is there.
    ///
    /// - Parameters:
    ///   - partitions: -1 takes the broker's default, as does -1 for `replication`.
    ///   - configuration: topic settings, for example `retention.ms`.
    package func createTopic(
        _ name: String, partitions: Int = -1, replication: Int = -1, configuration: [String: String] = [:],
        timeout: Duration = .seconds(10)
    ) throws(KafkaError) {
        var text = [CChar](repeating: 0, count: 256)
        let attempt = "create topic \(name)"
        guard
            let topic = unsafe rd_kafka_NewTopic_new(name, Int32(partitions), Int32(replication), &text, text.count)
        else { throw .failed(attempt: attempt, KafkaFailure(RD_KAFKA_RESP_ERR__INVALID_ARG, String(buffer: text))) }
        defer { unsafe rd_kafka_NewTopic_destroy(topic) }
        for (name, value) in configuration { unsafe rd_kafka_NewTopic_set_config(topic, name, value) }
        try unsafe request(attempt, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout: timeout, alsoFine: .topicExists) {
            options, queue in
            var one: OpaquePointer? = unsafe topic
            unsafe rd_kafka_CreateTopics(client, &one, 1, options, queue)
        } topics: { event, count in
            unsafe rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        }
    }

    /// Deletes a topic and its records; throws when it is not there.
    package func deleteTopic(_ name: String, timeout: Duration = .seconds(10)) throws(KafkaError) {
        guard let topic = unsafe rd_kafka_DeleteTopic_new(name) else { return }
        defer { unsafe rd_kafka_DeleteTopic_destroy(topic) }
        try unsafe request("delete topic \(name)", RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout: timeout, alsoFine: nil) {
            options, queue in
            var one: OpaquePointer? = unsafe topic
            unsafe rd_kafka_DeleteTopics(client, &one, 1, options, queue)
        } topics: { event, count in
            unsafe rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
        }
    }

    /// False when a broker answers but names no controller among the brokers, as the embedded one does; a request would
    /// only time out.
    private func hasController(within limit: Int32) -> Bool {
        let controller = unsafe rd_kafka_controllerid(client, limit)
        var answer: UnsafePointer<rd_kafka_metadata>?
        let code = unsafe rd_kafka_metadata(client, 0, nil, &answer, limit)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = unsafe answer else { return true }
        defer { unsafe rd_kafka_metadata_destroy(metadata) }
        return unsafe (0..<Int(metadata.pointee.broker_cnt)).contains {
            unsafe metadata.pointee.brokers[$0].id == controller
        }
    }

    private func request(
        _ attempt: String, _ operation: rd_kafka_admin_op_t, timeout: Duration, alsoFine: rd_kafka_resp_err_t?,
        send: (OpaquePointer?, OpaquePointer?) -> Void,
        topics: (OpaquePointer?, inout Int) -> UnsafeMutablePointer<OpaquePointer?>?
    ) throws(KafkaError) {
        let milliseconds = max(1, timeout.cMilliseconds)
        guard hasController(within: milliseconds) else { throw .unsupported(attempt: attempt) }
        let options = unsafe rd_kafka_AdminOptions_new(client, operation)
        defer { unsafe rd_kafka_AdminOptions_destroy(options) }
        var text = [CChar](repeating: 0, count: 256)
        unsafe rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, &text, text.count)
        // Wait until the controller has done it, not only accepted it.
        unsafe rd_kafka_AdminOptions_set_operation_timeout(options, milliseconds, &text, text.count)
        let queue = unsafe rd_kafka_queue_new(client)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        unsafe send(options, queue)
        guard let event = unsafe rd_kafka_queue_poll(queue, milliseconds + 500) else {
            throw .failed(attempt: attempt, context.lastFailure ?? KafkaFailure(RD_KAFKA_RESP_ERR__TIMED_OUT))
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        var code = unsafe rd_kafka_event_error(event)
        var words = unsafe rd_kafka_event_error_string(event).map { unsafe String(cString: $0) }
        var count = 0
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, let results = unsafe topics(event, &count) {
            for place in 0..<count {
                let result = unsafe rd_kafka_topic_result_error(results[place])
                guard result != RD_KAFKA_RESP_ERR_NO_ERROR, result != alsoFine else { continue }
                code = result
                words = unsafe rd_kafka_topic_result_error_string(results[place]).map { unsafe String(cString: $0) }
            }
        }
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != alsoFine else { return }
        if code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE || code == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION {
            throw .unsupported(attempt: attempt)
        }
        throw .failed(attempt: attempt, KafkaFailure(code, words))
    }
}

extension rd_kafka_resp_err_t {
    fileprivate static var topicExists: Self { RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS }
}
