internal import CKafkaShim
internal import CSystemShim
import Foundation
import Synchronization

/// Keeps librdkafka before 2.2.0 fetching when its consumer queue was full.
///
/// Its broker threads stop fetching when the queue reaches its limit and look again only a second later, though the
/// queue is empty within milliseconds. Any request to that broker wakes its thread: here a question for a backlogged
/// partition's end, by the thread `kafka-nudge`, which looks every 10 ms whether the queue has room: a wake-up makes
/// the broker's thread look at all its partitions, 0.3 ms for 2,000. It sleeps without waking up unless records have flowed
/// fast within the last 1.5 s, longer than a stall can last.
@safe final class Nudge {
    private struct State {
        var targets: [TopicPartition] = []
        var isStopped = false
    }

    /// Shared with the thread.
    @safe private final class Shared: @unchecked Sendable {
        // Client and queue are only used by the thread, which `stop` joins before they are destroyed. `condition`
        // guards `state`; `activeUntil` is atomic.
        let client: OpaquePointer
        let queue: OpaquePointer
        let condition = NSCondition()
        var state = State()
        let activeUntil = Atomic<Int64>(0)
        let ended = DispatchSemaphore(value: 0)
        init(_ client: OpaquePointer, _ queue: OpaquePointer) {
            unsafe self.client = client
            unsafe self.queue = queue
        }
    }

    private let shared: Shared
    private var windowEnd: Int64 = 0
    private var windowRecords = 0
    private var windowBytes = 0

    /// Records after which the library stops to fetch, `queued.min.messages`; larger ones stop it earlier.
    static let queueLimit = 20_000
    private static let window: Int64 = 200_000_000
    /// A fifth of the queue's limits within one window; slower traffic cannot fill the queue unless nobody takes from it.
    private static let backlogRecords = 4000
    private static let backlogBytes = 3_000_000
    private static let activity: Int64 = 1_500_000_000
    private static let interval: useconds_t = 10_000

    /// - Parameter queue: the consumer's, which must outlive the thread as the client must.
    init(_ client: OpaquePointer, queue: OpaquePointer) {
        shared = unsafe Shared(client, queue)
        let shared = shared
        let thread = Thread { Self.run(shared) }
        thread.name = "kafka-nudge"
        thread.start()
    }

    /// Counts what was taken; called by the consumer after each take that gave something.
    func note(records: Int, bytes: Int, slots: borrowing PartitionSlots, of reader: Int) {
        windowRecords += records
        windowBytes += bytes
        let now = Clock.nanoseconds
        guard now >= windowEnd || windowRecords >= Self.backlogRecords || windowBytes >= Self.backlogBytes else {
            return
        }
        let isBacklog = windowRecords >= Self.backlogRecords || windowBytes >= Self.backlogBytes
        if now >= windowEnd || isBacklog && now >= shared.activeUntil.load(ordering: .relaxed) {
            windowEnd = now + Self.window
            if isBacklog { activate(until: now + Self.activity, slots, reader) }
            windowRecords = 0
            windowBytes = 0
        }
    }

    private func activate(until end: Int64, _ slots: borrowing PartitionSlots, _ reader: Int) {
        shared.activeUntil.store(end, ordering: .relaxed)
        shared.condition.withLock {
            shared.state.targets.removeAll(keepingCapacity: true)
            for slot in slots.slots where slot.isReading && slot.reader == reader {
                shared.state.targets.append(slot.partition)
            }
            shared.condition.signal()
        }
    }

    /// Ends and joins the thread; blocks for at most one question (200 ms).
    func stop() {
        shared.condition.withLock {
            shared.state.isStopped = true
            shared.condition.signal()
        }
        shared.ended.wait()
    }

    private static func run(_ shared: Shared) {
        defer { shared.ended.signal() }
        unsafe system_shim_thread_name("kafka-nudge")
        var turn = 0
        while let target = next(shared, &turn) {
            if unsafe rd_kafka_queue_length(shared.queue) < queueLimit {
                var low: Int64 = 0
                var high: Int64 = 0
                _ = unsafe rd_kafka_query_watermark_offsets(
                    shared.client, target.topic, target.partition, &low, &high, 200)
            }
            usleep(interval)
        }
    }

    /// The next partition to ask about, after sleeping as long as there is no backlog; nil when it is time to end.
    private static func next(_ shared: Shared, _ turn: inout Int) -> TopicPartition? {
        shared.condition.withLock {
            while !shared.state.isStopped {
                let isActive = Clock.nanoseconds < shared.activeUntil.load(ordering: .relaxed)
                if isActive, !shared.state.targets.isEmpty {
                    turn = (turn + 1) % shared.state.targets.count
                    return shared.state.targets[turn]
                }
                shared.condition.wait()
            }
            return nil
        }
    }
}
