internal import CKafkaShim

/// Owns an `rd_kafka_topic_partition_list_t`.
@safe struct PartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int = 8) { unsafe pointer = rd_kafka_topic_partition_list_new(Int32(max(1, capacity))) }

    init(_ partitions: [TopicPartition], offset: Int64 = Int64(RD_KAFKA_OFFSET_INVALID)) {
        self.init(capacity: partitions.count)
        for each in partitions { add(each, offset: offset) }
    }

    deinit { unsafe rd_kafka_topic_partition_list_destroy(pointer) }

    var count: Int { unsafe Int(pointer.pointee.cnt) }

    func add(_ partition: TopicPartition, offset: Int64) {
        let element = unsafe rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
        unsafe element?.pointee.offset = offset
    }

    func offset(_ index: Int) -> Int64 { unsafe pointer.pointee.elems[index].offset }
    func error(_ index: Int) -> rd_kafka_resp_err_t { unsafe pointer.pointee.elems[index].err }
    func partition(_ index: Int) -> TopicPartition { unsafe TopicPartition(pointer.pointee.elems[index]) }
}

extension TopicPartition {
    init(_ element: rd_kafka_topic_partition_t) {
        unsafe self.init(topic: String(cString: element.topic), partition: element.partition)
    }
}
