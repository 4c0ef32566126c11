import Foundation
import Telemetry

/// What a measurement found.
struct BenchResult {
    let sent: Int
    let received: Int
    let failed: Int
    let topics: Int
    let seconds: Double
    /// Produce to subscriber, in milliseconds.
    let median: Int?
    let high: Int?

    var rate: Double { Double(received) / seconds }

    var text: String {
        var text = "\(Terminal.grouped(received)) of \(Terminal.grouped(sent)) candles through \(topics) topics in "
        text += String(format: "%.1f s, ", seconds) + "\(Terminal.grouped(Int(rate))) a second\n"
        if let median, let high {
            text += "latency p50 \(median) ms, p99 \(high) ms\n"
        }
        if failed > 0 { text += "\(Terminal.grouped(failed)) were not taken by Kafka\n" }
        return text
    }

    var json: JSONWriter {
        var json = JSONWriter()
        json.object { json in
            json.member("sent", sent)
            json.member("received", received)
            json.member("failed", failed)
            json.member("topics", topics)
            json.member("seconds", seconds)
            json.member("messages_per_second", rate)
            json.key("latency_ms")
            json.object { json in
                for (name, value) in [("p50", median), ("p99", high)] {
                    json.key(name)
                    if let value { json.integer(value) } else { json.null() }
                }
            }
        }
        return json
    }
}
