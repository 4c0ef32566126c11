import Configuration
import MarketData
import Records
import Router
import Telemetry

/// What a topic maps to, without any server.
struct RouteCommand: Command {
    static let description = CommandDescription(
        "route", "Show which channels and keys a topic's messages go to.", arguments: "TOPIC…",
        flags: [CommandFlag("json", "An array with one object a topic.")], sections: ["router"],
        examples: [
            "klinecast route market.data.btcusdt.1m orders", "klinecast route --legacy-channels market.data.btcusdt.1h",
        ])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let topics = invocation.arguments.positional
        guard !topics.isEmpty else {
            throw CommandFailure.usage("name at least one topic, such as market.data.btcusdt.1m")
        }
        let all = try invocation.settings()
        let table = try RouteTable(all)
        let settings = all.router
        let routes = topics.map { (topic: $0, route: table.route($0)) }
        if invocation.arguments.has("json") {
            var json = JSONWriter()
            json.array { json in for (topic, route) in routes { Self.write(topic, route, table, settings, &json) } }
            Terminal.data(json)
        } else {
            for (topic, route) in routes { Self.show(topic, route, table, settings) }
        }
        return routes.contains { $0.route == nil } ? .failed : .done
    }

    private static func show(_ topic: String, _ route: Route?, _ table: RouteTable, _ settings: RouterSettings) {
        guard let route else {
            Terminal.talk("\(Terminal.plain(topic)): maps to nothing: \(reason(topic, table))")
            return
        }
        var text = "\(topic)\n"
        for channel in route.channels {
            text += "  channel     \(channel)\n"
            if settings.sinks.contains(.last) {
                text += "  last value  \(RedisKeys.last(of: channel, prefix: table.prefix))\n"
            }
        }
        if settings.sinks.contains(.stream) {
            text += "  stream      \(RedisKeys.stream(of: topic, partition: 0, prefix: table.prefix))"
            text += " (:<partition> appended when it is not 0)\n"
        }
        text += "  lane        \(route.lane.rawValue)\n  data type   \(route.dataType.rawValue)\n"
        Terminal.data(text)
    }

    private static func write(
        _ topic: String, _ route: Route?, _ table: RouteTable, _ settings: RouterSettings, _ json: inout JSONWriter
    ) {
        json.object { json in
            json.member("topic", topic)
            json.member("mapped", route != nil)
            guard let route else {
                json.member("reason", reason(topic, table))
                return
            }
            json.member("channels", route.channels)
            let keys = settings.sinks.contains(.last)
            json.member("last", keys ? route.channels.map { RedisKeys.last(of: $0, prefix: table.prefix) } : [])
            let stream = RedisKeys.stream(of: topic, partition: 0, prefix: table.prefix)
            json.member("stream", settings.sinks.contains(.stream) ? stream : nil)
            json.member("lane", route.lane.rawValue)
            json.member("data_type", route.dataType.rawValue)
            json.member("symbol", route.symbol)
            json.member("timeframe", route.timeframe?.rawValue)
        }
    }

    /// Why nothing maps the topic, and what would.
    private static func reason(_ topic: String, _ table: RouteTable) -> String {
        if topic.hasSuffix(DeadLetter.topicSuffix) { return "dead letters are never routed" }
        if let market = MarketTopic(topic) {
            return "router.symbols leaves \(market.symbol.name) out; add it to SYMBOLS"
        }
        if topic.lowercased() != topic, RouteTable(prefix: table.prefix).route(topic.lowercased()) != nil {
            return "symbols in topics are lower case: \(topic.lowercased())"
        }
        if topic.hasPrefix(MarketTopic.prefix) {
            let timeframes = Timeframe.allCases.map(\.rawValue).joined(separator: " ")
            return "a topic of candles is market.data.<symbol>.<timeframe>, with a timeframe of \(timeframes)"
        }
        return "no built-in route and no rule of router.routes matches it"
    }
}
