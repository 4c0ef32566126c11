/// A flag of one command that is no setting, such as `--json`.
package struct CommandFlag: Sendable {
    package let name: String
    /// The one letter that may stand for it, `-l`.
    package let short: Character?
    /// What its value is called in the help; `nil` for a flag without one.
    package let valueName: String?
    package let sentence: String

    package init(_ name: String, short: Character? = nil, value valueName: String? = nil, _ sentence: String) {
        self.name = name
        self.short = short
        self.valueName = valueName
        self.sentence = sentence
    }
}

/// What a command takes; its help is made from this.
package struct CommandDescription: Sendable {
    package let name: String
    /// Other names that it is called by, which the overview leaves out.
    package let aliases: [String]
    package let summary: String
    /// The arguments as the usage line shows them, such as `FILE…`.
    package let arguments: String
    package let flags: [CommandFlag]
    /// The sections whose options it takes as flags.
    package let sections: [String]
    /// Full command lines.
    package let examples: [String]

    package init(
        _ name: String, aliases: [String] = [], _ summary: String, arguments: String = "", flags: [CommandFlag] = [],
        sections: [String] = [], examples: [String] = []
    ) {
        self.name = name
        self.aliases = aliases
        self.summary = summary
        self.arguments = arguments
        self.flags = flags
        self.sections = sections
        self.examples = examples
    }

    package var options: [Option] { Options.all.filter { sections.contains($0.section) } }

    /// The flags that every command has.
    package static let common: [CommandFlag] = [
        CommandFlag("config", value: "FILE", "Configuration file; config/klinecast.yaml is read when it is there."),
        CommandFlag("help", "Show this help."),
    ]
}

/// A command's arguments, sorted into what they mean; option values are still text.
package struct CommandLineArguments: Sendable, Equatable {
    package struct Setting: Sendable, Equatable {
        package let option: String
        package let flag: String
        package let text: String
    }

    package private(set) var positional: [String] = []
    package private(set) var settings: [Setting] = []
    /// The command's own flags; the text is empty for those without a value.
    package private(set) var flags: [String: String] = [:]

    package func has(_ flag: String) -> Bool { flags[flag] != nil }

    /// `arguments` without the program's and the command's names. `--x value`, `--x=value`, `--x` and `--no-x` for what
    /// is on or off, `--` before what only looks like flags, `-h` for `--help`. Letters: `-c 20`, `-c20`, `-lr` for two.
    package init(parsing arguments: [String], for command: CommandDescription) throws(ConfigurationError) {
        var problems: [ConfigurationProblem] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                positional += rest
                break
            }
            if argument == "-h" {
                flags["help"] = ""
            } else if argument.hasPrefix("-"), argument != "-", argument.count > 1 {
                let problem = take(argument, &rest, command)
                if let problem { problems.append(problem) }
            } else {
                positional.append(argument)
            }
        }
        if !problems.isEmpty { throw ConfigurationError(problems) }
    }

    private mutating func take(
        _ argument: String, _ rest: inout ArraySlice<String>, _ command: CommandDescription
    ) -> ConfigurationProblem? {
        guard argument.hasPrefix("--") else { return takeLetters(argument, &rest, command) }
        let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.first.map(String.init) ?? ""
        let attached = parts.count > 1 ? String(parts[1]) : nil
        let shown = "--\(name)"
        if let flag = (command.flags + CommandDescription.common).first(where: { $0.name == name }) {
            return take(flag, attached, &rest)
        }
        if let option = command.options.first(where: { $0.flag == name }) {
            let isBoolean = option.kind == .boolean
            guard let value = attached ?? (isBoolean ? "on" : rest.popFirst()) else {
                return .missingFlagValue(flag: shown, shape: option.kind.shape)
            }
            return set(option, name, value)
        }
        if argument.hasPrefix("--no-"), attached == nil,
            let option = command.options.first(where: { $0.kind == .boolean && "no-\($0.flag ?? "")" == name })
        {
            return set(option, name, "off")
        }
        return .unknownFlag(flag: shown, command: command.name, nearest: Self.nearest(to: name, command))
    }

    private mutating func take(_ flag: CommandFlag, _ attached: String?, _ rest: inout ArraySlice<String>)
        -> ConfigurationProblem?
    {
        let shown = "--\(flag.name)"
        if flags[flag.name] != nil { return .repeatedFlag(flag: shown) }
        if let valueName = flag.valueName {
            guard let value = attached ?? rest.popFirst() else {
                return .missingFlagValue(flag: shown, shape: valueName)
            }
            flags[flag.name] = value
        } else if attached != nil {
            return .unexpectedFlagValue(flag: shown)
        } else {
            flags[flag.name] = ""
        }
        return nil
    }

    /// `-lr`, `-c 20`, `-c20` and `-c=20`: the first letter with a value takes all that follows.
    private mutating func takeLetters(
        _ argument: String, _ rest: inout ArraySlice<String>, _ command: CommandDescription
    ) -> ConfigurationProblem? {
        var letters = argument.dropFirst()
        while let letter = letters.popFirst() {
            guard let flag = command.flags.first(where: { $0.short == letter }) else {
                let name = String(argument.dropFirst().prefix { $0 != "=" })
                return .unknownFlag(flag: argument, command: command.name, nearest: Self.nearest(to: name, command))
            }
            var attached: String?
            if !letters.isEmpty, flag.valueName != nil || letters.first == "=" {
                attached = String(letters.first == "=" ? letters.dropFirst() : letters)
                letters = ""
            }
            if let problem = take(flag, attached, &rest) { return problem }
        }
        return nil
    }

    private static func nearest(to name: String, _ command: CommandDescription) -> String? {
        let known = (command.flags + CommandDescription.common).map(\.name) + command.options.compactMap(\.flag)
        return Suggestion.nearest(to: name, among: known).map { "--\($0)" }
    }

    private mutating func set(_ option: Option, _ flag: String, _ text: String) -> ConfigurationProblem? {
        if settings.contains(where: { $0.option == option.name }) { return .repeatedFlag(flag: "--\(flag)") }
        settings.append(Setting(option: option.name, flag: flag, text: text))
        return nil
    }
}
