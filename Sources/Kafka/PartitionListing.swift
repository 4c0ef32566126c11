internal import CKafkaShim

/// A partition as the brokers' answer about all topics has it.
struct ListedPartition {
    let name: TopicPartition
    let hasLeader: Bool
}

/// Every partition of all topics that the brokers show to `client`. Blocks for a round trip, at most `timeout`.
///
/// - Parameter explain: called before a failure is thrown where its reason may still wait to be served, a wrong password
///   for one; without it the failure is what the call itself returned.
func listPartitions(
    _ client: OpaquePointer, _ context: ClientContext, timeout: Duration, explain: (() -> Void)? = nil
) throws(KafkaError) -> [ListedPartition] {
    var answer: UnsafePointer<rd_kafka_metadata>?
    let code = unsafe rd_kafka_metadata(client, 1, nil, &answer, max(1, timeout.cMilliseconds))
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = unsafe answer else {
        let failure = KafkaFailure(code == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR__FAIL : code)
        explain?()
        throw .failed(attempt: "list the topics", explain == nil ? failure : context.lastFailure ?? failure)
    }
    defer { unsafe rd_kafka_metadata_destroy(metadata) }
    context.noteActivity()
    return unsafe (0..<Int(metadata.pointee.topic_cnt)).flatMap { index in
        let topic = unsafe metadata.pointee.topics[index]
        let name = unsafe String(cString: topic.topic)
        return unsafe (0..<Int(topic.partition_cnt)).map { place in
            let partition = unsafe topic.partitions[place]
            return unsafe ListedPartition(
                name: TopicPartition(topic: name, partition: partition.id), hasLeader: partition.leader >= 0)
        }
    }
}
