import Kafka

/// Whether a Kafka is there, asked before the first record waits for it.
enum KafkaAccess {
    private static let limit = Duration.seconds(10)

    /// Throws when nobody answers within 10 s, or the broker refuses the user: a record would say so only at the end of its
    /// own time, half a minute later.
    static func expectAnswer(to producer: Producer, _ brokers: String) throws(CommandFailure) {
        do throws(KafkaError) { _ = try Admin(sharing: producer).topicNames(timeout: limit) } catch {
            _ = producer.poll()
            let failure = producer.lastFailure
            if let failure, isRefusal(failure) { throw .notAuthorised("Kafka at \(brokers): \(failure)") }
            let words = failure.map { ": \($0)" } ?? " as a Kafka does"
            throw .failed(
                "Kafka at \(brokers) does not answer\(words); is it running there, and is KAFKA_BROKER right?")
        }
    }

    static func isRefusal(_ failure: KafkaFailure) -> Bool {
        failure.name.contains("AUTHENTICATION") || failure.name.contains("SASL")
    }
}
