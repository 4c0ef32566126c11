import Foundation
import Telemetry

/// Data on standard output, talk on standard error.
enum Terminal {
    /// Whether a person watches the talk: only then there is progress and colour.
    static let isWatched = isatty(STDERR_FILENO) == 1

    /// Whether colour is welcome on standard error.
    static let takesColour = isWatched && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty

    /// The same for standard output.
    static let takesColourInData =
        isatty(STDOUT_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty

    /// Writes to standard output as it is. When its reader has gone, the process ends quietly: nobody wants the rest.
    static func data(_ text: String) { data(Array(text.utf8)) }

    static func data(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EPIPE {
                _exit(ExitCode.done.rawValue)
            } else if errno != EINTR {
                talk("klinecast: standard output: \(unsafe String(cString: strerror(errno)))")
                _exit(ExitCode.failed.rawValue)
            }
        }
    }

    /// One document and a line end.
    static func data(_ document: JSONWriter) { data(document.bytes + [0x0a]) }

    /// A line on standard error, over whatever progress stands there.
    static func talk(_ line: String) {
        let text = (isWatched ? "\r\u{1b}[K" : "") + line + "\n"
        say(text)
    }

    /// A line that the next one replaces; nothing where nobody watches.
    static func progress(_ line: String) {
        guard isWatched else { return }
        say("\r\u{1b}[K\(line)")
    }

    /// Nobody can be told that standard error cannot be written: the work goes on, and the exit code tells.
    private static func say(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return
            }
        }
    }

    static func coloured(_ text: String, _ colour: Colour) -> String {
        takesColour ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }

    /// The same for a part of the data.
    static func colouredData(_ text: String, _ colour: Colour) -> String {
        takesColourInData ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }

    enum Colour: Int {
        case red = 31
        case green = 32
        case yellow = 33
    }

    /// Text from outside on one line, without control characters; what is longer than `limit` characters ends with `…`.
    static func plain(_ text: String, limit: Int = 80) -> String {
        let isCut = text.count > limit
        let shown = text.prefix(isCut ? limit - 1 : limit)
        return String(shown.map { $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7f } ? "?" : $0 })
            + (isCut ? "…" : "")
    }

    /// The same for what a sentence says it got.
    static func shown(_ text: String) -> String { text.isEmpty ? "nothing" : plain(text) }

    /// A number and its noun: `1 gap`, `1,234 gaps`.
    static func counted(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// 1234567 as 1,234,567.
    static func grouped(_ number: Int) -> String {
        var digits = String(number.magnitude)
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
            place -= 3
        }
        return (number < 0 ? "-" : "") + digits
    }
}
