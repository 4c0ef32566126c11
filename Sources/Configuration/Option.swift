/// One setting, declared once. The file reader, the environment, the flags, `--help`, `klinecast config`, the sample
/// file and the documentation page all come from this declaration.
package struct Option: Sendable {
    /// `section.key`, as the configuration file nests it.
    package let name: String
    package let kind: OptionKind
    /// The default in the text form the file would hold; `nil` where there is none.
    package let defaultText: String?
    /// The variables that set it, the first one first. A secret is also read from the file named by `<variable>_FILE`.
    package let environment: [String]
    /// The flag without its dashes; `nil` for what belongs in no process list or needs more than a line.
    package let flag: String?
    package let sentence: String

    package init(
        _ name: String, _ kind: OptionKind, default defaultText: String? = nil, environment: [String] = [],
        flag: String? = nil, _ sentence: String
    ) {
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        self.environment = environment
        self.flag = flag
        self.sentence = sentence
    }

    package var section: String { String(name.prefix { $0 != "." }) }
    package var key: String { String(name.drop { $0 != "." }.dropFirst()) }

    /// The variables together with the `_FILE` ones.
    package var allEnvironment: [String] {
        kind.isSecret ? environment.flatMap { [$0, $0 + "_FILE"] } : environment
    }
}

/// A heading of the file, of the help and of the documentation page.
package struct OptionSection: Sendable {
    package let name: String
    package let sentence: String
}
