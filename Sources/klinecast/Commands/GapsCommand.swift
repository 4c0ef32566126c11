import Configuration
import MarketData
import Persister
import Records
import Storage
import Telemetry

/// What the tables lack.
struct GapsCommand: Command {
    static let description = CommandDescription(
        "gaps", "List candles missing between others in the database, and what Kafka dropped unread (exit code 3).",
        arguments: "[SYMBOL [TIMEFRAME]]",
        flags: [
            CommandFlag("holes", "Only the holes: offsets that Kafka's retention took before they were read."),
            CommandFlag(
                "json",
                "An array: symbol, timeframe, first and last missing open time in ms, number of candles; with --holes, the holes."
            ),
        ],
        sections: ["database", "process", "log"],
        examples: ["klinecast gaps", "klinecast gaps BTCUSDT 1m --json", "klinecast gaps --holes --json"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let words = invocation.arguments.positional
        guard words.count <= 2 else { throw CommandFailure.usage("takes a symbol and a timeframe at most") }
        let onlyHoles = invocation.arguments.has("holes")
        if onlyHoles, !words.isEmpty {
            throw CommandFailure.usage("--holes shows those of every topic: name no symbol")
        }
        let symbol = try words.first.map(SeriesArgument.symbol)
        let timeframe = try words.dropFirst().first.map(SeriesArgument.timeframe)
        let settings = try invocation.settings(isQuiet: true)
        let archive = try ArchiveAccess.open(settings.database)
        defer { archive.close() }
        let isJSON = invocation.arguments.has("json")
        let holes = try ArchiveAccess.answer { () throws(StoreError) in try archive.holes() }.filter { stored in
            guard symbol != nil else { return true }
            let topic = MarketTopic(stored.hole.source.topic)
            let isAnyTimeframe = timeframe == nil || topic?.timeframe == nil || topic?.timeframe == timeframe
            return topic?.symbol == symbol && isAnyTimeframe
        }
        if onlyHoles {
            if isJSON { Terminal.data(Self.json(holes)) } else { Self.show(holes) }
            return holes.isEmpty ? .done : .degraded
        }
        let all = try ArchiveAccess.answer { () throws(StoreError) in try archive.series() }
        let chosen = try SeriesArgument.chosen(symbol, timeframe, of: all)
        var gaps: [MissingCandles] = []
        for series in chosen {
            let jumps = try ArchiveAccess.answer { () throws(StoreError) in try archive.jumps(in: series) }
            gaps += jumps.compactMap { MissingCandles(in: series, after: $0.after, before: $0.before) }
        }
        if isJSON {
            var json = JSONWriter()
            json.array { json in for gap in gaps { gap.write(&json) } }
            Terminal.data(json)
            return gaps.isEmpty ? .done : .degraded
        }
        Self.show(gaps, of: chosen.count)
        if !gaps.isEmpty, !holes.isEmpty { Terminal.data("\n") }
        Self.show(holes)
        return gaps.isEmpty && holes.isEmpty ? .done : .degraded
    }

    private static func show(_ gaps: [MissingCandles], of series: Int) {
        var table = TextTable([
            .text("symbol"), .text("timeframe"), .text("first missing"), .text("last missing"), .number("candles"),
        ])
        for gap in gaps {
            table.add([
                gap.series.symbol, gap.series.timeframe.rawValue, TimeArgument.text(gap.from),
                TimeArgument.text(gap.to), Terminal.grouped(gap.candles),
            ])
        }
        table.finish()
        let missing = gaps.reduce(0) { $0 + $1.candles }
        Terminal.talk(
            gaps.isEmpty
                ? "nothing is missing between the first and the last candle of \(Terminal.grouped(series)) series"
                : "\(Terminal.counted(missing, "candle")) \(missing == 1 ? "is" : "are") missing in \(Terminal.counted(gaps.count, "gap")); "
                    + "`klinecast feed FILE…` fills them from CSV files")
    }

    private static func show(_ holes: [StoredHole]) {
        var table = TextTable([
            .text("topic"), .number("partition"), .number("generation"), .number("first offset"),
            .number("last offset"), .number("records"), .text("found"),
        ])
        for stored in holes {
            let hole = stored.hole
            table.add([
                Terminal.plain(hole.source.topic), "\(hole.source.partition)", "\(hole.generation)", "\(hole.from)",
                "\(hole.to - 1)", Terminal.grouped(Int(hole.to - hole.from)), TimeArgument.text(stored.foundAt),
            ])
        }
        table.finish()
        guard !holes.isEmpty else {
            Terminal.talk("no holes: Kafka dropped nothing unread")
            return
        }
        let offsets = holes.reduce(0) { $0 + Int($1.hole.to - $1.hole.from) }
        Terminal.talk(
            "\(Terminal.counted(offsets, "offset")) in \(Terminal.counted(holes.count, "hole")): Kafka's retention took them "
                + "before they were read; a longer retention.ms prevents it")
    }

    private static func json(_ holes: [StoredHole]) -> JSONWriter {
        var json = JSONWriter()
        json.array { json in
            for stored in holes {
                json.object { json in
                    json.member("topic", stored.hole.source.topic)
                    json.member("partition", stored.hole.source.partition)
                    json.member("generation", stored.hole.generation)
                    json.member("from_offset", stored.hole.from)
                    json.member("to_offset", stored.hole.to)
                    json.member("found_at", stored.foundAt)
                }
            }
        }
        return json
    }
}
