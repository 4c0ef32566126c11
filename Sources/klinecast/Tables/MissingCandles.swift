import MarketData
import Persister
import Telemetry

/// Candles that the table lacks between two that it has.
struct MissingCandles: Equatable {
    let series: Series
    /// First and last missing open time, ms since 1970.
    let from: Int64
    let to: Int64
    let candles: Int

    /// `nil` where nothing is missing: `before` opens as the next of `after`, or out of step with it and earlier. Months
    /// follow the calendar, all others count their length from `after`.
    init?(in series: Series, after: Int64, before: Int64) {
        let first = series.timeframe.next(after: after)
        guard first < before else { return nil }
        self.series = series
        from = first
        if let length = series.timeframe.milliseconds {
            let more = (before - first - 1) / length
            to = first + more * length
            candles = Int(more) + 1
            return
        }
        var (last, count) = (first, 1)
        while case let next = series.timeframe.next(after: last), next < before, next > last {
            (last, count) = (next, count + 1)
        }
        to = last
        candles = count
    }

    func write(_ json: inout JSONWriter) {
        json.object { json in
            json.member("symbol", series.symbol)
            json.member("timeframe", series.timeframe.rawValue)
            json.member("from", from)
            json.member("to", to)
            json.member("candles", candles)
        }
    }
}
