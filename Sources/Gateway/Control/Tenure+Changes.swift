import Assignment
import MarketData
import Telemetry

/// What the controller stores. Each change is made of the newest state, and again when somebody else was faster.
extension Tenure {
    /// Times that a change is made anew.
    private static let attempts = 8

    /// `edit` gives false when there is nothing to store. Whether something was stored.
    @discardableResult
    private func store(
        _ action: HistoryEntry.Action, _ edit: (StoredState, inout AssignmentState) throws(PlanError) -> Bool
    ) throws(StorageError) -> Bool {
        guard var base = stored else { return false }
        for _ in 0..<Self.attempts {
            var next = base.state
            do throws(PlanError) {
                guard try edit(base, &next) else { return false }
            } catch {
                self.error = error.description
                Log.warning("Symbols can't be given another worker", ["reason": error.description], per: "plan")
                return false
            }
            do throws(StorageError) {
                let change = Change(from: base, to: next, action, by: "controller \(settings.name)")
                if case .stored(let new) = try storage.commit(change) { adopt(new) }
                return true
            } catch {
                guard case .conflict = error else { throw error }
                counts.conflicts += 1
            }
            base = try storage.read()
            adopt(base)
        }
        // Somebody writes all the time; the next turn goes on.
        return false
    }

    /// Workers of the settings that nobody registered.
    func registerWorkers() throws(StorageError) {
        let names = settings.workers.compactMap { WorkerName($0) }
        adopt(try storage.read())
        try store(.register) { base, next in
            let new = names.filter { base.state.workers[$0] == nil }
            for name in new { next.register(name, address: name.text) }
            return !new.isEmpty
        }
    }

    /// Raises the epochs of symbols that a worker serves under a higher one than is stored: the storage lost a write.
    func recoverEpochs() throws(StorageError) {
        guard mayLackEpochs || stored?.recovery != nil else { return }
        mayLackEpochs = false
        let reported = reconciler.reportedEpochs
        var raised: [Symbol] = []
        let isStored = try store(.recovery) { base, next in
            let known = reported.merging(base.recovery?.epochs ?? [:], uniquingKeysWith: max)
            raised = next.raiseEpochs(above: known)
            return next != base.state || base.recovery != nil
        }
        guard isStored else { return }
        counts.recoveries += 1
        Log.error(
            "Storage had lost changes, epochs were raised above what workers report",
            ["symbols": "\(raised.count)", "symbol.first": raised.first?.name ?? ""])
    }

    /// Who was not heard for a lease is gone; who is heard again is active.
    func storeWorkerStates() throws(StorageError) {
        let left = workers { $0.state != .gone && gone.contains($0.name) }
        if !left.isEmpty {
            try store(.gone) { base, next in
                for name in left where base.state.workers[name].map({ $0.state != .gone }) ?? false {
                    next.setState(.gone, of: name)
                }
                return next != base.state
            }
            counts.workersGone += left.count
            Log.error(
                "Worker is gone, its symbols get another one",
                ["workers": left.map(\.text).joined(separator: ", ")])
        }
        let back = workers { $0.state == .gone && !gone.contains($0.name) && contacts[$0.name]?.lastHeard != nil }
        guard !back.isEmpty else { return }
        try store(.returned) { base, next in
            for name in back where base.state.workers[name]?.state == .gone { next.setState(.active, of: name) }
            return next != base.state
        }
        counts.workersReturned += back.count
        Log.info("Worker is heard again", ["workers": back.map(\.text).joined(separator: ", ")])
    }

    private func workers(_ isMeant: (Worker) -> Bool) -> [WorkerName] {
        (stored?.state.registered ?? []).filter(isMeant).map(\.name)
    }

    /// Symbols of workers that are gone get others; nothing else moves.
    func replaceSymbolsOfGone() throws(StorageError) {
        guard let stored, replacedTag != stored.tag else { return }
        replacedTag = stored.tag
        let lost = Set(workers { $0.state == .gone })
        guard stored.state.placements.values.contains(where: { lost.contains($0.worker) }) else { return }
        let reported = reconciler.reportedEpochs
        var plan: Plan?
        let isStored = try store(.rebalance) { base, next throws(PlanError) in
            let made = try base.state.plan(Rebalance(levels: false))
            plan = made
            try next.apply(made, at: 0, reported: reported)
            return made.isChange
        }
        replacedTag = self.stored?.tag
        guard let plan else { return }
        if isStored {
            counts.symbolsReplaced += plan.moves.count
            Log.info("Symbols of workers that are gone have others", ["symbols": "\(plan.moves.count)"])
        }
        if !plan.unplaced.isEmpty {
            Log.error(
                "Symbols are served by nobody: no worker has room",
                ["symbols": "\(plan.unplaced.count)", "symbol.first": plan.unplaced.first?.symbol.name ?? ""])
        }
    }

    /// A lease's time after the last change of the workers, so that one that restarts is back before anything moves.
    func levelLoads() throws(StorageError) {
        guard let at = levelsAt, .now >= at, let stored else { return }
        levelsAt = nil
        guard settings.autoRebalance != .off else { return }
        let reported = reconciler.reportedEpochs
        var plan: Plan?
        if settings.autoRebalance == .live {
            try store(.rebalance) { base, next throws(PlanError) in
                let made = try base.state.plan(Rebalance())
                plan = made
                try next.apply(made, at: 0, reported: reported)
                return made.isChange
            }
        } else {
            plan = try? stored.state.plan(Rebalance())
        }
        guard let plan, plan.isChange else { return }
        let moves = plan.moves.prefix(10).map { "\($0.symbol) \($0.from?.text ?? "nobody") → \($0.to)" }
        Log.info(
            "Loads to be levelled after a change of the workers",
            [
                "mode": settings.autoRebalance.rawValue, "moves": "\(plan.moves.count)",
                "moves.first": moves.joined(separator: ", "),
            ])
    }

    /// Says what is pending when that changed, or when the newest state was looked at for the first time.
    func postProgress() throws(StorageError) {
        guard let stored else { return }
        if isChanged {
            let isComplete = contacts.values.allSatisfy { $0.status != nil || $0.error != nil }
            progress.look(
                at: stored.tag, reconciler.pending, isSettled: reconciler.isSettled, isComplete: isComplete, now: .now)
        }
        isChanged = false
        guard let due = progress.due(now: .now) else { return }
        try storage.post(due)
        progress.posted(due, now: .now)
    }
}
