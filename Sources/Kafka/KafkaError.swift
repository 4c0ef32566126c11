internal import CKafkaShim
internal import Glibc

/// What librdkafka said about one thing that went wrong.
package struct KafkaFailure: Sendable, Equatable, CustomStringConvertible {
    /// `rd_kafka_resp_err_t`: below zero the library's own, from 1 on the broker's.
    package let code: Int32
    /// The code's name without prefix, for example `_ALL_BROKERS_DOWN` or `TOPIC_AUTHORIZATION_FAILED`.
    package let name: String
    /// A sentence, with our explanation behind the library's words where we know more.
    package let message: String
    /// The client is of no use any more: close it and make a new one.
    package let isFatal: Bool
    /// The same call may succeed later.
    package let isRetriable: Bool

    package var description: String { "\(message) (\(name))" }
}

extension KafkaFailure {
    init(_ code: rd_kafka_resp_err_t, _ message: String? = nil, isFatal: Bool = false) {
        self.code = code.rawValue
        name = unsafe String(cString: rd_kafka_err2name(code))
        let text = message ?? ""
        self.message = unsafe text.isEmpty ? String(cString: rd_kafka_err2str(code)) : text
        self.isFatal = isFatal || code == RD_KAFKA_RESP_ERR__FATAL
        isRetriable = !isFatal && Self.passing.contains(code.rawValue)
    }

    /// What a call's error object says, which is freed; nil where there was none.
    static func taken(_ error: OpaquePointer?) -> KafkaFailure? {
        var text = [CChar](repeating: 0, count: 256)
        let code = unsafe kafka_shim_error_take(error, &text, text.count)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaFailure(code, String(buffer: text))
    }

    /// What goes by on its own: connections, elections, coordinators on the move, time limits.
    private static let passing: Set<Int32> = Set(
        [
            RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__WAIT_CACHE, RD_KAFKA_RESP_ERR__IN_PROGRESS,
            RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__RETRY,
            RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__STATE,
            RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
            RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
        ].map { $0.rawValue })
}

/// Everything this module throws.
package enum KafkaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A librdkafka property it does not know or does not take; `reason` is the library's own sentence. The value of a
    /// secret is not kept.
    case setting(name: String, value: String, reason: String)
    /// The library refused; `attempt` completes "could not …".
    case failed(attempt: String, KafkaFailure)
    /// The producer holds as many records as it may: serve `poll`, then produce again.
    case queueFull
    /// The broker has no such API.
    case unsupported(attempt: String)
    /// A system call failed; `remedy` says what a person can do, where that is known.
    case system(attempt: String, errno: Int32, remedy: String? = nil)

    /// The same call may succeed later.
    package var isRetriable: Bool {
        switch self {
        case .failed(_, let failure): failure.isRetriable
        case .queueFull: true
        case .setting, .unsupported, .system: false
        }
    }

    package var description: String {
        switch self {
        case .setting(let name, let value, let reason): "kafka.properties: \(name)=\(value): \(reason)"
        case .failed(let attempt, let failure): "could not \(attempt): \(failure)"
        case .queueFull: "the producer's queue is full: wait for acknowledgements, then produce again"
        case .unsupported(let attempt): "could not \(attempt): the broker does not offer it (an embedded broker?)"
        case .system(let attempt, let code, let remedy):
            "could not \(attempt): \(unsafe String(cString: strerror(code)))" + (remedy.map { "; \($0)" } ?? "")
        }
    }
}
