internal import CKafkaShim
import Foundation

/// Closes and destroys a client within a time limit, whatever the library does.
@safe private final class ClosingClient: @unchecked Sendable {
    // Handed from the owner to the closing thread once; the owner does not touch the client again.
    let pointer: OpaquePointer
    /// Callbacks may come until the client is destroyed.
    let context: ClientContext
    let leave: DispatchTime
    let done = DispatchSemaphore(value: 0)

    init(_ pointer: OpaquePointer, context: ClientContext, leave: DispatchTime) {
        unsafe self.pointer = pointer
        self.context = context
        self.leave = leave
    }

    func run() {
        if let queue = unsafe rd_kafka_queue_new(pointer) {
            _ = unsafe KafkaFailure.taken(rd_kafka_consumer_close_queue(pointer, queue))
            while unsafe rd_kafka_consumer_closed(pointer) == 0, DispatchTime.now() < leave {
                guard let event = unsafe rd_kafka_queue_poll(queue, 20) else { continue }
                // From this queue a rebalance comes as an event, whatever callback there is.
                if unsafe rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE {
                    unsafe giveBack(
                        pointer, rd_kafka_event_error(event), rd_kafka_event_topic_partition_list(event))
                }
                unsafe rd_kafka_event_destroy(event)
            }
            unsafe rd_kafka_queue_destroy(queue)
        }
        unsafe rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        done.signal()
    }
}

enum ClientEnd {
    /// False when the library was still at it after `deadline`; its memory is then given up.
    static func close(_ client: OpaquePointer, context: ClientContext, deadline: Duration) -> Bool {
        let limit = Int(deadline.cMilliseconds)
        let closing = unsafe ClosingClient(
            client, context: context, leave: .now() + .milliseconds(max(limit * 3 / 4, limit - 1000)))
        let thread = Thread { closing.run() }
        thread.name = "kafka-close"
        thread.start()
        return closing.done.wait(timeout: .now() + .milliseconds(limit)) == .success
    }
}
