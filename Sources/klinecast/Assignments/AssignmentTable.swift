import Assignment
import Gateway
import MarketData
import Telemetry

/// What is stored, as tables or JSON.
enum AssignmentTable {
    /// - Parameter worker: only its symbols; one that is unknown and serves nothing is an error.
    static func list(_ storage: any AssignmentStorage, of worker: WorkerName?, isJSON: Bool) throws(CommandFailure) {
        let stored = try AssignmentAccess.stored { () throws(StorageError) in try storage.read() }
        let placements = stored.state.placements.filter { worker == nil || $0.value.worker == worker }
        if let worker, placements.isEmpty, stored.state.workers[worker] == nil {
            throw AssignmentAccess.unknown(worker, among: stored.state.registered.map(\.name))
        }
        let rows = placements.sorted { $0.key.name < $1.key.name }
        if isJSON {
            Terminal.data(json(rows, stored.tag))
            return
        }
        var table = TextTable([
            .text("symbol"), .text("worker"), .text("timeframes"), .number("epoch"), .text("since"), .text("pinned"),
        ])
        for (symbol, placement) in rows {
            table.add([
                symbol.name.uppercased(), placement.worker.text,
                placement.timeframes.map(\.rawValue).joined(separator: " "), "\(placement.epoch)",
                TimeArgument.text(placement.assignedAt / 1_000 * 1_000), placement.isPinned ? "pinned" : "",
            ])
        }
        table.finish()
        let workers = Set(rows.map(\.value.worker)).count
        Terminal.talk(
            "\(Terminal.counted(rows.count, "symbol")) on \(Terminal.counted(workers, "worker")), version \(stored.tag)"
        )
    }

    private static func json(_ rows: [(key: Symbol, value: Placement)], _ tag: StateTag) -> JSONWriter {
        var json = JSONWriter(reserving: 4_096)
        json.object { json in
            json.member("version", tag.description)
            json.member(
                "assignments",
                array: { json in
                    for (symbol, placement) in rows {
                        json.object { json in
                            json.member("symbol", symbol.name.uppercased())
                            json.member("worker", placement.worker.text)
                            json.member("timeframes", placement.timeframes.map(\.rawValue))
                            json.member("epoch", placement.epoch.number)
                            json.member("pinned", placement.isPinned)
                            json.member("assigned_at", placement.assignedAt)
                        }
                    }
                })
        }
        return json
    }

    static func statistics(_ storage: RedisAssignments, isJSON: Bool) throws(CommandFailure) {
        let stored = try AssignmentAccess.stored { () throws(StorageError) in try storage.read() }
        let progress = try AssignmentAccess.stored { () throws(StorageError) in try storage.progress() }
        let hasController = try AssignmentAccess.stored { () throws(StorageError) in try storage.hasController() }
        let shares = WorkerShare.all(of: stored.state)
        let pending = progress?.pending ?? []
        if isJSON {
            var json = JSONWriter()
            json.object { json in
                json.member("version", stored.tag.description)
                json.member("symbols", stored.state.placements.count)
                json.member(
                    "workers",
                    array: { json in
                        for share in shares { json.object { json in share.write(to: &json) } }
                    })
                PlanDocument.write(pending, isAttended: hasController, &json)
            }
            Terminal.data(json)
            return
        }
        var table = TextTable([
            .text("worker"), .text("state"), .number("symbols"), .number("share"), .number("capacity"),
        ])
        let total = max(1, stored.state.placements.count)
        for share in shares {
            table.add([
                share.name.text, share.state, Terminal.grouped(share.symbols),
                "\((share.symbols * 1_000 / total + 5) / 10) %",
                share.worker?.capacity.map { Terminal.grouped($0) } ?? "",
            ])
        }
        table.finish()
        Terminal.talk(summary(stored, shares))
        if !hasController { for line in Delivery.unattended.lines { Terminal.talk(line) } }
        for line in pending.isEmpty ? [] : Delivery.pending(pending).lines { Terminal.talk(line) }
    }

    private static func summary(_ stored: StoredState, _ shares: [WorkerShare]) -> String {
        let active = shares.filter { $0.worker?.state == .active }.map(\.symbols)
        let spread =
            active.isEmpty ? "no worker is active" : "\(active.min() ?? 0) to \(active.max() ?? 0) an active worker"
        return "\(Terminal.counted(stored.state.placements.count, "symbol")), \(spread), version \(stored.tag)"
    }
}

/// What one worker has; also a name that is not registered.
struct WorkerShare {
    let name: WorkerName
    let worker: Worker?
    let symbols: Int

    var state: String { worker?.state.rawValue ?? "unknown" }

    /// In the order of registration, then names that are not registered.
    static func all(of state: AssignmentState) -> [WorkerShare] {
        let counts = state.placements.values.reduce(into: [WorkerName: Int]()) { $0[$1.worker, default: 0] += 1 }
        let unknown = counts.keys.filter { state.workers[$0] == nil }.sorted()
        return state.registered.map { WorkerShare(name: $0.name, worker: $0, symbols: counts[$0.name] ?? 0) }
            + unknown.map { WorkerShare(name: $0, worker: nil, symbols: counts[$0] ?? 0) }
    }

    func write(to json: inout JSONWriter) {
        json.member("name", name.text)
        json.member("address", worker?.address)
        json.member("state", state)
        json.member("symbols", symbols)
        json.member("capacity", worker?.capacity)
        json.member("weight", worker?.weight)
    }
}
