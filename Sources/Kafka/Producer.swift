internal import CKafkaShim
internal import CSystemShim
import Glibc

/// An idempotent producer: records of a partition are stored once and in order, by all in-sync replicas.
///
/// `produce` may be called from any thread; `poll`, `flush` and `close` from one at a time. Each record is reported
/// once by `poll`, delivered or not, within `message.timeout.ms`.
@safe package final class Producer: @unchecked Sendable {
    // librdkafka's producer calls are safe from any thread; the context is behind locks; `close` must be the last call.
    package enum Compression: String, Sendable, CaseIterable { case none, gzip, snappy, lz4, zstd }

    /// Readable when delivery reports wait in an empty queue: call `poll`.
    package let readiness: Int32
    let client: OpaquePointer
    let context: ClientContext
    private let queue: OpaquePointer

    /// - Parameters:
    ///   - linger: how long a record waits for company.
    ///   - deliveryTimeout: after this a record is reported as failed.
    ///   - queueLimit: records in memory; more throw `.queueFull`.
    package init(
        settings: KafkaSettings, compression: Compression = .lz4, linger: Duration = .milliseconds(5),
        deliveryTimeout: Duration = .seconds(30), queueLimit: Int = 100_000
    ) throws(KafkaError) {
        context = ClientContext(saslMechanism: settings.saslMechanism ?? settings.properties["sasl.mechanism"])
        let role = [
            ("enable.idempotence", "true"), ("acks", "all"),
            ("compression.codec", compression.rawValue),
            ("linger.ms", "\(linger.cMilliseconds)"),
            ("message.timeout.ms", "\(max(1, deliveryTimeout.cMilliseconds))"),
            ("queue.buffering.max.messages", "\(queueLimit)"),
            ("queue.buffering.max.kbytes", "65536"),
            // What Java clients do: the same key goes to the same partition whoever writes it.
            ("partitioner", "murmur2_random"),
        ]
        let configuration = try ClientConfiguration(
            settings, role: role.map { (name: $0.0, value: $0.1) }, context: context)
        unsafe configuration.withPointer { unsafe rd_kafka_conf_set_dr_msg_cb($0, receiveDelivery) }
        let client = try unsafe configuration.makeClient(RD_KAFKA_PRODUCER)
        unsafe self.client = client
        let queue = unsafe rd_kafka_queue_get_main(client)
        guard let queue = unsafe queue else { preconditionFailure("every client has a main queue") }
        unsafe self.queue = queue
        readiness = system_shim_eventfd_create()
        var one: UInt64 = 1
        unsafe rd_kafka_queue_io_event_enable(queue, readiness, &one, MemoryLayout<UInt64>.size)
    }

    /// What was not flushed is lost: `flush` before.
    deinit {
        unsafe rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        unsafe rd_kafka_queue_destroy(queue)
        unsafe rd_kafka_purge(client, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
        unsafe rd_kafka_destroy(client)
        close(readiness)
    }

    /// Hands a record over; key, value and headers are copied. Does not block. A null key or value is nil, and not the
    /// same as an empty one.
    ///
    /// - Parameters:
    ///   - partition: nil lets the key decide, as it does for Java clients.
    ///   - timestamp: ms since 1970; nil is now.
    ///   - token: comes back in the `Delivery`.
    package func produce(
        topic: String, partition: Int32? = nil, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
        headers: [(name: String, value: [UInt8])] = [], timestamp: Int64? = nil, token: UInt64 = 0
    ) throws(KafkaError) {
        var list: OpaquePointer?
        if !headers.isEmpty {
            unsafe list = rd_kafka_headers_new(headers.count)
            for (name, value) in headers {
                unsafe value.withUnsafeBytes { bytes in
                    _ = unsafe rd_kafka_header_add(list, name, -1, bytes.baseAddress ?? Self.empty, bytes.count)
                }
            }
        }
        let code = unsafe kafka_shim_message_produce(
            client, topic, partition ?? -1, Self.address(key), key?.count ?? 0, Self.address(value), value?.count ?? 0,
            timestamp ?? 0, list, UnsafeMutableRawPointer(bitPattern: UInt(token)))
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        if let list = unsafe list { unsafe rd_kafka_headers_destroy(list) }
        if code == RD_KAFKA_RESP_ERR__QUEUE_FULL { throw .queueFull }
        throw .failed(attempt: "produce to \(topic)", KafkaFailure(code))
    }

    /// The same for values in arrays.
    package func produce(
        topic: String, partition: Int32? = nil, key: [UInt8]?, value: [UInt8]?,
        headers: [(name: String, value: [UInt8])] = [], timestamp: Int64? = nil, token: UInt64 = 0
    ) throws(KafkaError) {
        func with(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> KafkaError?) -> KafkaError? {
            guard let bytes else { return body(nil) }
            return unsafe bytes.withUnsafeBytes { unsafe body($0) }
        }
        let failure = unsafe with(key) { key in
            unsafe with(value) { value in
                do throws(KafkaError) {
                    try unsafe produce(
                        topic: topic, partition: partition, key: key, value: value, headers: headers,
                        timestamp: timestamp, token: token)
                    return nil
                } catch { return error }
            }
        }
        if let failure { throw failure }
    }

    /// Reports since the last call, in the order of their arrival. Waits up to `timeout` for the first one.
    package func poll(timeout: Duration = .zero) -> [Delivery] {
        system_shim_eventfd_drain(readiness)
        _ = unsafe rd_kafka_poll(client, timeout.cMilliseconds)
        return context.takeDeliveries()
    }

    /// Blocks until every record is delivered or has failed, at most `deadline`; true when none is left. The reports come
    /// with the next `poll`.
    package func flush(deadline: Duration) -> Bool {
        unsafe rd_kafka_flush(client, deadline.cMilliseconds) == RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// Records handed over whose report was not collected by the library's poll yet.
    package var outstanding: Int { unsafe Int(rd_kafka_outq_len(client)) }

    /// An error of the client itself (brokers gone, password wrong, fatal); nil when there is no further one.
    package func nextFailure() -> KafkaFailure? { context.takeFailure() }
    package var lastFailure: KafkaFailure? { context.lastFailure }
    package var areBrokersDown: Bool { context.areBrokersDown }

    /// An address for what is empty but not null.
    private static var empty: UnsafeRawPointer {
        guard let address = unsafe UnsafeRawPointer(bitPattern: 1) else { preconditionFailure("1 is not null") }
        return unsafe address
    }
    private static func address(_ bytes: UnsafeRawBufferPointer?) -> UnsafeRawPointer? {
        unsafe bytes.map { unsafe $0.baseAddress ?? empty }
    }
}

private func receiveDelivery(
    _ client: OpaquePointer?, _ message: UnsafePointer<rd_kafka_message_t>?, _ opaque: UnsafeMutableRawPointer?
) {
    guard let context = unsafe ClientContext.of(opaque), let message = unsafe message?.pointee else { return }
    unsafe context.append(Delivery(message))
    if unsafe message.err == RD_KAFKA_RESP_ERR_NO_ERROR { context.noteActivity() }
}

extension Delivery {
    fileprivate init(_ message: rd_kafka_message_t) {
        let failed = unsafe message.err != RD_KAFKA_RESP_ERR_NO_ERROR
        unsafe self.init(
            token: UInt64(UInt(bitPattern: message._private)), offset: message.offset >= 0 ? message.offset : nil,
            partition: message.partition, failure: failed ? KafkaFailure(message.err) : nil)
    }
}
