import Assignment
import HTTP
import MarketData
import Telemetry

/// The whole assignment as JSON and CSV: made once a state, whoever asks.
final class AssignmentPages: Sendable {
    private struct Page: Sendable {
        let tag: StateTag
        let body: [UInt8]
    }

    private let json = Locked<Page?>(nil)
    private let csv = Locked<Page?>(nil)

    func json(of stored: StoredState) -> Response { Response(body: Self.body(json, stored, Self.json)) }

    func csv(of stored: StoredState) -> Response {
        Response(
            contentType: "text/csv; charset=utf-8",
            headers: [Response.Header("Content-Disposition", "attachment; filename=\"assignments.csv\"")],
            body: Self.body(csv, stored) { Array(AssignmentFile.text(of: $0.state).utf8) })
    }

    /// Two threads may make the same page at the same time; nobody waits for the other.
    private static func body(_ page: Locked<Page?>, _ stored: StoredState, _ make: (StoredState) -> [UInt8]) -> [UInt8]
    {
        if let made = page.withLock({ $0 }), made.tag == stored.tag { return made.body }
        let body = make(stored)
        page.withLock { $0 = Page(tag: stored.tag, body: body) }
        return body
    }

    /// `assignments`, `workers` and `stats` are the predecessor's, the rest is in members of its own.
    private static func json(of stored: StoredState) -> [UInt8] {
        let state = stored.state
        let placements = state.placements.sorted { $0.key.name < $1.key.name }
        var counts = Dictionary(uniqueKeysWithValues: state.workers.keys.map { ($0, 0) })
        for placement in placements { counts[placement.value.worker, default: 0] += 1 }
        let others = counts.keys.filter { state.workers[$0] == nil }.sorted()
        var json = JSONWriter(reserving: 1_024 + placements.count * 160)
        json.object { json in
            json.member("ok", true)
            json.member(
                "assignments",
                object: { json in
                    for (symbol, placement) in placements {
                        json.member(symbol.name.uppercased(), placement.worker.text)
                    }
                })
            json.member("workers", state.registered.map(\.name.text))
            json.member(
                "stats",
                object: { json in
                    for name in state.registered.map(\.name) + others { json.member(name.text, counts[name] ?? 0) }
                })
            json.member("version", stored.tag.description)
            json.member(
                "placements",
                object: { json in
                    for (symbol, placement) in placements {
                        json.member(symbol.name.uppercased(), object: { write(placement, &$0) })
                    }
                })
        }
        return json.bytes
    }

    private static func write(_ placement: Placement, _ json: inout JSONWriter) {
        json.member("worker", placement.worker.text)
        json.member("timeframes", placement.timeframes.map(\.rawValue))
        json.member("epoch", placement.epoch.number)
        json.member("pinned", placement.isPinned)
        json.member("assigned_at", Timestamp.iso8601(placement.assignedAt))
    }
}
