internal import CKafkaShim
import Synchronization
import Telemetry

/// What librdkafka's callbacks of one client write, and what its owner reads.
///
/// Log lines come from the library's threads, the rest from the thread that polls.
final class ClientContext: Sendable {
    struct Rebalance: Sendable {
        enum Kind: Sendable {
            case assign, revoke
            case failed(KafkaFailure)
        }
        var kind: Kind
        var partitions: [TopicPartition]
        var isLost: Bool
    }

    private struct State {
        var throttle = LogThrottle()
        var rebalances: [Rebalance] = []
        var failures: [KafkaFailure] = []
        var lastFailure: KafkaFailure?
        var areBrokersDown = false
        var deliveries: [Delivery] = []
    }
    private let state = Locked(State())
    /// The consumer, for callbacks on its own thread; nil for other clients and while it closes.
    private let ownerAddress = Atomic<UInt>(0)
    private let saslMechanism: String?
    /// Failures that nobody collects are kept up to this number; later ones only replace `lastFailure`.
    private static let failureLimit = 256

    init(saslMechanism: String? = nil) { self.saslMechanism = saslMechanism }

    static func of(_ opaque: UnsafeMutableRawPointer?) -> ClientContext? {
        // The client's owner holds the context until the client is destroyed, and callbacks end with the client.
        unsafe opaque.map { unsafe Unmanaged<ClientContext>.fromOpaque($0).takeUnretainedValue() }
    }

    func setOwner(_ owner: UnsafeMutableRawPointer?) {
        ownerAddress.store(UInt(bitPattern: owner), ordering: .sequentiallyConsistent)
    }
    var owner: UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: ownerAddress.load(ordering: .sequentiallyConsistent))
    }

    func log(level: Int32, facility: String, text: String) {
        let now = Clock.milliseconds
        guard let heldBack = state.withLock({ $0.throttle.admit("\(level) \(facility)", nowMilliseconds: now) })
        else { return }
        // syslog levels: up to 3 is an error, 4 a warning, 5 a notice, 7 debugging that the user asked for.
        switch level {
        case ...3:
            Log.error(
                "Kafka library",
                ["kafka.facility": facility, "kafka.text": explained(text), "held_back": "\(heldBack)"])
        // That a broker might create topics by itself: no broker that we work with does for a consumer, and the embedded
        // one, whose metadata requests are of an old version, would have it said every ten seconds.
        case 4 where facility != "AUTOCREATE":
            Log.warning(
                "Kafka library",
                ["kafka.facility": facility, "kafka.text": explained(text), "held_back": "\(heldBack)"])
        case 5, 6:
            Log.info("Kafka library", ["kafka.facility": facility, "kafka.text": text, "held_back": "\(heldBack)"])
        default:
            Log.debug("Kafka library", ["kafka.facility": facility, "kafka.text": text, "held_back": "\(heldBack)"])
        }
    }

    func error(_ code: rd_kafka_resp_err_t, text: String, client: OpaquePointer) {
        var failure = KafkaFailure(code, explained(text))
        if code == RD_KAFKA_RESP_ERR__FATAL {
            var words = [CChar](repeating: 0, count: 512)
            let actual = unsafe rd_kafka_fatal_error(client, &words, words.count)
            failure = KafkaFailure(actual, String(buffer: words), isFatal: true)
        }
        state.withLock { state in
            if code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN { state.areBrokersDown = true }
            // That all brokers are down only follows from what came before, which says why.
            if code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || state.lastFailure == nil { state.lastFailure = failure }
            if state.failures.count < Self.failureLimit { state.failures.append(failure) }
        }
    }

    private func explained(_ text: String) -> String {
        let more = KafkaLibrary.explanation(version: KafkaLibrary.version, mechanism: saslMechanism, text: text)
        return more.map { "\(text). \($0)" } ?? text
    }

    func append(_ rebalance: Rebalance) { state.withLock { $0.rebalances.append(rebalance) } }
    func append(_ delivery: Delivery) { state.withLock { $0.deliveries.append(delivery) } }

    func takeRebalance() -> Rebalance? {
        state.withLock { $0.rebalances.isEmpty ? nil : $0.rebalances.removeFirst() }
    }
    func takeFailure() -> KafkaFailure? {
        state.withLock { $0.failures.isEmpty ? nil : $0.failures.removeFirst() }
    }
    func takeDeliveries() -> [Delivery] {
        state.withLock { state in
            defer { state.deliveries.removeAll() }
            return state.deliveries
        }
    }

    /// A broker answered.
    func noteActivity() { state.withLock { $0.areBrokersDown = false } }
    var areBrokersDown: Bool { state.withLock { $0.areBrokersDown } }
    var lastFailure: KafkaFailure? { state.withLock { $0.lastFailure } }
}
