import Configuration
import Kafka
import Telemetry

/// A Kafka inside this process, for trying and testing.
struct BrokerCommand: Command {
    static let description = CommandDescription(
        "broker", "Run the embedded Kafka, for trying and testing; it forgets everything at its end.",
        flags: [
            CommandFlag(
                "topics", value: "LIST",
                "Create these topics with one partition each; any other gets four when it is first written to.")
        ],
        sections: ["broker", "log"], examples: ["klinecast broker --topics market.data.btcusdt.1m,orders"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        let settings = try invocation.settings()
        let address = settings.broker.address
        guard ["127.0.0.1", "localhost"].contains(address.host) else {
            throw CommandFailure.usage(
                "broker.address: must be 127.0.0.1 and a port (got \(address)): the embedded Kafka serves this machine only"
            )
        }
        let stop = StopFlag.onSignals()
        let broker = try EmbeddedBroker()
        for topic in Self.topics(invocation) { try broker.createTopic(topic, partitions: 1) }
        let forwarder = try Self.forward(address, to: broker.bootstrap)
        Terminal.data("Embedded Kafka serves on 127.0.0.1:\(forwarder.port)\n")
        Log.info(
            "Embedded broker serves", ["broker.address": "127.0.0.1:\(forwarder.port)", "broker.own": broker.bootstrap])
        stop.wait()
        forwarder.stop()
        return .done
    }

    private static func topics(_ invocation: Invocation) -> [String] {
        (invocation.arguments.flags["topics"] ?? "").split(separator: ",").map(String.init)
    }

    private static func forward(_ address: Address, to target: String) throws -> PortForwarder {
        do {
            return try PortForwarder(port: address.port, target: target)
        } catch .system(_, let code, _) where PortCheck.meansTaken(code) {
            throw CommandFailure.failed(
                PortCheck.sentence("broker.address", address, remedy: "--broker-addr or BROKER_ADDR"))
        }
    }
}
