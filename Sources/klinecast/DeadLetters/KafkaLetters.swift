import Configuration
import Kafka
import Records

/// Dead letters in the topics `<source topic>.dlq`: those of every stage.
struct KafkaLetters {
    /// Where a letter stands in its dead-letter topic.
    struct Place: Equatable {
        let topic: String
        let partition: Int32
        let offset: Int64

        /// Reads `TOPIC/PARTITION/OFFSET`, or `TOPIC/OFFSET` of partition 0; the topic with or without `.dlq`.
        init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard (2...3).contains(parts.count), !parts[0].isEmpty, let offset = Int64(parts[parts.count - 1]),
                offset >= 0,
                let partition = parts.count == 3 ? Int32(parts[1]) : 0, partition >= 0
            else { return nil }
            topic = KafkaLetters.topic(of: String(parts[0]))
            self.partition = partition
            self.offset = offset
        }
    }

    private let reader: LogReader
    private let brokers: String

    init(_ settings: Configuration.KafkaSettings) throws(CommandFailure) {
        brokers = settings.bootstrapServers
        do throws(KafkaError) {
            reader = try LogReader(
                settings: Kafka.KafkaSettings(settings), group: "\(settings.groupIdentifier).dlq")
        } catch {
            throw Self.failure(error, settings.bootstrapServers)
        }
    }

    /// A topic's dead-letter topic; its own name when it is one.
    static func topic(of source: String) -> String {
        source.hasSuffix(DeadLetter.topicSuffix) ? source : source + DeadLetter.topicSuffix
    }

    /// Hands them out from each topic's start to its end until the reader answers false.
    func read(topic: String?, _ body: (ShownLetter) -> Bool) throws(CommandFailure) {
        let wanted = topic.map(Self.topic)
        do throws(KafkaError) {
            let partitions = try reader.partitions {
                wanted.map($0.elementsEqual) ?? $0.hasSuffix(DeadLetter.topicSuffix)
            }
            // One after the other, so that what is listed stands in order and stops early.
            for partition in partitions {
                var goesOn = true
                try reader.read([partition]) { entry in
                    goesOn = body(ShownLetter(entry))
                    return goesOn
                }
                if !goesOn { return }
            }
        } catch {
            throw Self.failure(error, brokers)
        }
    }

    /// `nil` when no record stands there.
    func letter(at place: Place) throws(CommandFailure) -> ShownLetter? {
        var found: ShownLetter?
        do throws(KafkaError) {
            let partitions = try reader.partitions { $0 == place.topic }.filter { $0.partition == place.partition }
            try reader.read(partitions, from: place.offset) { entry in
                if entry.offset == place.offset { found = ShownLetter(entry) }
                return false
            }
        } catch {
            throw Self.failure(error, brokers)
        }
        return found
    }

    private static func failure(_ error: KafkaError, _ brokers: String) -> CommandFailure {
        if case .failed(_, let failure) = error,
            ["AUTHORIZATION", "AUTHENTICATION", "SASL"].contains(where: { failure.name.contains($0) })
        {
            return .notAuthorised("Kafka at \(brokers): \(error)")
        }
        return .failed("Kafka at \(brokers): \(error); is it running there, and is KAFKA_BROKER right?")
    }
}
