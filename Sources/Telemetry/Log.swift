/// Talk for operators: a constant sentence and its data, one line each, on standard error or in a file.
///
/// Any thread. A line is one write and may block on the disk, and up to 50 ms on a pipe that nobody reads, after which
/// lines are lost and counted: never a line a record. The same sentence
/// at the same level is written at most once in 10 s; what was held back is counted on the next line, or on a line of
/// its own when the 10 s are over and something else is written.
package enum Log {
    package typealias Metadata = KeyValuePairs<StaticString, String>

    package enum Level: Int, Sendable, Comparable, CaseIterable {
        /// For whoever searches a fault; never held back.
        case debug
        /// An operator's action took effect.
        case info
        /// Recovered, nothing lost.
        case warning
        /// Something was lost, or a person is needed.
        case error

        /// `debug`, `info`, `warning` or `error`.
        package init?(named name: String) {
            guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = level
        }

        package var name: String {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    package enum Format: String, Sendable { case text, json }

    static let shared = LogWriter(output: .standardError)

    /// Once, at the start; until then: info, text, standard error. A file that cannot be opened is the error's text,
    /// and the log stays as it was.
    package static func configure(level: Level, format: Format, file: String? = nil) throws(LogError) {
        try shared.configure(level: level, format: format, file: file)
    }

    /// From now on lines go to `memory` instead: for the tests of what is logged.
    package static func redirect(to memory: MemoryLog, level: Level = .debug) {
        shared.redirect(to: memory, level: level)
    }

    /// Writes the counts of what is still held back: the last act of a process.
    package static func flush() { shared.flush() }

    /// `key` tells apart what must not hold each other back, such as one topic's lines from another's.
    package static func debug(
        _ message: StaticString, _ metadata: @autoclosure () -> Metadata = [:], per key: @autoclosure () -> String = ""
    ) { shared.write(.debug, message, metadata, key) }

    package static func info(
        _ message: StaticString, _ metadata: @autoclosure () -> Metadata = [:], per key: @autoclosure () -> String = ""
    ) { shared.write(.info, message, metadata, key) }

    package static func warning(
        _ message: StaticString, _ metadata: @autoclosure () -> Metadata = [:], per key: @autoclosure () -> String = ""
    ) { shared.write(.warning, message, metadata, key) }

    package static func error(
        _ message: StaticString, _ metadata: @autoclosure () -> Metadata = [:], per key: @autoclosure () -> String = ""
    ) { shared.write(.error, message, metadata, key) }
}

package enum LogError: Error, Equatable, CustomStringConvertible {
    case cannotOpen(path: String, reason: String)

    package var description: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "log.file: cannot append to \(path): \(reason); set LOG_FILE to another path"
        }
    }
}
