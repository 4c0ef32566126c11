import Foundation
import Kafka
import TestRigs
import Testing

/// A test's own corner: topics, a group, a Redis and a recorder that nobody else uses, on a shared Kafka.
final class KafkaCorner {
    let kafka: KafkaCluster
    let redis: RedisServer
    let recorder: KafkaRecorder
    let name: String
    /// `market.data.<name><index>.1m`
    let topics: [String]
    let places: [KafkaPlace]
    let group: KafkaGroup
    private let admin: Admin

    /// - Parameter spare: symbols whose topics the test creates itself.
    init(
        topics: Int = 1, partitions: Int = 1, spare: Int = 0, kafka: KafkaCluster? = nil,
        configuration: [String: String] = [:]
    ) throws {
        let kafka = try kafka ?? KafkaCluster.shared()
        self.kafka = kafka
        let name = "k" + String(UInt32.random(in: 1 << 28 ... .max), radix: 36)
        self.name = name
        redis = try RedisServer { $0.further = [["client-output-buffer-limit", "pubsub", "0", "0", "0"]] }
        recorder = try KafkaRecorder(port: redis.port, channelsWith: name)
        admin = try Admin(settings: KafkaSettings(brokers: kafka.bootstrap))
        self.topics = (0..<topics + spare).map { "market.data.\(name)\($0).1m" }
        let created = self.topics[..<topics]
        places = created.flatMap { topic in
            (0..<Int32(partitions)).map { KafkaPlace(topic: topic, partition: $0) }
        }
        group = try KafkaGroup(kafka.bootstrap, name)
        for topic in created {
            try admin.createTopic(topic, partitions: partitions, configuration: configuration, timeout: .seconds(30))
        }
    }

    func create(_ topic: String, partitions: Int = 1, configuration: [String: String] = [:]) throws {
        try admin.createTopic(topic, partitions: partitions, configuration: configuration, timeout: .seconds(30))
    }

    func delete(_ topic: String) throws { try admin.deleteTopic(topic, timeout: .seconds(30)) }

    func writer(_ properties: [String: String] = [:]) throws -> KafkaWriter {
        try KafkaWriter(kafka.bootstrap, properties)
    }

    /// A router of this corner's group that takes this corner's symbols only.
    func router(
        start: String = "earliest", stateFolder: String? = nil, prefix: String = "roottrading",
        _ more: [String: String] = [:]
    ) throws -> RouterProcess {
        let symbols = topics.indices.map { "\(name)\($0)" }.joined(separator: ",")
        return try RouterProcess(
            kafka: kafka.bootstrap, redis: redis.url, group: name, start: start, stateFolder: stateFolder,
            ["SYMBOLS": symbols, "CHANNEL_PREFIX": prefix, "KAFKA_SESSION_TIMEOUT": "6s", "SINKS": "publish"]
                .merging(more) { $1 })
    }

    /// Waits until all of these have come.
    func waitFor(_ records: Set<WrittenRecord>, within limit: Duration = .seconds(60)) throws {
        do {
            try eventually("every record delivered", within: limit) {
                recorder.count >= records.count && records.isSubset(of: recorder.records)
            }
        } catch {
            let missing = records.subtracting(recorder.records).sorted {
                ($0.place, $0.offset) < ($1.place, $1.offset)
            }
            throw NeverHappened(
                description: "\(error): \(missing.count) of \(records.count) missing, first \(missing.prefix(5))")
        }
    }
}

/// The value below which this share of them lies.
func percentile(_ share: Double, of values: [Duration]) -> Duration {
    let sorted = values.sorted()
    return sorted.isEmpty ? .zero : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}

extension Duration {
    /// For a test's own talk.
    var milliseconds: Int { Int(self / .milliseconds(1)) }
}

/// How often a test that has a choice repeats itself: KLINECAST_TORTURE, else once.
let torture = ProcessInfo.processInfo.environment["KLINECAST_TORTURE"].flatMap { Int($0) } ?? 1
