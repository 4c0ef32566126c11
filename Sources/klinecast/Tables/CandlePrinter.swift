import MarketData
import Persister
import Storage

/// Candles of one series on standard output while they are read; holds some hundreds at most.
struct CandlePrinter {
    enum Form { case table, csv, json }

    private static let flushSize = 65_536
    private(set) var count = 0
    /// Not printed, since they were not wanted.
    var openLeftOut = 0
    private var withoutVolume = 0
    private let series: Series
    private let form: Form
    private var table = TextTable(CandleSpelling.columns)
    private var pending: [UInt8] = []

    init(_ series: Series, _ form: Form) {
        self.series = series
        self.form = form
    }

    mutating func begin() {
        switch form {
        case .table: break
        case .csv: pending += "open_time,open,high,low,close,volume\n".utf8
        case .json: pending += "[".utf8
        }
    }

    mutating func add(_ candle: StoredCandle) {
        switch form {
        case .table: table.add(CandleSpelling.cells(candle))
        case .csv:
            if candle.volume == nil { withoutVolume += 1 }
            pending += CandleSpelling.csv(candle).utf8
        case .json:
            pending += (count > 0 ? ",\n" : "\n").utf8
            pending += CandleSpelling.json(candle, of: series)
        }
        count += 1
        if pending.count >= Self.flushSize { flush() }
    }

    mutating func end() {
        if form == .json { pending += (count > 0 ? "\n]\n" : "]\n").utf8 }
        table.finish()
        flush()
    }

    private mutating func flush() {
        Terminal.data(pending)
        pending.removeAll(keepingCapacity: true)
    }

    /// What a reader should know, a sentence each, after the end.
    var remarks: [String] {
        let name = "\(series.symbol) \(series.timeframe.rawValue)"
        var lines = ["\(Terminal.counted(count, "candle")) of \(name)"]
        if count == 0 { lines[0] = "no candle of \(name) in that range; without --from and --to all are shown" }
        if openLeftOut > 0 { lines[0] += "; \(openLeftOut) still open left out" }
        if withoutVolume > 0 {
            lines.append("\(Terminal.counted(withoutVolume, "candle")) without a volume: 0 stands for it")
        }
        return lines
    }
}
