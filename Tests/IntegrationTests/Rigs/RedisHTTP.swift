import Foundation
import TestRigs

/// The router's HTTP side, byte by byte.
struct RedisHTTP {
    let port: UInt16

    init(_ router: RouterProcess) { port = UInt16(router.address.split(separator: ":").last ?? "") ?? 0 }

    struct Answer {
        let status: Int
        let headers: [String: String]
        let body: String
        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:] }
    }

    /// One request on a connection of its own, and all of the answer.
    func ask(_ method: String, _ path: String, headers: String = "", body: String = "") throws -> Answer {
        let socket = try RedisSocket(port: port)
        socket.send("\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\(headers)\r\n\(body)")
        return Self.parse(socket.receiveAll())
    }

    static func parse(_ text: String) -> Answer {
        let halves = text.components(separatedBy: "\r\n\r\n")
        let lines = halves[0].components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces)
        }
        return Answer(
            status: Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0, headers: headers,
            body: halves.dropFirst().joined(separator: "\r\n\r\n"))
    }
}

/// A reader of the Prometheus text format (version 0.0.4), by its documentation: what is wrong with a page, and its values.
struct RedisMetricsPage {
    private(set) var faults: [String] = []
    /// Values by the series as it stands on the page, labels included.
    private(set) var values: [String: Double] = [:]
    private(set) var types: [String: String] = [:]

    init(_ text: String) {
        var finished: Set<String> = []
        var current = ""
        var helps: Set<String> = []
        if !text.hasSuffix("\n") { faults.append("the last line has no end") }
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# ") {
                let words = line.split(separator: " ", maxSplits: 3).map(String.init)
                guard words.count >= 3 else { continue }
                if words[2] != current {
                    if !finished.insert(words[2]).inserted { faults.append("\(words[2]) stands in two places") }
                    current = words[2]
                }
                if words[1] == "HELP", !helps.insert(words[2]).inserted { faults.append("two helps: \(words[2])") }
                if words[1] == "TYPE", types.updateValue(words.last ?? "", forKey: words[2]) != nil {
                    faults.append("two types: \(words[2])")
                }
                continue
            }
            read(line, in: current)
        }
        for name in types.keys where !helps.contains(name) { faults.append("no help: \(name)") }
        checkHistograms()
    }

    private mutating func read(_ line: Substring, in current: String) {
        let sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$/
        guard let match = line.wholeMatch(of: sample) else {
            faults.append("no sample: \(line)")
            return
        }
        let name = String(match.1)
        guard let value = match.3 == "+Inf" ? .infinity : Double(match.3) else {
            faults.append("no number: \(line)")
            return
        }
        let parts = types[current] == "histogram" ? ["_bucket", "_sum", "_count"].map { current + $0 } : [current]
        if !parts.contains(name) { faults.append("\(name) stands under \(current)") }
        if types[current] == "counter" {
            if !name.hasSuffix("_total") { faults.append("a counter without _total: \(name)") }
            if value < 0 { faults.append("a counter below zero: \(line)") }
        }
        let series = name + String(match.2 ?? "")
        if values.updateValue(value, forKey: series) != nil { faults.append("twice: \(series)") }
    }

    private mutating func checkHistograms() {
        for (name, type) in types where type == "histogram" {
            let ends = values.filter { $0.key.hasPrefix("\(name)_bucket") && $0.key.contains("le=\"+Inf\"") }
            if ends.isEmpty { faults.append("\(name) has no bucket +Inf") }
            let total = values.filter { $0.key.hasPrefix("\(name)_count") }.values.reduce(0, +)
            if ends.values.reduce(0, +) != total { faults.append("\(name): +Inf is not the count") }
        }
    }

    /// The sum of a metric's series that hold this text.
    func sum(_ name: String, with text: String = "") -> Double {
        values.filter { ($0.key == name || $0.key.hasPrefix(name + "{")) && $0.key.contains(text) || $0.key == name }
            .values.reduce(0, +)
    }
}
