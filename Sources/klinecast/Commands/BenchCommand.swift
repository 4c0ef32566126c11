import Configuration
import Kafka
import Redis
import Telemetry

/// A self-check of somebody's own set-up: candles in at Kafka, and out at Redis, through the router that runs there.
struct BenchCommand: Command {
    static let description = CommandDescription(
        "bench",
        "Measure rate and latency through the router that is running, on topics of its own; where a persister runs, their candles (BENCH0, BENCH1, …) stay in its database.",
        flags: [
            CommandFlag("messages", value: "N", "Candles in all. [default: 10000]"),
            CommandFlag("topics", value: "N", "Topics they are spread over. [default: 5]"),
            CommandFlag("json", "One JSON object."),
        ],
        sections: ["kafka", "redis", "router", "log"], examples: ["klinecast bench --messages 100000 --topics 10"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        let messages = try invocation.number("messages", in: 1...10_000_000) ?? 10_000
        let topics = try invocation.number("topics", in: 1...1_000) ?? 5
        let settings = try invocation.settings(isQuiet: true)
        guard settings.router.hasEnvelope, settings.router.sinks.contains(.publish) else {
            throw CommandFailure.usage("needs ENVELOPE=json and publish among SINKS, to know its own messages again")
        }
        let stop = StopFlag.onSignals()
        let trial = try BenchTrial(settings, messages: messages, topics: topics)
        defer { trial.close() }
        try trial.warmUp(stop)
        try trial.measure(stop)
        let result = trial.result
        if invocation.arguments.has("json") { Terminal.data(result.json) } else { Terminal.data(result.text) }
        return result.received == result.sent ? .done : .degraded
    }
}
