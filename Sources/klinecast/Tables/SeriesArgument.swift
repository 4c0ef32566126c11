import Configuration
import MarketData
import Persister

/// A symbol and a timeframe on a command line, and what to say when the tables don't have them.
enum SeriesArgument {
    static func symbol(_ word: String) throws(CommandFailure) -> Symbol {
        guard let symbol = Symbol(word) else {
            throw .usage("\(Terminal.plain(word)) is no symbol: must be \(Symbol.rule)")
        }
        return symbol
    }

    static func timeframe(_ word: String) throws(CommandFailure) -> Timeframe {
        guard let timeframe = Timeframe(rawValue: word) else {
            let known = Timeframe.allCases.map(\.rawValue)
            throw .usage("\(Terminal.plain(word)) is no timeframe: \(known.joined(separator: " "))")
        }
        return timeframe
    }

    /// Those of `all` that a symbol and a timeframe let through; at least one.
    static func chosen(_ symbol: Symbol?, _ timeframe: Timeframe?, of all: [Series]) throws(CommandFailure) -> [Series]
    {
        // Tables spell it in upper case.
        guard let symbol = symbol?.name.uppercased() else { return all }
        let ofSymbol = all.filter { $0.symbol == symbol }
        guard !ofSymbol.isEmpty else { throw .failed("\(symbol) has no candles; \(hint(symbol, all))") }
        guard let timeframe else { return ofSymbol }
        let found = ofSymbol.filter { $0.timeframe == timeframe }
        guard !found.isEmpty else {
            let there = ofSymbol.map(\.timeframe.rawValue).joined(separator: " ")
            throw .failed("\(symbol) has no \(timeframe.rawValue) candles; it has \(there)")
        }
        return found
    }

    private static func hint(_ symbol: String, _ all: [Series]) -> String {
        var symbols: [String] = []
        for series in all where symbols.last != series.symbol { symbols.append(series.symbol) }
        if symbols.isEmpty {
            return
                "nor has any other symbol: `klinecast persister` fills the tables from Kafka, `klinecast feed` fills Kafka"
        }
        if let nearest = Suggestion.nearest(to: symbol, among: symbols) { return "did you mean \(nearest)?" }
        let shown = symbols.prefix(5).joined(separator: ", ")
        return "the tables have \(shown)" + (symbols.count > 5 ? " and \(symbols.count - 5) more" : "")
    }
}
