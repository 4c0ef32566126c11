import Configuration
import Foundation
import Telemetry

/// One command of the table.
protocol Command: Sendable {
    static var description: CommandDescription { get }
    init()
    /// Runs to the end on the main thread. What it throws is printed as one sentence: a `CommandFailure` with its own
    /// exit code, anything else as failed.
    func run(_ invocation: Invocation) throws -> ExitCode
}

/// What a shell or a service manager learns from the end of a process.
enum ExitCode: Int32 {
    case done = 0
    case failed = 1
    case usage = 2
    /// It works, but not as promised: messages were missed.
    case degraded = 3
    /// Somebody else's change, or the lack of room, stands against it; nothing was changed.
    case conflict = 4
    case notAuthorised = 5
}

/// Why a command ends without having done its work; the text is a whole sentence with its remedy.
enum CommandFailure: Error, Equatable, CustomStringConvertible {
    case usage(String)
    case failed(String)
    case conflict(String)
    case notAuthorised(String)

    var code: ExitCode {
        switch self {
        case .usage: .usage
        case .failed: .failed
        case .conflict: .conflict
        case .notAuthorised: .notAuthorised
        }
    }

    var description: String {
        switch self {
        case .usage(let sentence), .failed(let sentence), .conflict(let sentence), .notAuthorised(let sentence):
            sentence
        }
    }
}

/// What a command was called with.
struct Invocation {
    let arguments: CommandLineArguments
    var environment: [String: String] { ProcessInfo.processInfo.environment }

    /// Reads the settings and configures the log by them; says once what an operator should know.
    ///
    /// - Parameter isQuiet: the command tells in its own words what goes wrong, so the log stays silent unless somebody
    ///   asked for a level or a file.
    func settings(isQuiet: Bool = false) throws -> Settings {
        let settings = try Settings(arguments: arguments, environment: environment)
        if isQuiet, !settings.isGiven("log.level"), settings.log.file == nil {
            Log.redirect(to: MemoryLog(), level: .error)
        } else {
            guard let level = Log.Level(named: settings.log.level),
                let format = Log.Format(rawValue: settings.log.format)
            else { preconditionFailure("the log's options allow only its own levels and formats") }
            try Log.configure(level: level, format: format, file: settings.log.file)
        }
        for warning in settings.warnings { Log.warning("Settings", ["warning": warning], per: warning) }
        return settings
    }

    /// The flag's value as a whole number.
    func number(_ flag: String, in range: ClosedRange<Int>) throws(CommandFailure) -> Int? {
        guard let text = arguments.flags[flag] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            let limits =
                range.upperBound == .max
                ? "a whole number from \(range.lowerBound) on" : "\(range.lowerBound)…\(range.upperBound)"
            throw .usage("--\(flag): must be \(limits) (got \(Terminal.shown(text)))")
        }
        return number
    }

    /// Refuses arguments that a command has no use for.
    func expectNoArguments() throws(CommandFailure) {
        guard let first = arguments.positional.first else { return }
        throw .usage("takes no argument (got \(Terminal.shown(first)))")
    }
}
