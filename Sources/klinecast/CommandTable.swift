import Configuration

/// Every command, in the order of the overview.
enum CommandTable {
    static let all: [any Command.Type] = [
        UpCommand.self,
        RouterCommand.self,
        PersisterCommand.self,
        GatewayCommand.self,
        DispatchCommand.self,
        AssignmentCommand.self,
        WorkersCommand.self,
        BrokerCommand.self,
        FeedCommand.self,
        RouteCommand.self,
        TailCommand.self,
        QueryCommand.self,
        GapsCommand.self,
        DlqCommand.self,
        CheckCommand.self,
        ConfigCommand.self,
        BenchCommand.self,
        VersionCommand.self,
    ]

    static var names: [String] { all.map { $0.description.name } + ["help"] }

    /// Everything that may stand behind `klinecast`.
    static var callable: [String] { names + all.flatMap { $0.description.aliases } }

    static func command(named name: String) -> (any Command.Type)? {
        all.first { $0.description.name == name || $0.description.aliases.contains(name) }
    }

    /// What `klinecast help` prints.
    static var overview: String {
        let width = names.map(\.count).max() ?? 0
        var text = """
            klinecast: candles from Kafka topics to Redis channels and a database

            Usage: klinecast <command> [arguments] [flags]

            Commands

            """
        for command in all {
            let name = command.description.name
            text +=
                "  \(name)" + String(repeating: " ", count: width - name.count + 3) + command.description.summary + "\n"
        }
        return text + """

            `klinecast help <command>` shows a command's flags; `klinecast config` every setting and where it came from.
            Exit codes: 0 done, 1 failed, 2 usage, 3 degraded, 4 conflict, 5 not authorised.

            """
    }
}
