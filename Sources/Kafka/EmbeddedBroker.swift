internal import CKafkaShim

/// Brokers inside this process, librdkafka's mock cluster: for trying and testing without a Kafka.
///
/// It keeps 5 MB a partition in memory, has no admin API, knows no times (START looks at its ends only), and creates
/// topics of four partitions on demand. Its brokers listen on ports of their own choice: see `PortForwarder`. An empty
/// fetch is answered only after the client's `fetch.wait.max.ms`, so clients should set that low (20).
@safe package final class EmbeddedBroker: @unchecked Sendable {
    // The mock cluster's calls are operations handed to its own thread, safe from any thread.
    private let client: OpaquePointer
    private let cluster: OpaquePointer
    private let context = ClientContext()
    /// The brokers' addresses, separated by commas.
    package let bootstrap: String
    package let brokers: Int

    package init(brokers: Int = 1) throws(KafkaError) {
        self.brokers = brokers
        var settings = KafkaSettings()
        // This client only lends the cluster its threads: it connects nowhere and has nothing to say about that.
        settings.properties = ["bootstrap.servers": "", "log_level": "3"]
        let configuration = try ClientConfiguration(settings, role: [], context: context)
        let client = try unsafe configuration.makeClient(RD_KAFKA_PRODUCER)
        guard let cluster = unsafe rd_kafka_mock_cluster_new(client, Int32(brokers)) else {
            unsafe rd_kafka_destroy(client)
            throw .failed(attempt: "start the embedded broker", KafkaFailure(RD_KAFKA_RESP_ERR__FAIL))
        }
        unsafe self.client = client
        unsafe self.cluster = cluster
        bootstrap = unsafe String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }

    deinit {
        unsafe rd_kafka_mock_cluster_destroy(cluster)
        unsafe rd_kafka_destroy(client)
    }

    package func createTopic(_ name: String, partitions: Int = 1) throws(KafkaError) {
        let code = unsafe rd_kafka_mock_topic_create(cluster, name, Int32(partitions), Int32(brokers))
        try check(code, "create topic \(name)")
    }

    /// The next requests of this kind (the protocol's API key: 0 produce, 1 fetch, 8 commit, …) get these errors, one each.
    package func pushErrors(apiKey: Int16, codes: [Int32]) {
        let errors = codes.map { rd_kafka_resp_err_t(rawValue: $0) }
        unsafe rd_kafka_mock_push_request_errors_array(cluster, apiKey, errors.count, errors)
    }

    /// Requests of this kind are answered truly again.
    package func clearErrors(apiKey: Int16) { unsafe rd_kafka_mock_clear_request_errors(cluster, apiKey) }

    /// Closes a broker's port and connections. Brokers count from 1.
    package func setDown(_ broker: Int) throws(KafkaError) {
        try unsafe check(rd_kafka_mock_broker_set_down(cluster, Int32(broker)), "take embedded broker \(broker) down")
    }
    package func setUp(_ broker: Int) throws(KafkaError) {
        try unsafe check(rd_kafka_mock_broker_set_up(cluster, Int32(broker)), "bring embedded broker \(broker) up")
    }

    /// Takes the partition's leader away (`nil`), or gives it another.
    package func setLeader(_ partition: TopicPartition, _ broker: Int?) throws(KafkaError) {
        let code = unsafe rd_kafka_mock_partition_set_leader(
            cluster, partition.topic, partition.partition, Int32(broker ?? -1))
        try check(code, "set the leader of \(partition)")
    }

    private func check(_ code: rd_kafka_resp_err_t, _ attempt: String) throws(KafkaError) {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw .failed(attempt: attempt, KafkaFailure(code)) }
    }
}
