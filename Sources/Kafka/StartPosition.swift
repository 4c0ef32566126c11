import Foundation

/// Where a group begins that has no committed offset.
package enum StartPosition: Sendable, Equatable, CustomStringConvertible {
    /// All there is.
    case earliest
    /// Records of this much before the consumer was made, and all of a topic that appears later.
    case recent(Duration)
    /// Records from this moment on, in ms since 1970.
    case time(Int64)

    /// Reads `earliest`, a span (`60s`, `5m`, `12h`, `7d`, `500ms`), an ISO 8601 time, or ms since 1970.
    package init(_ text: String) throws(KafkaError) {
        let trimmed = text.trimmingCharacters(in: .whitespaces)
        if trimmed.lowercased() == "earliest" {
            self = .earliest
        } else if let span = Self.span(trimmed.lowercased()) {
            self = .recent(span)
        } else if let milliseconds = Int64(trimmed), milliseconds >= 100_000_000_000 {
            self = .time(milliseconds)
        } else if let milliseconds = Self.isoMilliseconds(trimmed) {
            self = .time(milliseconds)
        } else {
            throw .startPosition(
                text: text,
                reason: """
                    must be a span such as 60s, 5m, 12h or 7d, the word earliest, an ISO 8601 time such as \
                    2026-01-02T03:04:05Z, or milliseconds since 1970 (13 digits)
                    """)
        }
    }

    package var description: String {
        switch self {
        case .earliest: "earliest"
        case .recent(let span): "\(span.wholeMilliseconds)ms"
        case .time(let milliseconds): "\(milliseconds)"
        }
    }

    private static func span(_ text: String) -> Duration? {
        // Longest suffix first: "ms" ends in "s".
        let units: [(String, Int64)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        for (suffix, milliseconds) in units where text.hasSuffix(suffix) {
            guard let number = Int64(text.dropLast(suffix.count)), number >= 0 else { return nil }
            let (total, overflow) = number.multipliedReportingOverflow(by: milliseconds)
            // A hundred years: more is a slip of the keyboard.
            return overflow || total > 3_155_760_000_000 ? nil : .milliseconds(total)
        }
        return nil
    }

    private static func isoMilliseconds(_ text: String) -> Int64? {
        let fractional = ISO8601DateFormatter()
        fractional.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let whole = ISO8601DateFormatter()
        let day = ISO8601DateFormatter()
        day.formatOptions = [.withFullDate]
        for formatter in [fractional, whole, day] {
            if let date = formatter.date(from: text) { return Int64((date.timeIntervalSince1970 * 1000).rounded()) }
        }
        return nil
    }
}
