import Foundation
import Kafka
import MarketData
import Records
import TestRigs

import enum Configuration.StartPosition

/// One record as a test saw it.
struct SeenRecord: Equatable {
    var topic: String
    var partition: Int32
    var offset: Int64
    var timestamp: Int64
    var key: String?
    var value: String?
}

/// What a driver waited for in vain.
struct DriverFailure: Error, CustomStringConvertible {
    let description: String
}

/// A consumer with the loop a lane would have: waits for its descriptor, takes, answers events.
@safe final class ConsumerDriver {
    let consumer: Consumer
    var records: [SeenRecord] = []
    var ends: [TopicPartition: Int64] = [:]
    var owned: [Int32: Kafka.AssignedPartition] = [:]
    var history: [String] = []
    var failures: [KafkaFailure] = []
    var resets: [ConsumerEvent] = []
    var assigned: [Kafka.AssignedPartition] = []
    var storesOffsets = true
    var hasClosedInTime = false
    private let buffer = UnsafeMutablePointer<Record>.allocate(capacity: 512)

    var values: [String] { records.compactMap(\.value) }
    var owns: Set<TopicPartition> {
        Set(owned.values.map { TopicPartition(topic: $0.topic, partition: $0.partition) })
    }

    init(
        _ settings: KafkaSettings, group: String, topics: [String], start: StartPosition = .earliest,
        instanceID: String? = nil, sessionTimeout: Duration = .seconds(10), processStart: Int64? = nil,
        readerCapacity: Int = Reader.capacity
    ) throws {
        consumer = try Consumer(
            settings: settings, group: group, instanceID: instanceID, subscription: topics, start: start,
            sessionTimeout: sessionTimeout, processStart: processStart, readerCapacity: readerCapacity)
        try eventually("the consumer joins") {
            do {
                try consumer.join()
                return true
            } catch let error as KafkaError where error.isRetriable { return false }
        }
    }

    deinit { unsafe buffer.deallocate() }

    /// One turn of the loop; waits at most 50 ms for something to come.
    func step() throws {
        if !consumer.hasMore {
            var polled = pollfd(fd: consumer.readiness, events: Int16(POLLIN), revents: 0)
            unsafe poll(&polled, 1, 50)
        }
        let count = unsafe consumer.take(into: buffer, limit: 512)
        for index in 0..<count { unsafe accept(buffer[index]) }
        while let event = consumer.nextEvent() { try answer(event) }
    }

    func run(_ what: String, within limit: Duration = .seconds(30), until condition: () -> Bool) throws {
        let deadline = ContinuousClock.now + limit
        while !condition() {
            guard ContinuousClock.now < deadline else {
                throw DriverFailure(
                    description: "\(what): \(records.count) records, \(owned.count) partitions, \(failures) \(history)")
            }
            try step()
        }
    }

    private func accept(_ record: Record) {
        guard let partition = unsafe owned[record.slot] else { return unsafe drop(record) }
        let name = TopicPartition(topic: partition.topic, partition: partition.partition)
        if unsafe record.kind == .endOfPartition {
            unsafe ends[name] = record.offset
            return
        }
        unsafe records.append(
            SeenRecord(
                topic: partition.topic, partition: partition.partition, offset: record.offset,
                timestamp: record.timestamp, key: record.key.map { unsafe String(decoding: $0, as: UTF8.self) },
                value: record.value.map { unsafe String(decoding: $0, as: UTF8.self) }))
        if storesOffsets { unsafe consumer.store(record.slot, nextOffset: record.offset + 1) }
        unsafe drop(record)
    }

    private func drop(_ record: Record) {
        if let handle = unsafe record.handle { unsafe consumer.release(handle) }
    }

    private func answer(_ event: ConsumerEvent) throws {
        switch event {
        case .assigning(let partitions):
            let taken = try eventually("\(partitions) are assigned") { () -> [Kafka.AssignedPartition]? in
                do { return try consumer.assign(partitions) } catch let error as KafkaError where error.isRetriable {
                    return nil
                }
            }
            assigned += taken
            for each in taken { owned[each.slot] = each }
            history.append("+\(partitions.count)")
        case .revoking(let slots, let isLost):
            consumer.finishRevocation(slots, commit: !isLost)
            for slot in slots { owned[slot] = nil }
            history.append(isLost ? "lost \(slots.count)" : "-\(slots.count)")
        case .positionReset: resets.append(event)
        case .failure(let failure): failures.append(failure)
        }
    }

    func close() {
        consumer.commit(deadline: .seconds(5))
        hasClosedInTime = consumer.close(deadline: .seconds(5))
    }
}

/// Names that no other test uses.
func unique(_ name: String) -> String { "\(name)-\(UInt32.random(in: 0 ... .max))" }

extension KafkaCluster {
    var settings: KafkaSettings { KafkaSettings(brokers: bootstrap) }

    func make(_ topic: String, partitions: Int = 1, configuration: [String: String] = [:]) throws {
        try Admin(settings: settings).createTopic(topic, partitions: partitions, configuration: configuration)
    }
}

/// Produces and waits for the acknowledgement of each.
func produce(
    _ settings: KafkaSettings, _ topic: String, _ values: [String?], key: String? = nil, partition: Int32? = nil,
    compression: Producer.Compression = .lz4, timestamp: (Int) -> Int64? = { _ in nil }
) throws {
    let producer = try Producer(settings: settings, compression: compression)
    for (index, value) in values.enumerated() {
        try producer.produce(
            topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) },
            timestamp: timestamp(index), token: UInt64(index))
    }
    guard producer.flush(deadline: .seconds(20)) else { throw DriverFailure(description: "flush of \(topic)") }
    for delivery in producer.poll() {
        if let failure = delivery.failure { throw DriverFailure(description: "\(failure)") }
    }
}
