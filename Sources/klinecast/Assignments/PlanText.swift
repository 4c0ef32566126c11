import Assignment
import MarketData

/// A plan as people read it: a part for each worker that it changes, with a line for each symbol that comes, goes or changes.
struct PlanText {
    private let plan: Plan
    private let removed: [Symbol]
    private let before: AssignmentState?
    private var text = ""

    /// - Parameters:
    ///   - removed: what nobody serves in the end.
    ///   - before: what the plan was made from, where that is known: it says what changed of a placement.
    static func of(_ plan: Plan, removed: [Symbol], before: AssignmentState?) -> String {
        var writer = PlanText(plan: plan, removed: removed, before: before)
        writer.write()
        return writer.text
    }

    private mutating func write() {
        let arriving = Dictionary(grouping: plan.moves, by: \.to)
        let leaving = Dictionary(grouping: plan.moves.filter { $0.from != nil }) { $0.from ?? $0.to }
        let updated = Dictionary(grouping: plan.updates, by: \.worker)
        let removed = Dictionary(grouping: removed) { before?.placements[$0]?.worker }
        let loads = Loads(plan)
        let width = loads.names.map(\.text.count).max() ?? 0
        for name in loads.names {
            guard arriving[name] != nil || leaving[name] != nil || updated[name] != nil || removed[name] != nil
            else { continue }
            let space = String(repeating: " ", count: width - name.text.count)
            text += "\(name)\(space)  \(loads.before[name] ?? 0) → \(loads.after[name] ?? 0)\n"
            for move in arriving[name] ?? [] { add("+", .green, move.symbol, Self.arrival(move)) }
            for move in leaving[name] ?? [] { add("-", .red, move.symbol, Self.departure(move)) }
            for symbol in removed[name] ?? [] { add("-", .red, symbol, "served by nobody from then on") }
            for update in updated[name] ?? [] { add("~", .yellow, update.symbol, change(update)) }
        }
        if !plan.unplaced.isEmpty {
            text += "no place\n"
            for unplaced in plan.unplaced { add("!", .red, unplaced.symbol, Self.reason(unplaced)) }
        }
    }

    private mutating func add(_ mark: String, _ colour: Terminal.Colour, _ symbol: Symbol, _ words: String) {
        text += Terminal.colouredData("  \(mark) \(symbol.name.uppercased())", colour) + "  \(words)\n"
    }

    private static func arrival(_ move: Plan.Move) -> String {
        let timeframes = move.timeframes.map(\.rawValue).joined(separator: " ")
        return (move.from.map { "from \($0), " } ?? "") + words(move.reason) + "  (\(timeframes))"
    }

    private static func departure(_ move: Plan.Move) -> String { "to \(move.to), \(words(move.reason))" }

    private func change(_ update: Plan.Update) -> String {
        guard let before else { return "timeframes or pin" }
        let current = before.placements[update.symbol]
        var words: [String] = []
        if current?.timeframes != update.timeframes {
            let was = current.map { ", was \($0.timeframes.map(\.rawValue).joined(separator: " "))" } ?? ""
            words.append("timeframes \(update.timeframes.map(\.rawValue).joined(separator: " "))\(was)")
        }
        if current?.isPinned != update.isPinned { words.append(update.isPinned ? "pinned" : "no longer pinned") }
        return words.joined(separator: "; ")
    }

    private static func reason(_ unplaced: Plan.Unplaced) -> String {
        let cause =
            switch unplaced.reason {
            case .noCapacity: "no worker has room"
            case .noActiveWorker: "no worker is active"
            }
        return cause + (unplaced.worker.map { ", stays with \($0)" } ?? "")
    }

    static func words(_ reason: Plan.MoveReason) -> String {
        switch reason {
        case .new: "new"
        case .strategy: "by the strategy"
        case .pinned: "pinned"
        case .workerGone: "its worker is gone"
        case .workerDraining: "its worker is draining"
        case .workerUnknown: "its worker is not registered"
        case .overCapacity: "its worker has more than its capacity"
        case .level: "levelling"
        }
    }

    /// One line on what the plan does and what it leaves alone.
    static func summary(_ plan: Plan, removed: [Symbol]) -> String {
        let new = plan.moves.count { $0.from == nil }
        var parts: [String] = []
        if new > 0 { parts.append("\(Terminal.grouped(new)) new") }
        let moved = plan.moves.count - new
        if moved > 0 { parts.append(Terminal.counted(moved, "move")) }
        if !plan.updates.isEmpty { parts.append("\(Terminal.grouped(plan.updates.count)) changed in place") }
        if !removed.isEmpty { parts.append("\(Terminal.grouped(removed.count)) removed") }
        if !plan.unplaced.isEmpty { parts.append("\(Terminal.grouped(plan.unplaced.count)) without a place") }
        // What changes in place stays too, but that is said already.
        let changed = Set(plan.updates.map(\.symbol))
        let stays = plan.stays.filter { !changed.contains($0.symbol) }
        if !stays.isEmpty { parts.append(summary(of: stays)) }
        return parts.isEmpty ? "no symbol" : parts.joined(separator: ", ")
    }

    private static func summary(of stays: [Plan.Stay]) -> String {
        let counts = Dictionary(grouping: stays, by: \.reason).mapValues(\.count)
        let words: [(Plan.StayReason, String)] = [
            (.pinned, "pinned"), (.notListed, "not named"), (.moveLimit, "beyond --max-moves"),
        ]
        let details = words.compactMap { reason, word in counts[reason].map { "\(Terminal.grouped($0)) \(word)" } }
        return "\(Terminal.grouped(stays.count)) \(stays.count == 1 ? "stays" : "stay")"
            + (details.isEmpty ? "" : " (\(details.joined(separator: ", ")))")
    }
}

/// A plan's loads by worker.
private struct Loads {
    let names: [WorkerName]
    let before: [WorkerName: Int]
    let after: [WorkerName: Int]

    init(_ plan: Plan) {
        before = Dictionary(plan.before.map { ($0.worker, $0.symbols) }) { first, _ in first }
        after = Dictionary(plan.after.map { ($0.worker, $0.symbols) }) { first, _ in first }
        var seen: Set<WorkerName> = []
        names = (plan.before + plan.after).map(\.worker).filter { seen.insert($0).inserted }
    }
}
