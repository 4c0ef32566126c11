/// A Prometheus text exposition, format 0.0.4, filled at scrape time by sources and rendered once.
///
/// Several sources may write the same family with other labels (two lanes, say): its samples stay together, as the
/// format asks. A family's kind and help are those of its first mention.
package struct MetricsPage {
    package typealias Labels = KeyValuePairs<StaticString, String>

    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var order: [String] = []
    private var families: [String: [UInt8]] = [:]

    package init() {}

    /// A count that only grows; its name ends in `_total`.
    package mutating func counter(
        _ name: String, _ help: StaticString, _ value: some BinaryInteger, _ labels: Labels = [:]
    ) {
        precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
        sample(name, "counter", help, name, labels, nil, String(value))
    }

    package mutating func counter(_ name: String, _ help: StaticString, seconds value: Double, _ labels: Labels = [:]) {
        precondition(name.hasSuffix("_seconds_total"), "a counter of seconds says so: \(name)")
        sample(name, "counter", help, name, labels, nil, Self.number(value))
    }

    package mutating func gauge(
        _ name: String, _ help: StaticString, _ value: some BinaryInteger, _ labels: Labels = [:]
    ) {
        sample(name, "gauge", help, name, labels, nil, String(value))
    }

    package mutating func gauge(_ name: String, _ help: StaticString, _ value: Double, _ labels: Labels = [:]) {
        sample(name, "gauge", help, name, labels, nil, Self.number(value))
    }

    /// Its name ends in `_seconds`.
    package mutating func histogram(
        _ name: String, _ help: StaticString, _ snapshot: LatencySnapshot, _ labels: Labels = [:]
    ) {
        let bounds = LatencyHistogram.boundsNanoseconds.map { Double($0) / 1e9 }
        histogram(name, help, bounds: bounds, counts: snapshot.counts, sumSeconds: snapshot.sumSeconds, labels)
    }

    /// The same from counts a bucket, one more of them than bounds (in seconds): the last is the rest.
    package mutating func histogram(
        _ name: String, _ help: StaticString, bounds: [Double], counts: [some BinaryInteger], sumSeconds: Double,
        _ labels: Labels = [:]
    ) {
        precondition(name.hasSuffix("_seconds"), "a histogram of latencies is in seconds: \(name)")
        var cumulative = 0
        for (bound, count) in zip(bounds, counts) {
            cumulative += Int(count)
            sample(name, "histogram", help, name + "_bucket", labels, Self.number(bound), String(cumulative))
        }
        let total = counts.reduce(0) { $0 + Int($1) }
        sample(name, "histogram", help, name + "_bucket", labels, "+Inf", String(total))
        sample(name, "histogram", help, name + "_sum", labels, nil, Self.number(sumSeconds))
        sample(name, "histogram", help, name + "_count", labels, nil, String(total))
    }

    package var bytes: [UInt8] {
        var all: [UInt8] = []
        all.reserveCapacity(families.values.reduce(0) { $0 + $1.count })
        for name in order { all += families[name] ?? [] }
        return all
    }

    private mutating func sample(
        _ family: String, _ kind: StaticString, _ help: StaticString, _ name: String, _ labels: Labels,
        _ bound: String?,
        _ value: String
    ) {
        if families[family] == nil {
            order.append(family)
            families[family] = Array(
                "# HELP \(family) \(Self.escaped("\(help)", quotes: false))\n# TYPE \(family) \(kind)\n".utf8)
        }
        var pairs = labels.map { "\($0.key)=\"\(Self.escaped($0.value, quotes: true))\"" }
        if let bound { pairs.append("le=\"\(bound)\"") }
        let line = name + (pairs.isEmpty ? "" : "{" + pairs.joined(separator: ",") + "}") + " " + value + "\n"
        families[family]?.append(contentsOf: line.utf8)
    }

    /// Go's number words, which the format takes.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
