internal import CKafkaShim

// Both are called within `rd_kafka_consumer_poll` on the consumer's own thread, or while it closes.

func receiveRebalance(
    _ client: OpaquePointer?, _ code: rd_kafka_resp_err_t,
    _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, _ opaque: UnsafeMutableRawPointer?
) {
    guard let client = unsafe client, let context = unsafe ClientContext.of(opaque) else { return }
    unsafe context.rebalance(client, code, list)
}

func receiveCommit(
    _ client: OpaquePointer?, _ code: rd_kafka_resp_err_t,
    _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, _ opaque: UnsafeMutableRawPointer?
) {
    guard let context = unsafe ClientContext.of(opaque), let owner = unsafe context.owner else { return }
    unsafe Unmanaged<Consumer>.fromOpaque(owner).takeUnretainedValue().noteCommit(code, list)
}

extension ClientContext {
    /// Only takes note. The library waits for the owner's answer, which may take its time; while it closes there is no
    /// owner any more, and everything is given back at once.
    fileprivate func rebalance(
        _ client: OpaquePointer, _ code: rd_kafka_resp_err_t,
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    ) {
        guard unsafe owner != nil else { return unsafe giveBack(client, code, list) }
        let partitions = unsafe list.map { list in
            unsafe (0..<Int(list.pointee.cnt)).map { unsafe TopicPartition(list.pointee.elems[$0]) }
        }
        let kind: Rebalance.Kind =
            switch code {
            case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS: .assign
            case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS: .revoke
            default: .failed(KafkaFailure(code))
            }
        unsafe append(
            Rebalance(kind: kind, partitions: partitions ?? [], isLost: rd_kafka_assignment_lost(client) != 0))
    }
}

/// Answers a rebalance of a consumer that wants nothing any more.
func giveBack(
    _ client: OpaquePointer, _ code: rd_kafka_resp_err_t,
    _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
) {
    if code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, unsafe isCooperative(client), let list = unsafe list {
        _ = unsafe KafkaFailure.taken(rd_kafka_incremental_unassign(client, list))
    } else {
        unsafe rd_kafka_assign(client, nil)
    }
}

/// Whether partitions come and go one by one, or all at every rebalance.
func isCooperative(_ client: OpaquePointer) -> Bool {
    unsafe rd_kafka_rebalance_protocol(client).map { unsafe String(cString: $0) } == "COOPERATIVE"
}
