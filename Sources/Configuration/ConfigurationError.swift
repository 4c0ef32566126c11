/// All that is wrong with the settings, so that one run is enough to correct it.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    package let problems: [ConfigurationProblem]

    package init(_ problems: [ConfigurationProblem]) { self.problems = problems }

    /// One sentence a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

package enum ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case syntax(path: String, line: Int, column: Int, reason: String)
    case unknownKey(path: String, line: Int, column: Int, key: String, nearest: String?)
    /// `reason` continues the sentence that the option's name begins.
    case invalid(option: String, reason: String, origin: Origin)
    case conflict(option: String, reason: String)
    case unknownFlag(flag: String, command: String, nearest: String?)
    case missingFlagValue(flag: String, shape: String)
    case unexpectedFlagValue(flag: String)
    case repeatedFlag(flag: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
        case .syntax(let path, let line, let column, let reason): "\(path):\(line):\(column): \(reason)"
        case .unknownKey(let path, let line, let column, let key, let nearest):
            "\(path):\(line):\(column): unknown key \(key.shown)"
                + (nearest.map { "; did you mean \($0)?" } ?? "; `klinecast config` lists every key")
        case .invalid(let option, let reason, let origin): "\(option): \(reason); set another value \(origin.place)"
        case .conflict(let option, let reason): "\(option): \(reason)"
        case .unknownFlag(let flag, let command, let nearest):
            "unknown flag \(flag.shown)"
                + (nearest.map { "; did you mean \($0)?" } ?? "; `klinecast \(command) --help` lists the flags")
        case .missingFlagValue(let flag, let shape): "\(flag): needs a value (\(shape))"
        case .unexpectedFlagValue(let flag): "\(flag): takes no value"
        case .repeatedFlag(let flag): "\(flag): given twice; leave one"
        }
    }
}

/// Where an effective value came from.
package enum Origin: Sendable, Equatable, CustomStringConvertible {
    case builtIn
    case file(path: String, line: Int)
    case environment(variable: String)
    case secretFile(variable: String, path: String)
    case flag(String)

    package var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .environment(let variable): variable
        case .secretFile(let variable, let path): "\(variable) (\(path))"
        case .flag(let flag): "--\(flag)"
        }
    }

    /// The end of "set another value …".
    fileprivate var place: String {
        switch self {
        case .builtIn: "in the declaration"
        case .file(let path, let line): "at \(path):\(line)"
        case .environment(let variable): "in the variable \(variable)"
        case .secretFile(let variable, let path): "in \(path), the file that \(variable) names"
        case .flag(let flag): "with --\(flag)"
        }
    }
}
