import Assignment
import MarketData
import Telemetry

/// What the controller stores. Each change is made of the newest state, and again when somebody else was faster.
extension Tenure {
    /// Times that a change is made anew.
    private static let attempts = 8

    /// What came of a change.
    private enum Stored {
        case done
        /// The newest state needs no change, or none can be made of it.
        case needless
        /// Somebody else was faster each time, or the lease is over: the next turn begins anew.
        case gaveUp
    }

    /// `edit` gives false when there is nothing to store.
    private func store(
        _ action: HistoryEntry.Action, _ mayAct: () -> Bool,
        _ edit: (StoredState, inout AssignmentState) throws(PlanError) -> Bool
    ) throws(StorageError) -> Stored {
        guard var base = stored else { return .gaveUp }
        for _ in 0..<Self.attempts {
            var next = base.state
            do throws(PlanError) {
                guard try edit(base, &next) else { return .needless }
            } catch {
                self.error = error.description
                Log.warning("Symbols can't be given another worker", ["reason": error.description], per: "plan")
                return .needless
            }
            guard mayAct() else { return .gaveUp }
            do throws(StorageError) {
                let change = Change(from: base, to: next, action, by: "controller \(settings.name)")
                if case .stored(let new) = try storage.commit(change) { adopt(new) }
                return .done
            } catch {
                guard case .conflict = error else { throw error }
                counts.conflicts += 1
            }
            guard mayAct() else { return .gaveUp }
            base = try storage.read()
            adopt(base)
        }
        return .gaveUp
    }

    /// Workers of the settings that nobody registered. Whether all that can be are.
    func registerWorkers(_ mayAct: () -> Bool) throws(StorageError) -> Bool {
        let names = settings.workers.compactMap { WorkerName($0) }
        adopt(try storage.read())
        let result = try store(.register, mayAct) { base, next in
            for name in names where next.workers[name] == nil {
                if let other = next.worker(at: name.text) {
                    Log.warning(
                        "Worker of the settings is registered under another name",
                        ["worker": other.text, "address": name.text], per: name.text)
                } else {
                    next.register(name, address: name.text)
                }
            }
            return next != base.state
        }
        return result != .gaveUp
    }

    /// Raises the epochs of symbols that a worker serves under a higher one than is stored: the storage lost a write.
    func recoverEpochs(_ mayAct: () -> Bool) throws(StorageError) {
        guard mayLackEpochs || stored?.recovery != nil else { return }
        let reported = reconciler.reportedEpochs
        var raised: [Symbol] = []
        let result = try store(.recovery, mayAct) { base, next in
            let known = reported.merging(base.recovery?.epochs ?? [:], uniquingKeysWith: max)
            raised = next.raiseEpochs(above: known)
            return next != base.state || base.recovery != nil
        }
        guard result != .gaveUp else { return }
        mayLackEpochs = false
        guard result == .done else { return }
        counts.recoveries += 1
        Log.error(
            "Storage had lost changes, epochs were raised above what workers report",
            ["symbols": "\(raised.count)", "symbol.first": raised.first?.name ?? ""])
    }

    /// Who was not heard for a lease is gone; who is heard again is what it was before.
    func storeWorkerStates(_ mayAct: () -> Bool) throws(StorageError) {
        let left = workers { $0.state != .gone && gone.contains($0.name) }
        if !left.isEmpty {
            let result = try store(.gone, mayAct) { base, next in
                // A state that was read meanwhile may have another worker under the name.
                for name in left where gone.contains(name) && base.state.workers[name]?.state != .gone {
                    next.setState(.gone, of: name)
                }
                return next != base.state
            }
            if result == .done {
                counts.workersGone += left.count
                Log.error(
                    "Worker is gone, its symbols get another one",
                    ["workers": left.map(\.text).joined(separator: ", ")])
            }
        }
        let back = workers { $0.state == .gone && !gone.contains($0.name) && contacts[$0.name]?.lastHeard != nil }
        guard !back.isEmpty, mayAct() else { return }
        let result = try store(.returned, mayAct) { base, next in
            for name in back where !gone.contains(name) { next.welcomeBack(name) }
            return next != base.state
        }
        guard result == .done else { return }
        counts.workersReturned += back.count
        Log.info("Worker is heard again", ["workers": back.map(\.text).joined(separator: ", ")])
    }

    private func isDoubtful(_ worker: Worker) -> Bool {
        worker.state == .active
            && (contacts[worker.name]?.lastHeard.map { .now - $0 > settings.lease.duration / 2 } ?? true)
    }

    private func workers(_ isMeant: (Worker) -> Bool) -> [WorkerName] {
        (stored?.state.registered ?? []).filter(isMeant).map(\.name)
    }

    /// Symbols of workers that are gone get others; nothing else moves. A worker that was not heard for half a lease may
    /// have died with them: it takes none until it is heard, and where nobody else is, they stay where they are.
    func replaceSymbolsOfGone(_ mayAct: () -> Bool) throws(StorageError) {
        guard let stored, replacedTag != stored.tag else { return }
        let lost = Set(workers { $0.state == .gone })
        guard stored.state.placements.values.contains(where: { lost.contains($0.worker) }) else {
            replacedTag = stored.tag
            return
        }
        let reported = reconciler.reportedEpochs
        var plan: Plan?
        var doubtful: [WorkerName] = []
        let result = try store(.rebalance, mayAct) { base, next throws(PlanError) in
            var willing = base.state
            doubtful = base.state.registered.filter(isDoubtful).map(\.name)
            for name in doubtful { willing.setState(.draining, of: name) }
            let made = try willing.plan(Rebalance(levels: false))
            plan = made
            try next.apply(made, at: 0, reported: reported)
            return made.isChange
        }
        guard result != .gaveUp else { return }
        guard let plan else {
            replacedTag = self.stored?.tag
            return
        }
        if result == .done {
            counts.symbolsReplaced += plan.moves.count
            Log.info("Symbols of workers that are gone have others", ["symbols": "\(plan.moves.count)"])
        }
        guard plan.unplaced.isEmpty || doubtful.isEmpty else { return }
        replacedTag = self.stored?.tag
        if !plan.unplaced.isEmpty {
            Log.error(
                "Symbols are served by nobody: no worker has room",
                ["symbols": "\(plan.unplaced.count)", "symbol.first": plan.unplaced.first?.symbol.name ?? ""])
        }
    }

    /// A lease's time after the last change of the workers, so that one that restarts is back before anything moves.
    func levelLoads(_ mayAct: () -> Bool) throws(StorageError) {
        guard let at = levelsAt, .now >= at, let stored else { return }
        guard settings.autoRebalance != .off else {
            levelsAt = nil
            return
        }
        let reported = reconciler.reportedEpochs
        var plan: Plan?
        if settings.autoRebalance == .live {
            let result = try store(.rebalance, mayAct) { base, next throws(PlanError) in
                let made = try base.state.plan(Rebalance())
                plan = made
                try next.apply(made, at: 0, reported: reported)
                return made.isChange
            }
            guard result != .gaveUp else { return }
        } else {
            plan = try? stored.state.plan(Rebalance())
        }
        // A state that was adopted meanwhile may have set another time.
        if levelsAt == at { levelsAt = nil }
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
            reconciler.workOut()
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
