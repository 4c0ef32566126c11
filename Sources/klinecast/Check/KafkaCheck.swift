import Configuration
import Kafka
import MarketData
import Records
import Router

/// Lists the topics, then joins a group of its own for a moment, to see which partitions the router's subscription
/// finds; nothing is committed, and the router's own groups are left alone.
struct KafkaCheck {
    private let settings: Kafka.KafkaSettings
    private let group: String
    private let routes: RouteTable

    /// Kafka itself waits 3 s for further members of a new group.
    private static let joinLimit = Duration.seconds(12)

    init(_ settings: Settings, _ routes: RouteTable) {
        self.settings = Kafka.KafkaSettings(settings.kafka)
        group = "\(settings.kafka.groupIdentifier).check"
        self.routes = routes
    }

    func findings() -> [Finding] {
        let subject = "Kafka \(settings.brokers)"
        do throws(KafkaError) {
            let subscription = Lane.allCases.flatMap { routes.subscription($0) }
            let consumer = try Consumer(
                settings: settings, group: group, instanceID: nil, subscription: subscription, start: .earliest)
            defer { consumer.close(deadline: .seconds(3)) }
            try consumer.join(timeout: .seconds(5))
            return [Finding(subject, .fine, "connected (librdkafka \(KafkaLibrary.versionText))"), joined(consumer)]
        } catch {
            return [Finding(subject, Self.outcome(error), Self.words(error))]
        }
    }

    private func joined(_ consumer: Consumer) -> Finding {
        let subject = "Kafka group \(group)"
        let deadline = ContinuousClock.now + Self.joinLimit
        var failure: KafkaFailure?
        while ContinuousClock.now < deadline {
            drain(consumer)
            while let event = consumer.nextEvent() {
                switch event {
                case .assigning(let partitions):
                    return Finding(subject, .fine, Self.summary(partitions))
                case .failure(let new):
                    failure = new
                    if Self.isRefusal(new) {
                        let remedy =
                            "allow READ on every group that begins with \(group.dropLast(".check".count)), and on the topics"
                        return Finding(subject, .notAuthorised, "\(new); \(remedy)")
                    }
                case .revoking(let slots, _): consumer.finishRevocation(slots, commit: false)
                case .positionReset: break
                }
            }
            StopFlag.pause(consumer.readiness, .milliseconds(100))
        }
        let words = failure.map { "\($0)" } ?? "no answer of its coordinator within 12 s"
        return Finding(subject, .wrong, "could not join: \(words)")
    }

    /// Serves the library's queue; nothing is assigned, so there are no records.
    private func drain(_ consumer: Consumer) {
        unsafe withUnsafeTemporaryAllocation(of: Record.self, capacity: 16) { records in
            guard let start = records.baseAddress else { return }
            let count = unsafe consumer.take(into: start, limit: records.count)
            for place in 0..<count { if let handle = unsafe start[place].handle { unsafe consumer.release(handle) } }
        }
    }

    private static func summary(_ partitions: [TopicPartition]) -> String {
        let topics = Set(partitions.map(\.topic)).sorted()
        guard !topics.isEmpty else {
            return "may be joined; no topic matches the subscription yet (they are found when they appear)"
        }
        let names = topics.prefix(5).joined(separator: ", ") + (topics.count > 5 ? ", …" : "")
        return "may be joined; \(topics.count) topics with \(partitions.count) partitions match: \(names)"
    }

    private static func isRefusal(_ failure: KafkaFailure) -> Bool {
        ["AUTHORIZATION", "AUTHENTICATION", "SASL"].contains { failure.name.contains($0) }
    }

    private static func outcome(_ error: KafkaError) -> Finding.Outcome {
        if case .failed(_, let failure) = error, isRefusal(failure) { return .notAuthorised }
        return .wrong
    }

    private static func words(_ error: KafkaError) -> String {
        guard case .failed(_, let failure) = error, failure.isRetriable else { return "\(error)" }
        return "\(error); is Kafka running there, and is KAFKA_BROKER right?"
    }
}
