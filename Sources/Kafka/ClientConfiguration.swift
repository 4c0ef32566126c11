internal import CKafkaShim
import Configuration

/// Owns an `rd_kafka_conf_t` until a client takes it over.
@safe struct ClientConfiguration: ~Copyable {
    private let pointer: OpaquePointer
    let context: ClientContext

    /// Our settings for every client, then the role's, then the user's own properties.
    init(_ settings: KafkaSettings, role: [(name: String, value: String)], context: ClientContext) throws(KafkaError) {
        unsafe pointer = rd_kafka_conf_new()
        self.context = context
        for (name, value) in settings.connection { try set(name, value) }
        for (name, value) in role { try set(name, value) }
        for (name, value) in settings.properties.sorted(by: { $0.key < $1.key }) { try set(name, value) }
        unsafe rd_kafka_conf_set_opaque(pointer, Unmanaged.passUnretained(context).toOpaque())
        unsafe rd_kafka_conf_set_log_cb(pointer, receiveLog)
        unsafe rd_kafka_conf_set_error_cb(pointer, receiveError)
    }

    deinit { unsafe rd_kafka_conf_destroy(pointer) }

    func withPointer(_ body: (OpaquePointer) -> Void) { unsafe body(pointer) }

    private func set(_ name: String, _ value: String) throws(KafkaError) {
        var reason = [CChar](repeating: 0, count: 512)
        guard unsafe rd_kafka_conf_set(pointer, name, value, &reason, reason.count) != RD_KAFKA_CONF_OK else { return }
        throw .setting(
            name: name, value: Secret.isSecret(property: name) ? Secret.mask : value, reason: String(buffer: reason))
    }

    /// A client of this configuration. `context` must live until the client is destroyed.
    consuming func makeClient(_ type: rd_kafka_type_t) throws(KafkaError) -> OpaquePointer {
        var reason = [CChar](repeating: 0, count: 512)
        // The library takes the configuration over only when it succeeds: it gets a copy, ours goes with deinit.
        let copy = unsafe rd_kafka_conf_dup(pointer)
        guard let client = unsafe rd_kafka_new(type, copy, &reason, reason.count) else {
            unsafe rd_kafka_conf_destroy(copy)
            let text = String(buffer: reason)
            throw .failed(attempt: "create a Kafka client", KafkaFailure(RD_KAFKA_RESP_ERR__INVALID_ARG, text))
        }
        return unsafe client
    }
}

private func receiveLog(
    _ client: OpaquePointer?, _ level: Int32, _ facility: UnsafePointer<CChar>?, _ text: UnsafePointer<CChar>?
) {
    guard let client = unsafe client, let context = unsafe ClientContext.of(rd_kafka_opaque(client)) else { return }
    guard let facility = unsafe facility, let text = unsafe text else { return }
    unsafe context.log(level: level, facility: String(cString: facility), text: String(cString: text))
}

private func receiveError(
    _ client: OpaquePointer?, _ code: Int32, _ reason: UnsafePointer<CChar>?, _ opaque: UnsafeMutableRawPointer?
) {
    guard let context = unsafe ClientContext.of(opaque), let client = unsafe client else { return }
    let text = unsafe reason.map { unsafe String(cString: $0) } ?? ""
    unsafe context.error(rd_kafka_resp_err_t(rawValue: code), text: text, client: client)
}
