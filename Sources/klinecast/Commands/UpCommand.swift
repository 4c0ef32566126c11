import Configuration
import MarketData
import Telemetry

/// Everything on one machine, each role its own process, ended together.
struct UpCommand: Command {
    static let description = CommandDescription(
        "up", "Run all of it on this machine: Redis, Kafka, router, gateway, and candles to look at.",
        flags: [
            CommandFlag("redis-server-port", value: "PORT", "Port of the redis-server that up starts. [default: 6379]")
        ],
        sections: [
            "up", "broker", "kafka", "redis", "router", "database", "gateway", "http", "control", "process", "log",
        ],
        examples: ["klinecast up", "REDIS_URL=redis://10.0.0.7:6379 klinecast up --up-rate 5"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        let settings = try invocation.settings()
        let plan = try UpPlan(invocation, settings)
        // On the second signal the kernel ends the children with us.
        let stop = StopFlag.onSignals()
        let household = Household(plan, stop)
        defer { household.end() }
        guard try household.start() else { return .done }
        Self.hint(plan, settings)
        try household.watch()
        Terminal.talk("Ending")
        return .done
    }

    private static func hint(_ plan: UpPlan, _ settings: Settings) {
        let prefix = settings.router.channelPrefix
        let topic = plan.topics.contains("market.data.btcusdt.1m") ? "market.data.btcusdt.1m" : plan.topics[0]
        let channel = "\(prefix):" + topic.split(separator: ".").joined(separator: ":")
        let place =
            switch plan.redis.map({ .tcp($0) }) ?? settings.redis.endpoint.place {
            case .tcp(Address(host: "127.0.0.1", port: 6379)): ""
            case .tcp(let address): " -h \(address.host) -p \(address.port)"
            case .unix(let path): " -s \(path)"
            }
        let market = MarketTopic(topic)
        let series = "\(market?.symbol.name.uppercased() ?? "BTCUSDT") \(market?.timeframe?.rawValue ?? "1m")"
        let rows =
            settings.router.persists
            ? "Rows:   \(CommandLine.arguments[0]) query \(series)  (\(settings.database.url))"
            : "Rows:   none, PERSIST=off"
        Terminal.talk(
            """

            Watch:  redis-cli\(place) SUBSCRIBE \(channel)
            \(rows)
            Health: curl http://\(plan.router)/health
            Assign: \(CommandLine.arguments[0]) workers  (curl http://\(plan.gateway)/ws/assignments)
            Ctrl-C ends all of it.
            """)
    }
}
