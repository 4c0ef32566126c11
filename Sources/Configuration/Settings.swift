/// Every effective value with its origin, and a typed accessor for each.
///
/// Made once at the start from arguments, environment and file; immutable afterwards.
package struct Settings: Sendable {
    package struct Entry: Sendable, Equatable {
        package let value: OptionValue
        package let origin: Origin
    }

    package let entries: [String: Entry]
    /// What an operator should know and nothing stops for.
    package let warnings: [String]

    /// Reads all layers: flags > environment > file (`--config`, else config/klinecast.yaml if it is there) > default.
    package init(arguments: CommandLineArguments, environment: [String: String]) throws(ConfigurationError) {
        var loader = SettingsLoader()
        loader.readFile(arguments.flags["config"])
        loader.readEnvironment(environment)
        loader.readFlags(arguments.settings)
        self = try Self.checked(loader)
    }

    /// The same from the text of a file, for tests and for `check`.
    package init(file text: String, path: String = "test.yaml", environment: [String: String] = [:])
        throws(ConfigurationError)
    {
        var loader = SettingsLoader()
        loader.take(try YamlDocument.root(of: Array(text.utf8), path: path), path: path)
        loader.readEnvironment(environment)
        self = try Self.checked(loader)
    }

    private static func checked(_ loader: SettingsLoader) throws(ConfigurationError) -> Settings {
        var loader = loader
        let settings = Settings(entries: loader.values, warnings: [])
        loader.add(SettingsCheck.problems(settings), warnings: SettingsCheck.warnings(settings))
        if !loader.problems.isEmpty { throw ConfigurationError(loader.problems) }
        return Settings(entries: loader.values, warnings: loader.warnings)
    }

    private init(entries: [String: Entry], warnings: [String]) {
        self.entries = entries
        self.warnings = warnings
    }

    package func entry(_ name: String) -> Entry {
        guard let entry = entries[name] else { preconditionFailure("\(name) is a declared option") }
        return entry
    }

    /// Whether something other than the built-in default gave the value.
    package func isGiven(_ name: String) -> Bool { entry(name).origin != .builtIn }

    package var kafka: KafkaSettings { KafkaSettings(settings: self) }
    package var redis: RedisSettings { RedisSettings(settings: self) }
    package var router: RouterSettings { RouterSettings(settings: self) }
    package var database: DatabaseSettings { DatabaseSettings(settings: self) }
    package var persister: PersisterSettings { PersisterSettings(settings: self) }
    package var gateway: GatewaySettings { GatewaySettings(settings: self) }
    package var feed: FeedSettings { FeedSettings(settings: self) }
    package var up: UpSettings { UpSettings(settings: self) }
    package var broker: BrokerSettings { BrokerSettings(settings: self) }
    package var http: HTTPSettings { HTTPSettings(settings: self) }
    package var control: ControlSettings { ControlSettings(settings: self) }
    package var process: ProcessSettings { ProcessSettings(settings: self) }
    package var log: LogSettings { LogSettings(settings: self) }
}

/// Accessors trust the declarations: a name or a type that does not fit is our mistake, and the test that reads every
/// accessor finds it.
extension Settings {
    func boolean(_ name: String) -> Bool { if case .boolean(let it) = entry(name).value { it } else { misfit(name) } }
    func integer(_ name: String) -> Int {
        if case .integer(let it) = entry(name).value { it } else { misfit(name) }
    }
    func optionalInteger(_ name: String) -> Int? {
        switch entry(name).value {
        case .integer(let it): it
        case .unset: nil
        default: misfit(name)
        }
    }
    func duration(_ name: String) -> Duration {
        if case .duration(let it) = entry(name).value { it } else { misfit(name) }
    }
    func optionalDuration(_ name: String) -> Duration? {
        switch entry(name).value {
        case .duration(let it): it
        case .unset: nil
        default: misfit(name)
        }
    }
    func text(_ name: String) -> String {
        if case .text(let it) = entry(name).value { it } else { misfit(name) }
    }
    func optionalText(_ name: String) -> String? {
        switch entry(name).value {
        case .text(let it): it
        case .unset: nil
        default: misfit(name)
        }
    }
    func list(_ name: String) -> [String] {
        switch entry(name).value {
        case .list(let it): it
        case .unset: []
        default: misfit(name)
        }
    }
    func address(_ name: String) -> Address {
        if case .address(let it) = entry(name).value { it } else { misfit(name) }
    }
    func addresses(_ name: String) -> [Address] {
        switch entry(name).value {
        case .addresses(let it): it
        case .unset: []
        default: misfit(name)
        }
    }
    func secret(_ name: String) -> Secret? {
        switch entry(name).value {
        case .secret(let it): it
        case .unset: nil
        default: misfit(name)
        }
    }
    func map(_ name: String) -> [String: String] {
        switch entry(name).value {
        case .map(let it): it
        case .unset: [:]
        default: misfit(name)
        }
    }

    func misfit(_ name: String) -> Never { preconditionFailure("the accessor of \(name) has its declared type") }
}
