import Configuration
import Foundation
import MarketData
import Persister
import Storage
import Telemetry

/// Candles back out of the database.
struct QueryCommand: Command {
    static let description = CommandDescription(
        "query", "Read candles back from the database.", arguments: "SYMBOL TIMEFRAME",
        flags: [
            CommandFlag(
                "from", value: "T",
                "First open time: a date, a time (UTC), milliseconds since 1970, an age like 2h, or now; else all."),
            CommandFlag("to", value: "T", "The open time to stop before, in the same forms; else all."),
            CommandFlag("limit", value: "N", "The first N candles only."),
            CommandFlag("last", value: "N", "The newest N candles only, the oldest of them first."),
            CommandFlag("closed", "Leave out candles that are still open."),
            CommandFlag("csv", "Closed candles in the form that `klinecast feed` reads."),
            CommandFlag("json", "An array of candles in the form that producers write to Kafka."),
        ],
        sections: ["database", "process", "log"],
        examples: [
            "klinecast query btcusdt 1m --from 2h", "klinecast query BTCUSDT 1m --last 10",
            "klinecast query BTCUSDT 1m --from 2026-01-02 --to 2026-01-03 --csv > BTCUSDT-1m.csv",
            "klinecast query BTCUSDT 1d --json --limit 10",
        ])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let words = invocation.arguments.positional
        guard words.count <= 2 else {
            throw CommandFailure.usage(
                "takes one symbol and one timeframe, such as BTCUSDT 1m (got also \(Terminal.plain(words[2])))")
        }
        guard words.count == 2 else { throw CommandFailure.usage("give a symbol and a timeframe, such as BTCUSDT 1m") }
        let symbol = try SeriesArgument.symbol(words[0])
        let timeframe = try SeriesArgument.timeframe(words[1])
        var range = try Self.range(invocation, now: Timestamp.now())
        let limit = try invocation.number("limit", in: 1...Int.max)
        let last = try invocation.number("last", in: 1...Int.max)
        guard limit == nil || last == nil else { throw CommandFailure.usage("--limit and --last exclude each other") }
        let form = try Self.form(invocation)
        let settings = try invocation.settings(isQuiet: true)
        let archive = try ArchiveAccess.open(settings.database)
        defer { archive.close() }
        let all = try ArchiveAccess.answer { () throws(StoreError) in try archive.series() }
        let series = try SeriesArgument.chosen(symbol, timeframe, of: all)[0]
        let onlyClosed = form == .csv || invocation.arguments.has("closed")
        if let last {
            let start = try ArchiveAccess.answer { () throws(StoreError) in
                try archive.start(
                    ofLast: last, of: series, from: range.lowerBound, to: range.upperBound, onlyClosed: onlyClosed)
            }
            if let start { range = start..<range.upperBound }
        }
        var printer = CandlePrinter(series, form)
        do {
            printer.begin()
            try archive.candles(of: series, from: range.lowerBound, to: range.upperBound) { candle in
                if onlyClosed, !candle.isClosed {
                    printer.openLeftOut += 1
                    return true
                }
                printer.add(candle)
                return printer.count < limit ?? Int.max
            }
            printer.end()
        } catch let error as StoreError {
            throw ArchiveAccess.failure(error)
        }
        for line in printer.remarks { Terminal.talk(line) }
        return .done
    }

    private static func form(_ invocation: Invocation) throws(CommandFailure) -> CandlePrinter.Form {
        switch (invocation.arguments.has("csv"), invocation.arguments.has("json")) {
        case (true, true): throw .usage("--csv and --json exclude each other")
        case (true, false): return .csv
        case (false, true): return .json
        case (false, false): return .table
        }
    }

    private static func range(_ invocation: Invocation, now: Int64) throws(CommandFailure) -> Range<Int64> {
        var from = CivilTime.range.lowerBound
        var to = CivilTime.range.upperBound
        if let text = invocation.arguments.flags["from"] {
            from = try TimeArgument.parse(text, flag: "from", now: now)
        }
        if let text = invocation.arguments.flags["to"] { to = try TimeArgument.parse(text, flag: "to", now: now) }
        guard from < to else {
            throw .usage("--from \(TimeArgument.text(from)) must lie before --to \(TimeArgument.text(to))")
        }
        return from..<to
    }
}
