import Foundation
import MarketData

/// The candles of one topic, in time order, from one file or several.
struct CandleSeries {
    let symbol: Symbol
    let timeframe: Timeframe
    var rows: [CandleFile.Row]

    var topic: String { MarketTopic(symbol: symbol, timeframe: timeframe).name }
    var key: [UInt8] { Array(symbol.name.uppercased().utf8) }

    /// Reads the files, which must each hold at least a header; files of the same topic become one series.
    static func read(_ paths: [String]) throws(CommandFailure) -> [CandleSeries] {
        var series: [CandleSeries] = []
        var places: [String: Int] = [:]
        for path in paths {
            let file = try readFile(path)
            let new = CandleSeries(symbol: file.symbol, timeframe: file.timeframe, rows: file.rows)
            if let place = places[new.topic] {
                series[place].rows += new.rows
            } else {
                places[new.topic] = series.count
                series.append(new)
            }
        }
        for place in series.indices { series[place].rows.sort { $0.openTime < $1.openTime } }
        return series
    }

    /// The CSV files of a folder, by name; `nil` where there is no folder.
    static func files(inFolder path: String) -> [String]? {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return nil }
        return names.filter { $0.hasSuffix(".csv") }.sorted().map { "\(path)/\($0)" }
    }

    private static func readFile(_ path: String) throws(CommandFailure) -> CandleFile {
        let text: String
        do { text = try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8) } catch {
            let reason = FileManager.default.fileExists(atPath: path) ? "is not readable UTF-8 text" : "is not there"
            throw .failed("\(path): the file \(reason)")
        }
        do { return try CandleFile(name: URL(fileURLWithPath: path).lastPathComponent, text: text) } catch {
            throw .failed("\(error)")
        }
    }
}

/// Candles of several series in time order, where each series' own first candle is its beginning: series of different
/// years play side by side, series of the same time in their true order.
struct CandleMerge: Sequence, IteratorProtocol {
    private struct Head {
        var time: Int64
        var series: Int
        func isBefore(_ other: Head) -> Bool { (time, series) < (other.time, other.series) }
    }

    private let series: [CandleSeries]
    private var nextRow: [Int]
    /// A binary heap, the earliest candle first.
    private var heap: [Head] = []

    init(_ series: [CandleSeries]) {
        self.series = series
        nextRow = Array(repeating: 0, count: series.count)
        for place in series.indices where !series[place].rows.isEmpty { heap.append(Head(time: 0, series: place)) }
    }

    /// The place of a series and of one of its rows.
    mutating func next() -> (series: Int, row: Int)? {
        guard let head = heap.first else { return nil }
        let row = nextRow[head.series]
        nextRow[head.series] += 1
        let rows = series[head.series].rows
        if row + 1 < rows.count {
            heap[0].time = rows[row + 1].openTime - rows[0].openTime
        } else {
            heap[0] = heap[heap.count - 1]
            heap.removeLast()
        }
        sink()
        return (head.series, row)
    }

    private mutating func sink() {
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            if least == place { return }
            heap.swapAt(least, place)
            place = least
        }
    }
}
