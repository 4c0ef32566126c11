import Configuration
import Foundation
import Kafka
import MarketData
import Telemetry

/// Candles from CSV files to Kafka.
struct FeedCommand: Command {
    static let description = CommandDescription(
        "feed", "Produce the candles of CSV files to Kafka, and end when all are acknowledged.", arguments: "FILE…",
        flags: [CommandFlag("loop", "Start over at the end, for ever.")], sections: ["feed", "kafka", "log"],
        examples: ["klinecast feed demo/klines/*.csv --rate 10", "klinecast feed BTCUSDT-1m.csv ETHUSDT-1m.csv"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        guard !invocation.arguments.positional.isEmpty else {
            throw CommandFailure.usage("name at least one file, such as BTCUSDT-1m.csv")
        }
        let settings = try invocation.settings()
        let stop = StopFlag.onSignals()
        let series = try CandleSeries.read(invocation.arguments.positional)
        let kafka = Kafka.KafkaSettings(settings.kafka)
        try Self.createTopics(series, kafka)
        var feeding = Feeding(
            try Producer(settings: kafka), brokers: kafka.brokers, total: series.reduce(0) { $0 + $1.rows.count },
            rate: settings.feed.rate)
        repeat {
            try feeding.play(series, until: stop)
        } while invocation.arguments.has("loop") && !stop.isRaised
        return feeding.finish(stop)
    }

    /// One partition a topic, so that a symbol's candles keep their order also for who reads without keys. Where the
    /// broker has no admin API its own automatic creation has to do.
    private static func createTopics(_ series: [CandleSeries], _ settings: Kafka.KafkaSettings) throws {
        let admin = try Admin(settings: settings)
        for one in series {
            do {
                try admin.createTopic(one.topic, partitions: 1, timeout: .seconds(10))
            } catch .unsupported {
                return
            } catch .failed(_, let failure) where failure.isRetriable {
                throw CommandFailure.failed(
                    "Kafka at \(settings.brokers) does not answer: \(failure); is it running there, and is KAFKA_BROKER right?")
            } catch .failed(_, let failure) where Self.isRefusal(failure) {
                throw CommandFailure.notAuthorised("Kafka at \(settings.brokers): \(failure)")
            } catch {
                Log.warning("Topic not created", ["kafka.topic": one.topic, "kafka.error": "\(error)"])
                return
            }
        }
    }

    private static func isRefusal(_ failure: KafkaFailure) -> Bool {
        failure.name.contains("AUTHENTICATION") || failure.name.contains("SASL")
    }
}
