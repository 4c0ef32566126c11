import Configuration
import Persister
import Records
import Telemetry

/// Kafka to a database, until a signal ends it.
struct PersisterCommand: Command {
    static let description = CommandDescription(
        "persister", "Keep candles, signals, executions and orders from Kafka topics in a database.",
        sections: ["kafka", "router", "database", "persister", "http", "process", "log"],
        examples: [
            "klinecast persister",
            "DATABASE_URL=postgresql://klinecast@db/candles KAFKA_BROKER=kafka:9092 klinecast persister",
        ])

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        let settings = try invocation.settings()
        let service: PersisterService
        do {
            service = try PersisterService(settings)
        } catch let error as StoreError {
            let sentence = "\(settings.database.url): \(error.sentence)"
            throw ArchiveAccess.isRefusal(error) ? CommandFailure.notAuthorised(sentence) : .failed(sentence)
        }
        Signals.start { service.stop($0 == .stop ? .drain : .now) }
        Log.info("Persister started", ["http.address": service.address, "database": "\(settings.database.url)"])
        service.waitForEnd()
        Log.info("Persister ended")
        return .done
    }
}
