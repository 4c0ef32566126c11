import Glibc

/// Puts the layers together: flags > environment > file > default. Every problem is found in one go.
struct SettingsLoader {
    static let defaultPath = "config/klinecast.yaml"
    private static let maximumSecretBytes = 64 << 10

    private(set) var values: [String: Settings.Entry] = [:]
    private(set) var warnings: [String] = []
    private(set) var problems: [ConfigurationProblem] = []
    private var optionsByName: [String: Option] = [:]

    init() {
        for option in Options.all {
            optionsByName[option.name] = option
            let value = option.defaultText.map { text in
                guard let value = try? option.kind.value(of: text) else {
                    preconditionFailure("the default of \(option.name) is a valid value: \(text)")
                }
                return value
            }
            values[option.name] = Settings.Entry(value: value ?? .unset, origin: .builtIn)
        }
    }

    // MARK: File

    /// Reads the named file, or the default one when it is there.
    mutating func readFile(_ named: String?) {
        let path = named ?? Self.defaultPath
        switch Self.bytes(ofFile: path, limit: YamlDocument.maximumBytes) {
        case .success(let bytes):
            do throws(ConfigurationError) {
                take(try YamlDocument.root(of: bytes, path: path), path: path)
            } catch {
                problems += error.problems
            }
        case .failure(let fault):
            if named == nil, fault.isMissing { return }
            problems.append(.unreadable(path: path, reason: fault.reason))
        }
    }

    mutating func take(_ root: YamlNode, path: String) {
        guard case .mapping(let sections) = root.content else {
            if root.content != .null {
                problems.append(
                    .syntax(
                        path: path, line: root.line, column: root.column,
                        reason: "the file must hold sections, like `kafka:` with `  broker: …` below"))
            }
            return
        }
        for section in sections {
            guard Options.sections.contains(where: { $0.name == section.key }) else {
                unknown(section, section.key, path)
                continue
            }
            switch section.value.content {
            case .null: continue
            case .mapping(let entries):
                for entry in entries { take(entry, name: "\(section.key).\(entry.key)", path: path) }
            case .scalar, .sequence:
                problems.append(
                    .syntax(
                        path: path, line: section.value.line, column: section.value.column,
                        reason: "\(section.key) is a section: its keys stand below it, indented"))
            }
        }
    }

    private mutating func unknown(_ entry: YamlNode.Entry, _ name: String, _ path: String) {
        let known = Options.all.map(\.name) + Options.sections.map(\.name)
        // `broker` alone, or in the wrong section, is found by its last part.
        let key = name.split(separator: ".").last.map(String.init) ?? name
        let nearest =
            Suggestion.nearest(to: name, among: known)
            ?? Options.all.first { $0.key == key || $0.environment.contains(key) }?.name
        problems.append(
            .unknownKey(path: path, line: entry.line, column: entry.column, key: name, nearest: nearest))
    }

    private mutating func take(_ entry: YamlNode.Entry, name: String, path: String) {
        guard let option = optionsByName[name] else { return unknown(entry, name, path) }
        let origin = Origin.file(path: path, line: entry.line)
        do throws(ValueFault) {
            guard let value = try Self.value(of: entry.value, option.kind) else { return }
            values[name] = Settings.Entry(value: value, origin: origin)
        } catch {
            problems.append(.invalid(option: name, reason: error.sentence, origin: origin))
        }
    }

    private static func value(of node: YamlNode, _ kind: OptionKind) throws(ValueFault) -> OptionValue? {
        switch (node.content, kind) {
        case (.null, _): return nil
        case (.scalar(let text), _): return try kind.value(of: text)
        case (.sequence(let nodes), .routes): return .routes(try RouteRule.rules(of: nodes))
        case (.sequence(let nodes), _):
            var items: [String] = []
            for node in nodes {
                guard case .scalar(let item) = node.content else {
                    throw ValueFault("must hold plain values (line \(node.line) does not)")
                }
                items.append(item)
            }
            return try kind.value(ofList: items)
        case (.mapping(let entries), .map):
            var map: [String: String] = [:]
            for entry in entries {
                guard case .scalar(let text) = entry.value.content else {
                    throw ValueFault("must hold plain values (\(entry.key.shown) on line \(entry.line) does not)")
                }
                map[entry.key] = text
            }
            return .map(map)
        case (.mapping, _): throw ValueFault("must be \(kind.shape), not a map")
        }
    }

    // MARK: Environment and flags

    mutating func readEnvironment(_ environment: [String: String]) {
        for option in Options.all {
            var taken: (variable: String, text: String)?
            for variable in option.environment {
                guard let (text, origin) = self.text(of: variable, option, environment) else { continue }
                if let taken {
                    if taken.text != text {
                        warnings.append("\(variable) differs from \(taken.variable), which is used; unset one")
                    }
                    continue
                }
                taken = (variable, text)
                store(text, option, origin)
            }
        }
        warnings += EnvironmentCheck.warnings(environment)
    }

    /// The variable's text, or that of the file that `<variable>_FILE` names; an empty variable counts as none.
    private mutating func text(
        of variable: String, _ option: Option, _ environment: [String: String]
    ) -> (String, Origin)? {
        let plain = environment[variable].flatMap { $0.isEmpty ? nil : $0 }
        guard option.kind.isSecret, let path = environment[variable + "_FILE"], !path.isEmpty else {
            return plain.map { ($0, .environment(variable: variable)) }
        }
        if plain != nil {
            problems.append(
                .conflict(option: option.name, reason: "both \(variable) and \(variable)_FILE are set; unset one"))
            return nil
        }
        switch Self.bytes(ofFile: path, limit: Self.maximumSecretBytes) {
        case .failure(let fault):
            problems.append(.unreadable(path: "\(variable)_FILE=\(path)", reason: fault.reason))
            return nil
        case .success(let bytes):
            var text = String(decoding: bytes, as: UTF8.self)
            // Editors end a file with a line end; a secret does not end with one.
            while text.last?.isNewline == true { text.removeLast() }
            guard !text.isEmpty else {
                problems.append(.unreadable(path: "\(variable)_FILE=\(path)", reason: "the file is empty"))
                return nil
            }
            return (text, .secretFile(variable: variable + "_FILE", path: path))
        }
    }

    mutating func readFlags(_ settings: [CommandLineArguments.Setting]) {
        for setting in settings {
            guard let option = optionsByName[setting.option] else { continue }
            store(setting.text, option, .flag(setting.flag))
        }
    }

    private mutating func store(_ text: String, _ option: Option, _ origin: Origin) {
        do throws(ValueFault) {
            values[option.name] = Settings.Entry(value: try option.kind.value(of: text), origin: origin)
        } catch {
            problems.append(.invalid(option: option.name, reason: error.sentence, origin: origin))
        }
    }

    mutating func add(_ more: [ConfigurationProblem], warnings: [String]) {
        problems += more
        self.warnings += warnings
    }

    // MARK: Files

    struct FileFault: Error {
        let reason: String
        let isMissing: Bool
    }

    static func bytes(ofFile path: String, limit: Int) -> Result<[UInt8], FileFault> {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(.lastError()) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(.lastError()) }
            if count == 0 { return .success(bytes) }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                return .failure(FileFault(reason: "it holds more than \(ByteCount.text(limit))", isMissing: false))
            }
        }
    }
}

extension SettingsLoader.FileFault {
    static func lastError() -> Self {
        let code = errno
        return Self(reason: unsafe String(cString: strerror(code)), isMissing: code == ENOENT)
    }
}
