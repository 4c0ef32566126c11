import Configuration
import MarketData

/// A moment on a command line: a date, a time of UTC with or without its `Z`, milliseconds since 1970, an age, or `now`.
enum TimeArgument {
    /// Milliseconds since 1970.
    static func parse(_ text: String, flag: String, now: Int64) throws(CommandFailure) -> Int64 {
        if text.lowercased() == "now" { return now }
        for form in [text, text + "Z", text + ":00Z"] {
            switch try? StartPosition(parsing: form) {
            case .ago(let age)?: return now - age.milliseconds
            case .time(let milliseconds)?: return milliseconds
            case .earliest?, nil: break
            }
        }
        // Ten digits are this century's seconds; milliseconds have thirteen.
        let isSeconds = (9...10).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        let hint = isSeconds ? "; if these are seconds, write \(text)000" : ""
        throw .usage(
            "--\(flag): must be a date like 2026-01-02, a time like 2026-01-02T03:04:05 (UTC), milliseconds since 1970, "
                + "an age like 2h, or now (got \(Terminal.shown(text)))\(hint)")
    }

    /// `2026-01-02T03:04:05Z`; the milliseconds only where there are some.
    static func text(_ milliseconds: Int64) -> String {
        let text = CivilTime(milliseconds: milliseconds).iso8601
        return text.hasSuffix(".000Z") ? text.dropLast(5) + "Z" : text
    }
}
