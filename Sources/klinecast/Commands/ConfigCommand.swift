import Configuration
import Telemetry

/// Every effective value and where it came from.
struct ConfigCommand: Command {
    static let description = CommandDescription(
        "config", "Show every effective setting and where it came from, secrets hidden.",
        flags: [
            CommandFlag("json", "One JSON object."),
            CommandFlag("sample", "A configuration file with every option as a comment."),
            CommandFlag("markdown", "The documentation page of all options."),
        ],
        sections: Options.sections.map(\.name),
        examples: ["klinecast config --json", "klinecast config --sample > config/klinecast.yaml"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        let forms = ["json", "sample", "markdown"].filter { invocation.arguments.has($0) }
        guard forms.count <= 1 else { throw CommandFailure.usage("give one of --json, --sample and --markdown") }
        switch forms.first {
        case "sample": Terminal.data(SettingsDocuments.sampleFile)
        case "markdown": Terminal.data(SettingsDocuments.markdownPage)
        case "json": Terminal.data(Self.json(try invocation.settings()))
        default: Terminal.data(try invocation.settings().effectiveText)
        }
        return .done
    }

    private static func json(_ settings: Settings) -> JSONWriter {
        var json = JSONWriter()
        json.object { json in
            for value in settings.effectiveValues {
                json.member(
                    value.name,
                    object: { json in
                        json.member("value", value.isSet ? value.value : nil)
                        json.member("origin", value.origin)
                    })
            }
        }
        return json
    }
}
