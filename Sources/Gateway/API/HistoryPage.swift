import Assignment
import HTTP
import Telemetry

/// `GET /ws/history?limit=50`: the newest change first, as much as fits.
enum HistoryPage {
    /// Steps and changes beyond are counted, or left out: each reader has an answer of its own, and a slow one keeps it long.
    static let byteLimit = 256 << 10
    private static let limits = 1...1_000
    private static let standard = 50

    static func answer(_ request: Request, _ service: AssignmentService) throws(Refusal) -> Response {
        let limit = try limit(request)
        let entries: [HistoryEntry]
        do throws(StorageError) { entries = try service.storage.history(limit: limit) } catch { throw Refusal(error) }
        return .json { json in
            json.object { json in
                json.member("ok", true)
                var shown = 0
                json.member(
                    "history",
                    array: { json in
                        for entry in entries where json.bytes.count < byteLimit {
                            write(entry, &json)
                            shown += 1
                        }
                    })
                json.member("left_out_count", entries.count - shown)
            }
        }
    }

    private static func limit(_ request: Request) throws(Refusal) -> Int {
        try GatewayAPI.expectQuery(request, ["limit"])
        guard let text = request.query("limit") else { return standard }
        guard let limit = Int(text), limits.contains(limit) else {
            throw .query("limit", "a whole number of \(limits.lowerBound)…\(limits.upperBound)", got: text)
        }
        return limit
    }

    private static func write(_ entry: HistoryEntry, _ json: inout JSONWriter) {
        json.object { json in
            json.member("version", entry.version)
            json.member("at", Timestamp.iso8601(entry.at))
            json.member("author", entry.author)
            json.member("action", entry.action.rawValue)
            json.member("steps_count", entry.steps.count)
            json.member(
                "steps",
                array: { json in
                    for step in entry.steps where json.bytes.count < byteLimit {
                        json.object { json in
                            json.member("symbol", step.symbol.uppercased())
                            json.member("from", step.from)
                            json.member("to", step.to)
                        }
                    }
                })
            json.member("workers", entry.workers)
        }
    }
}
