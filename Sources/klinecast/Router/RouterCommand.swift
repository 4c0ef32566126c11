import Configuration
import Records
import Router
import Telemetry

/// Kafka to Redis, until a signal ends it.
struct RouterCommand: Command {
    static let description = CommandDescription(
        "router", "Take records from Kafka topics to Redis channels, and answer /health and /diagnostic.",
        sections: ["kafka", "redis", "router", "database", "persister", "http", "process", "log"],
        examples: [
            "klinecast router",
            "KAFKA_BROKER=kafka:9092 REDIS_URL=redis://redis:6379 klinecast router --start earliest",
        ])

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        let settings = try invocation.settings()
        let service = try RouterService(settings)
        Signals.start { service.stop($0 == .stop ? .drain : .now) }
        Log.info("Router started", ["http.address": service.address])
        service.waitForEnd()
        Log.info("Router ended")
        return .done
    }
}
