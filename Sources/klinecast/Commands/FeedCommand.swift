import Configuration
import Foundation
import Kafka
import MarketData
import Telemetry

/// Candles from CSV files to Kafka.
struct FeedCommand: Command {
    static let description = CommandDescription(
        "feed", "Produce the candles of CSV files to Kafka, and end when all are acknowledged.",
        arguments: "FILE|FOLDER…",
        flags: [
            CommandFlag("loop", "Start over at the end, for ever."),
            CommandFlag("no-create", "Leave the topics to the broker; else those that are missing get one partition."),
        ], sections: ["feed", "kafka", "log"],
        examples: ["klinecast feed demo/klines/*.csv --rate 10", "klinecast feed BTCUSDT-1m.csv ETHUSDT-1m.csv"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let files = try Self.files(invocation.arguments.positional)
        let settings = try invocation.settings()
        let series = try CandleSeries.read(files)
        let kafka = Kafka.KafkaSettings(settings.kafka)
        let producer = try Producer(settings: kafka)
        try KafkaAccess.expectAnswer(to: producer, kafka.brokers)
        if !invocation.arguments.has("no-create") { try Self.createTopics(series, kafka, producer) }
        // Until here nothing was sent, and a signal may end the process where it stands.
        let stop = StopFlag.onSignals()
        var feeding = Feeding(
            producer, brokers: kafka.brokers, total: series.reduce(0) { $0 + $1.rows.count }, rate: settings.feed.rate)
        repeat {
            try feeding.play(series, until: stop)
        } while invocation.arguments.has("loop") && !stop.isRaised
        return feeding.finish(stop)
    }

    /// The files, with folders as the CSV files in them.
    private static func files(_ paths: [String]) throws(CommandFailure) -> [String] {
        guard !paths.isEmpty else {
            throw .usage("name at least one file, such as BTCUSDT-1m.csv, or a folder of them")
        }
        var files: [String] = []
        for path in paths {
            let found = CandleSeries.files(inFolder: path) ?? [path]
            guard !found.isEmpty else { throw .failed("\(Terminal.plain(path)): the folder holds no .csv file") }
            files += found
        }
        return files
    }

    /// One partition a topic, so that a symbol's candles keep their order also for who reads without keys. Where the
    /// broker has no admin API (the embedded one never names a controller) its own automatic creation has to do.
    private static func createTopics(
        _ series: [CandleSeries], _ settings: Kafka.KafkaSettings, _ producer: Producer
    ) throws(CommandFailure) {
        let admin = Admin(sharing: producer)
        for one in series {
            guard let error = Self.failureOfCreating(one.topic, admin) else { continue }
            if case .failed(_, let failure) = error, KafkaAccess.isRefusal(failure) {
                throw .notAuthorised("Kafka at \(settings.brokers): \(failure)")
            }
            Log.debug(
                "Topics are left to the broker's own creation", ["kafka.topic": one.topic, "kafka.error": "\(error)"])
            return
        }
    }

    private static func failureOfCreating(_ topic: String, _ admin: Admin) -> KafkaError? {
        do throws(KafkaError) {
            try admin.createTopic(topic, partitions: 1, timeout: .seconds(3))
            return nil
        } catch {
            return error
        }
    }
}
