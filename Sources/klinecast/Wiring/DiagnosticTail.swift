import Configuration
import Telemetry

/// What every process' /diagnostic ends with.
enum DiagnosticTail {
    static func write(
        to json: inout JSONWriter, journal: ErrorJournal, libraries: [(name: String, version: String?)],
        settings: Settings
    ) {
        json.key("errors")
        journal.write(to: &json)
        json.member(
            "libraries",
            object: { json in
                for library in libraries { json.member(library.name, library.version) }
            })
        json.member(
            "settings",
            object: { json in
                for value in settings.effectiveValues { json.member(value.name, value.isSet ? value.value : nil) }
            })
    }
}
