import Assignment
import MarketData

/// What has to be written to get from one state to the next, and how history tells it.
struct StateDifference {
    /// Placements whose worker is another one: the storage says since when.
    private(set) var moved: [(symbol: Symbol, placement: Placement)] = []
    /// Placements of which something else changed.
    private(set) var updated: [(symbol: Symbol, placement: Placement)] = []
    private(set) var removed: [Symbol] = []
    private(set) var workers: [Worker] = []
    private(set) var leavers: [WorkerName] = []
    /// By symbol; one whose worker stays has the same on both sides.
    private(set) var steps: [HistoryEntry.Step] = []
    private(set) var phrases: [String] = []

    var isChange: Bool { !steps.isEmpty || !workers.isEmpty || !leavers.isEmpty }

    init(from base: AssignmentState, to next: AssignmentState) {
        for (symbol, placement) in next.placements {
            let before = base.placements[symbol]
            guard before != placement else { continue }
            if let before, before.worker == placement.worker {
                var kept = placement
                kept.assignedAt = before.assignedAt
                guard before != kept else { continue }
                updated.append((symbol, kept))
            } else {
                moved.append((symbol, placement))
            }
            steps.append(step(symbol, before?.worker, placement.worker))
        }
        for (symbol, placement) in base.placements where next.placements[symbol] == nil {
            removed.append(symbol)
            steps.append(step(symbol, placement.worker, nil))
        }
        steps.sort { $0.symbol.utf8.lexicographicallyPrecedes($1.symbol.utf8) }
        compareWorkers(base, next)
    }

    /// The next state as it is stored.
    func applied(to next: AssignmentState, version: Int64, at now: Int64, floor: Epoch) -> AssignmentState {
        var placements = next.placements
        for (symbol, placement) in updated { placements[symbol] = placement }
        for (symbol, placement) in moved {
            var stamped = placement
            stamped.assignedAt = now
            placements[symbol] = stamped
        }
        return AssignmentState(
            version: version, placements: placements, workers: Array(next.workers.values), epochFloor: floor)
    }

    private func step(_ symbol: Symbol, _ from: WorkerName?, _ to: WorkerName?) -> HistoryEntry.Step {
        HistoryEntry.Step(symbol: symbol.name, from: from?.text, to: to?.text)
    }

    private mutating func compareWorkers(_ base: AssignmentState, _ next: AssignmentState) {
        for worker in next.registered where base.workers[worker.name] != worker {
            workers.append(worker)
            guard let before = base.workers[worker.name] else {
                phrases.append("\(worker.name) registered at \(worker.address)")
                continue
            }
            phrases.append("\(worker.name) " + Self.changes(before, worker).joined(separator: ", "))
        }
        for worker in base.registered where next.workers[worker.name] == nil {
            leavers.append(worker.name)
            phrases.append("\(worker.name) removed")
        }
    }

    private static func changes(_ before: Worker, _ after: Worker) -> [String] {
        func capacity(_ worker: Worker) -> String { worker.capacity.map(String.init) ?? "unlimited" }
        return [
            before.state == after.state ? nil : "\(before.state.rawValue) → \(after.state.rawValue)",
            before.address == after.address ? nil : "address \(before.address) → \(after.address)",
            before.capacity == after.capacity ? nil : "capacity \(capacity(before)) → \(capacity(after))",
            before.weight == after.weight ? nil : "weight \(before.weight) → \(after.weight)",
            before.order == after.order ? nil : "order \(before.order) → \(after.order)",
        ].compactMap { $0 }
    }
}
