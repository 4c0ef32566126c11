import CKafkaShim
import Foundation
import Synchronization
import TestRigs

/// A place in Kafka.
struct KafkaPlace: Hashable, Sendable, Comparable, CustomStringConvertible {
    let topic: String
    let partition: Int32

    var description: String { "\(topic)/\(partition)" }
    static func < (left: Self, right: Self) -> Bool { (left.topic, left.partition) < (right.topic, right.partition) }
}

/// One record, identified twice: by where Kafka put it and by the number in its value.
struct WrittenRecord: Hashable, Sendable {
    let place: KafkaPlace
    let offset: Int64
    let number: Int
}

/// A producer on librdkafka itself, none of the code under test: it knows which record got which offset. One thread at
/// a time.
@safe final class KafkaWriter: @unchecked Sendable {
    // The client's calls are safe from any thread, what the callback fills is behind a lock.
    private struct Reports {
        var written: Set<WrittenRecord> = []
        var failures: [String] = []
    }
    /// What the delivery callback fills; it lives as long as the client.
    private final class Ledger: Sendable {
        let reports = Mutex(Reports())

        func note(_ message: rd_kafka_message_t) {
            let number = unsafe Int(bitPattern: message._private)
            if unsafe message.err != RD_KAFKA_RESP_ERR_NO_ERROR {
                let words = unsafe String(cString: rd_kafka_err2str(message.err))
                reports.withLock { $0.failures.append("\(number): \(words)") }
                return
            }
            let place = unsafe KafkaPlace(
                topic: String(cString: rd_kafka_topic_name(message.rkt)), partition: message.partition)
            // What a broker calls a duplicate of a batch it no longer remembers: nobody knows where it stands, if it does.
            if unsafe message.offset < 0 {
                reports.withLock { $0.failures.append("\(number): acknowledged in \(place) without an offset") }
                return
            }
            let record = unsafe WrittenRecord(place: place, offset: message.offset, number: number)
            reports.withLock { _ = $0.written.insert(record) }
        }
    }
    private let client: OpaquePointer
    private let ledger = Ledger()

    /// Idempotent, acks=all; `properties` win.
    init(_ bootstrap: String, _ properties: [String: String] = [:]) throws {
        let settings = [
            "bootstrap.servers": bootstrap, "enable.idempotence": "true", "acks": "all", "linger.ms": "2",
            "compression.codec": "lz4", "queue.buffering.max.messages": "200000", "message.timeout.ms": "120000",
        ].merging(properties) { $1 }
        let configuration = unsafe rd_kafka_conf_new()
        for (name, value) in settings {
            var words = [CChar](repeating: 0, count: 256)
            guard unsafe rd_kafka_conf_set(configuration, name, value, &words, words.count) == RD_KAFKA_CONF_OK else {
                throw NeverHappened(description: "producer property \(name)=\(value)")
            }
        }
        unsafe rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(ledger).toOpaque())
        unsafe rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, opaque in
            guard let message = unsafe message, let opaque = unsafe opaque else { return }
            unsafe Unmanaged<Ledger>.fromOpaque(opaque).takeUnretainedValue().note(message.pointee)
        }
        var words = [CChar](repeating: 0, count: 256)
        guard let client = unsafe rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &words, words.count) else {
            throw NeverHappened(description: "a producer")
        }
        unsafe self.client = client
    }

    deinit {
        unsafe rd_kafka_purge(client, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
        unsafe rd_kafka_destroy(client)
    }

    /// All that the brokers have acknowledged.
    var written: Set<WrittenRecord> { ledger.reports.withLock { $0.written } }
    var failures: [String] { ledger.reports.withLock { $0.failures } }

    /// A value that says which record it is.
    static func value(_ number: Int) -> String {
        #"{"symbol":"TEST","time":1726000000000,"open":1.5,"high":2.25,"low":1.25,"close":2.0,"is_closed":false,"number":\#(number)}"#
    }

    /// Hands one record over; waits only while the producer's queue is full.
    func write(_ place: KafkaPlace, _ number: Int, key: String? = nil, value: String? = nil, timestamp: Int64 = 0)
        throws
    {
        let value = Array((value ?? Self.value(number)).utf8)
        let key = key.map { Array($0.utf8) } ?? []
        while true {
            let code = unsafe kafka_shim_message_produce(
                client, place.topic, place.partition, key.isEmpty ? nil : key, key.count, value, value.count,
                timestamp, nil, UnsafeMutableRawPointer(bitPattern: number))
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { break }
            guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
                throw NeverHappened(description: "produce: \(unsafe String(cString: rd_kafka_err2str(code)))")
            }
            unsafe rd_kafka_poll(client, 10)
        }
        unsafe rd_kafka_poll(client, 0)
    }

    /// Takes acknowledgements, and waits at most so long for the first.
    func serve(_ limit: Duration) { unsafe rd_kafka_poll(client, Int32(limit / .milliseconds(1))) }

    /// Waits until each record is acknowledged or has failed.
    @discardableResult func flush(within limit: Duration = .seconds(60)) throws -> Set<WrittenRecord> {
        guard unsafe rd_kafka_flush(client, Int32(limit.components.seconds * 1000)) == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw NeverHappened(description: "flushed within \(limit)")
        }
        let written = written
        precondition(!written.isEmpty, "a test that writes has records to compare")
        return written
    }

    // MARK: Transactions (with `transactional.id`)

    func initTransactions() throws { try unsafe check(unsafe rd_kafka_init_transactions(client, 30_000)) }
    func begin() throws { try unsafe check(unsafe rd_kafka_begin_transaction(client)) }
    func commit() throws { try unsafe check(unsafe rd_kafka_commit_transaction(client, 30_000)) }
    func abort() throws { try unsafe check(unsafe rd_kafka_abort_transaction(client, 30_000)) }

    private func check(_ error: OpaquePointer?) throws {
        var words = [CChar](repeating: 0, count: 256)
        let code = unsafe kafka_shim_error_take(error, &words, words.count)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw NeverHappened(description: "transaction: \(unsafe String(cString: rd_kafka_err2str(code)))")
        }
    }
}

/// A thread that writes numbered records evenly to some partitions until it is told to stop, or nobody holds it any more.
final class KafkaLoad: Sendable {
    private let writer: KafkaWriter
    private let isStopping = Mutex(false)
    private let problem = Mutex<String?>(nil)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter value: what record `number` of a place holds; without it, `KafkaWriter.value`.
    init(
        _ writer: KafkaWriter, _ places: [KafkaPlace], rate: Int, firstNumber: Int = 1,
        value: (@Sendable (KafkaPlace, Int) -> String)? = nil
    ) {
        self.writer = writer
        Thread.detachNewThread { [weak self] in
            let begun = ContinuousClock.now
            var count = 0
            while let load = self, !load.isStopping.withLock({ $0 }) {
                let due = Int((ContinuousClock.now - begun) / .milliseconds(1)) * rate / 1000
                do {
                    while count < due {
                        let place = places[count % places.count]
                        let number = firstNumber + count
                        try writer.write(place, number, value: value?(place, number))
                        count += 1
                    }
                } catch {
                    load.problem.withLock { $0 = "\(error)" }
                    break
                }
                writer.serve(.milliseconds(2))
            }
            self?.ended.signal()
        }
    }

    /// Ends the load; all that was acknowledged.
    func stop() throws -> Set<WrittenRecord> {
        if !isStopping.withLock({ stopping in
            defer { stopping = true }
            return stopping
        }) {
            ended.wait()
        }
        if let problem = problem.withLock({ $0 }) { throw NeverHappened(description: problem) }
        return try writer.flush()
    }
}
