import CKafkaShim
import Foundation
import TestRigs

/// Looks at a group's committed offsets and at logs, without ever being a member. One thread at a time.
@safe final class KafkaGroup {
    private let client: OpaquePointer

    init(_ bootstrap: String, _ group: String) throws {
        let configuration = unsafe rd_kafka_conf_new()
        var words = [CChar](repeating: 0, count: 256)
        for (name, value) in [
            "bootstrap.servers": bootstrap, "group.id": group, "enable.partition.eof": "true",
            "enable.auto.commit": "false", "isolation.level": "read_committed",
        ] {
            unsafe rd_kafka_conf_set(configuration, name, value, &words, words.count)
        }
        guard let client = unsafe rd_kafka_new(RD_KAFKA_CONSUMER, configuration, &words, words.count) else {
            throw NeverHappened(description: "a consumer")
        }
        unsafe self.client = client
        unsafe rd_kafka_poll_set_consumer(client)
    }

    deinit { unsafe rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }

    /// The committed offsets, where there are any.
    func committed(_ places: [KafkaPlace]) throws -> [KafkaPlace: Int64] {
        let list = unsafe rd_kafka_topic_partition_list_new(Int32(places.count))!
        defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
        for place in places { unsafe rd_kafka_topic_partition_list_add(list, place.topic, place.partition) }
        try eventually("the group's coordinator answers") {
            unsafe rd_kafka_committed(client, list, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR
        }
        var found: [KafkaPlace: Int64] = [:]
        for (index, place) in places.enumerated() {
            let offset = unsafe list.pointee.elems[index].offset
            if offset >= 0 { found[place] = offset }
        }
        return found
    }

    /// First offset and end of a log.
    func limits(_ place: KafkaPlace) throws -> (low: Int64, high: Int64) {
        var low: Int64 = -1
        var high: Int64 = -1
        try eventually("the limits of \(place)") {
            unsafe rd_kafka_query_watermark_offsets(client, place.topic, place.partition, &low, &high, 5000)
                == RD_KAFKA_RESP_ERR_NO_ERROR
        }
        return (low, high)
    }

    /// How many offsets the topic's logs hold, all partitions together; 0 while there is no such topic.
    func extent(of topic: String) throws -> Int {
        let handle = unsafe rd_kafka_topic_new(client, topic, nil)
        defer { unsafe rd_kafka_topic_destroy(handle) }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        try eventually("the brokers tell about \(topic)") {
            unsafe rd_kafka_metadata(client, 0, handle, &metadata, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR
        }
        defer { unsafe rd_kafka_metadata_destroy(metadata) }
        let partitions = unsafe metadata!.pointee.topic_cnt > 0 ? metadata!.pointee.topics[0].partition_cnt : 0
        return try (0..<partitions).reduce(0) { sum, partition in
            let (low, high) = try limits(KafkaPlace(topic: topic, partition: partition))
            return sum + Int(high - low)
        }
    }

    /// The offsets of all records that the log holds now, in order.
    func offsets(_ place: KafkaPlace) throws -> [Int64] {
        let list = unsafe rd_kafka_topic_partition_list_new(1)!
        defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
        unsafe rd_kafka_topic_partition_list_add(list, place.topic, place.partition).pointee.offset =
            Int64(RD_KAFKA_OFFSET_BEGINNING)
        unsafe rd_kafka_assign(client, list)
        defer { unsafe rd_kafka_assign(client, nil) }
        var found: [Int64] = []
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            guard let message = unsafe rd_kafka_consumer_poll(client, 100) else { continue }
            defer { unsafe rd_kafka_message_destroy(message) }
            if unsafe message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF { return found }
            if unsafe message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR { unsafe found.append(message.pointee.offset) }
        }
        throw NeverHappened(description: "the end of \(place)")
    }
}
