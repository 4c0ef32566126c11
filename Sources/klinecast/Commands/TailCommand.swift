import Configuration
import Foundation
import MarketData
import Redis
import Router
import Telemetry

/// The reference subscriber on a terminal.
struct TailCommand: Command {
    static let description = CommandDescription(
        "tail", "Show a channel's newest value, then its messages, and whether any were missed.",
        arguments: "SYMBOL TIMEFRAME | --channel NAME[,NAME…]",
        flags: [
            CommandFlag("channel", value: "LIST", "Full names of channels, instead of a symbol and a timeframe."),
            CommandFlag("count", value: "N", "End after so many messages."),
            CommandFlag("no-snapshot", "Only what comes from now on."),
            CommandFlag("json", "One JSON object a line: channel, way, note, latency_ms, payload."),
        ],
        sections: ["redis", "router", "log"],
        examples: ["klinecast tail btcusdt 1m", "klinecast tail --channel roottrading:trade:order --json"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let count = try invocation.number("count", in: 1...1_000_000_000) ?? Int.max
        let settings = try invocation.settings(isQuiet: true)
        let channels = try Self.channels(invocation, settings)
        let isJSON = invocation.arguments.has("json")
        var shown = 0
        let tailing = Tailing(
            channels, prefix: settings.router.channelPrefix,
            settings: Redis.RedisSettings(settings.redis, clientName: "klinecast-tail"),
            wantsSnapshot: !invocation.arguments.has("no-snapshot")
        ) { message, note in
            guard shown < count else { return }
            shown += 1
            if isJSON { Terminal.data(message.json(note)) } else { Terminal.data(message.line(note)) }
        }
        defer { tailing.close() }
        do { try tailing.begin() } catch { throw CheckCommand.failure(error) }
        // While it connects a signal may end the process where it stands.
        let stop = StopFlag.onSignals()
        Terminal.talk("Subscribed to \(channels.joined(separator: ", "))")
        follow(tailing, until: { stop.isRaised || shown >= count }, stop)
        Self.summary(tailing)
        return tailing.counts.gaps > 0 ? .degraded : .done
    }

    private func follow(_ tailing: Tailing, until isOver: () -> Bool, _ stop: StopFlag) {
        var isConnected = true
        while !isOver() {
            do throws(RedisError) {
                if !isConnected {
                    try tailing.begin()
                    Terminal.talk("Redis is back; what was missed is told by the sequence")
                    isConnected = true
                }
                try tailing.step(within: .milliseconds(200))
            } catch {
                if isConnected {
                    Terminal.talk("Redis: \(error); connecting again")
                    tailing.noteReconnection()
                }
                isConnected = false
                stop.wait(.milliseconds(200))
            }
        }
    }

    private static func channels(_ invocation: Invocation, _ settings: Settings) throws(CommandFailure) -> [String] {
        let words = invocation.arguments.positional
        if let list = invocation.arguments.flags["channel"] {
            let names = list.split(separator: ",").map(String.init)
            guard words.isEmpty, !names.isEmpty else {
                throw .usage("give either a symbol and a timeframe, or --channel with at least one name")
            }
            return names
        }
        guard words.count == 2 else {
            throw .usage("give a symbol and a timeframe, such as btcusdt 1m, or --channel NAME")
        }
        let symbol = try SeriesArgument.symbol(words[0])
        let timeframe = try SeriesArgument.timeframe(words[1])
        let topic = MarketTopic(symbol: symbol, timeframe: timeframe).name
        guard let route = try RouteTable(settings).route(topic), let channel = route.channels.first else {
            throw .failed("\(topic) maps to no channel; `klinecast route \(topic)` says why")
        }
        return [channel]
    }

    private static func summary(_ tailing: Tailing) {
        let counts = tailing.counts
        var parts = [
            "\(Terminal.counted(tailing.taken, "message")) (\(counts.snapshots) snapshot, \(counts.live) live, "
                + "\(counts.recovered) from streams)",
            Terminal.counted(counts.gaps, "gap")
                + (counts.gaps > 0 ? " (\(Terminal.counted(Int(counts.missed), "offset")))" : ""),
            Terminal.counted(counts.duplicates, "duplicate"),
        ]
        if counts.anew > 0 { parts.append("topic created anew \(Terminal.counted(counts.anew, "time"))") }
        if counts.unknown > 0 { parts.append("\(Terminal.counted(counts.unknown, "time")) unknown what came before") }
        if counts.withoutEnvelope > 0 {
            parts.append("\(counts.withoutEnvelope) without an envelope: nothing to check")
        }
        if counts.reconnections > 0 { parts.append(Terminal.counted(counts.reconnections, "reconnection")) }
        if let median = tailing.latency.quantile(0.5), let high = tailing.latency.quantile(0.99) {
            parts.append("latency p50 \(median) ms, p99 \(high) ms")
        }
        Terminal.talk(parts.joined(separator: ", "))
    }
}
