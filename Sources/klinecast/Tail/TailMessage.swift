import Foundation
import Telemetry

/// One payload of a channel, read as far as a subscriber needs it.
struct TailMessage {
    /// How it came.
    enum Way: String { case snapshot, live, stream }

    let channel: String
    let payload: [UInt8]
    let way: Way
    /// Nil without an envelope (`ENVELOPE=none`) or where the payload is no JSON.
    let routing: Routing?
    /// When it was taken, in ms since 1970.
    let takenAt: Int64

    init(channel: String, payload: [UInt8], way: Way, takenAt: Int64 = Timestamp.now()) {
        self.channel = channel
        self.payload = payload
        self.way = way
        self.takenAt = takenAt
        routing = try? JSONDecoder().decode(Envelope.self, from: Data(payload)).routing
    }

    private struct Envelope: Decodable {
        let routing: Routing
        enum CodingKeys: String, CodingKey { case routing = "_routing" }
    }

    private struct Candle: Decodable {
        let symbol: String
        let timeframe: String
        let time: Int64
        let open, high, low, close, volume: Double
        let isClosed: Bool?

        enum CodingKeys: String, CodingKey {
            case symbol, timeframe, time, open, high, low, close, volume
            case isClosed = "is_closed"
        }
    }

    /// Now minus the record's time, in ms; never below zero, since clocks differ.
    var latency: Int64? { routing?.timestamp.map { max(0, takenAt - $0) } }

    /// One line for a person.
    func line(_ note: String) -> String {
        var words = [String(Timestamp.iso8601(takenAt).dropFirst(11))]
        let data = Data(payload)
        if let candle = try? JSONDecoder().decode(Candle.self, from: data) {
            let state = candle.isClosed == false ? "open" : "closed"
            words += [
                candle.symbol, candle.timeframe, Timestamp.iso8601(candle.time), "O \(candle.open)", "H \(candle.high)",
                "L \(candle.low)", "C \(candle.close)", "V \(candle.volume)", state,
            ]
        } else {
            words += [channel, Self.onOneLine(payload)]
        }
        if let routing { words.append("offset \(routing.offset)") }
        if way == .live, let latency { words.append("\(latency) ms") }
        if !note.isEmpty { words.append(note) }
        return words.joined(separator: "  ") + "\n"
    }

    /// One JSON object for a program; a payload that is no JSON object stands in it as a string.
    func json(_ note: String) -> JSONWriter {
        var json = JSONWriter(reserving: payload.count + 256)
        json.object { json in
            json.member("channel", channel)
            json.member("way", way.rawValue)
            json.member("note", note.isEmpty ? nil : note)
            json.member("latency_ms", way == .live ? latency : nil)
            json.key("payload")
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(payload), options: .fragmentsAllowed)) != nil
            // Line ends between its members are as good as blanks, and would break the line in two.
            if isJSON {
                json.raw(payload.map { $0 == 0x0a || $0 == 0x0d ? 0x20 : $0 })
            } else {
                json.string(String(decoding: payload, as: UTF8.self))
            }
        }
        return json
    }

    private static func onOneLine(_ payload: [UInt8]) -> String {
        let text = String(decoding: payload.prefix(2_000), as: UTF8.self)
        return String(
            text.unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? " " : Character($0) })
    }
}
