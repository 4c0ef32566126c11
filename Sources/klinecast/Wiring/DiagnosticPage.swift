import Configuration
import HTTP
import Telemetry

/// What every process answers at /diagnostic: the same members at the beginning and the end, its own between them.
struct DiagnosticPage: Sendable {
    let journal: ErrorJournal
    let settings: Settings
    private let libraries = VersionCommand.libraries

    /// - Parameters kafka, redis, database: `connected`, or why not.
    func response(
        _ health: HealthReport, kafka: String, redis: String, database: String, topics: Set<String> = [],
        stats: (inout JSONWriter) -> Void, own: (inout JSONWriter) -> Void
    ) -> Response {
        .json { json in
            json.object { json in
                json.member("status", health.status == .stopping ? "stopping" : "operational")
                json.member("timestamp", health.timestamp)
                json.member("uptime", health.uptime)
                json.member(
                    "connections",
                    object: { json in
                        json.member("kafka", kafka)
                        json.member("redis", redis)
                        json.member("database", database)
                    })
                json.member("topics", topics.sorted())
                json.member("stats", object: stats)
                json.member("reasons", health.reasons)
                own(&json)
                writeEnd(to: &json)
            }
        }
    }

    private func writeEnd(to json: inout JSONWriter) {
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
