/// The texts that are made from the declarations.
package enum SettingsDocuments {
    /// config/klinecast.yaml: every option as a comment, `#key: default`, below its sentence.
    package static var sampleFile: String {
        var text = """
            # Klinecast's settings. Every line that begins with # and no space is an option with its default: remove the #
            # to change it. Flags win over environment variables, these over this file. `klinecast config` shows every
            # effective value and where it came from. Secrets belong in files that the *_FILE variables name.

            """
        for section in Options.sections {
            text += "\n# \(section.sentence)\n\(section.name):\n"
            for option in Options.inSection(section.name) {
                text += wrapped(option.sentence).map { "  # \($0)\n" }.joined()
                text += "  # \(facts(option))\n"
                if option.kind == .routes { text += routeExample }
                text += "  #\(option.key):\(sampleValue(option))\n"
            }
        }
        return text
    }

    private static let routeExample = """
          # For example:
          #   - match: 'ticks\\.(?<symbol>[a-z0-9_-]+)'
          #     channel: ticks:{symbol}
          #     lane: market
          #     data_type: signal

        """

    private static func sampleValue(_ option: Option) -> String {
        switch option.kind {
        case .map: " {}"
        case .routes: " []"
        case .boolean, .integer, .duration, .byteCount, .text, .path, .choice, .choices, .list, .symbols, .address,
            .addresses, .secret, .redisURL, .databaseURL, .start:
            option.defaultText.map { " \($0)" } ?? ""
        }
    }

    private static func facts(_ option: Option) -> String {
        var facts = [option.kind.shape]
        if !option.environment.isEmpty { facts.append(option.allEnvironment.joined(separator: ", ")) }
        if let flag = option.flag { facts.append("--\(flag)") }
        return facts.joined(separator: " · ")
    }

    private static func wrapped(_ sentence: String, width: Int = 112) -> [String] {
        var lines: [String] = []
        for word in sentence.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    /// docs/operating/configuration.md.
    package static var markdownPage: String {
        var text = """
            # Configuration

            <!-- Made by `klinecast config --markdown` from the declarations in Sources/Configuration; change them there. -->

            A flag wins over an environment variable, this over the configuration file (`--config`, else
            `config/klinecast.yaml` where it is there), and this over the default. `klinecast config` prints every effective
            value and where it came from, secrets hidden. An unknown key or flag is an error that names the nearest one. An
            empty environment variable counts as unset. A secret is also read from the file that its variable with `_FILE`
            names. Durations have a unit (`250ms`, `60s`, `5m`, `2h`, `1d`); `KB`, `MB` and `GB` are powers of 1024; lists
            are separated by commas, or YAML sequences in the file.

            """
        for section in Options.sections {
            text += "\n## \(section.name)\n\n\(section.sentence)\n\n"
            text += "| key | default | environment | flag | values | what it does |\n|---|---|---|---|---|---|\n"
            for option in Options.inSection(section.name) {
                let cells = [
                    "`\(option.name)`", option.defaultText.map { "`\($0)`" } ?? "",
                    option.environment.map { "`\($0)`" + (option.kind.isSecret ? ", `\($0)_FILE`" : "") }
                        .joined(separator: ", "),
                    option.flag.map { "`--\($0)`" } ?? "", option.kind.shape,
                    escaped(option.sentence),
                ]
                text += "| " + cells.joined(separator: " | ") + " |\n"
            }
        }
        return text
    }

    private static func escaped(_ sentence: String) -> String {
        var text = ""
        for character in sentence {
            switch character {
            case "<": text += "&lt;"
            case "|", "*", "_": text += "\\\(character)"
            default: text.append(character)
            }
        }
        return text
    }

    /// `klinecast <command> --help`.
    package static func help(for command: CommandDescription) -> String {
        let arguments = command.arguments.isEmpty ? "" : " \(command.arguments)"
        var text = "klinecast \(command.name): \(command.summary)\n\n"
        text += "Usage: klinecast \(command.name)\(arguments) [flags]\n\n"
        for alias in command.aliases { text += "Also called: klinecast \(alias)\n\n" }
        text += "Flags\n"
        for flag in command.flags + CommandDescription.common {
            let short = flag.short.map { "-\($0), " } ?? ""
            text += entry("\(short)--\(flag.name)" + (flag.valueName.map { " \($0)" } ?? ""), flag.sentence)
        }
        for section in Options.sections where command.sections.contains(section.name) {
            text += "\n\(section.name): \(section.sentence)\n"
            for option in Options.inSection(section.name) { text += entry(option) }
        }
        if !command.sections.isEmpty {
            text += "\nFlags win over environment variables, these over the configuration file.\n"
        }
        if !command.examples.isEmpty { text += "\nExamples\n" + command.examples.map { "  \($0)\n" }.joined() }
        return text
    }

    private static func entry(_ option: Option) -> String {
        let flag = option.flag.map { option.kind == .boolean ? "--[no-]\($0)" : "--\($0) X" } ?? option.name
        var sentence = option.sentence
        if let defaultText = option.defaultText { sentence += " [default: \(defaultText)]" }
        if !option.environment.isEmpty { sentence += " [\(option.allEnvironment.joined(separator: ", "))]" }
        return entry(flag, sentence)
    }

    private static func entry(_ head: String, _ sentence: String) -> String {
        let indent = String(repeating: " ", count: 32)
        let lines = wrapped(sentence, width: 84)
        let padded = "  " + head + String(repeating: " ", count: max(1, 30 - head.count))
        return padded + lines.joined(separator: "\n" + indent) + "\n"
    }
}
