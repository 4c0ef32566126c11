import MarketData

extension AssignmentState {
    /// What a rebalance would do. A second one plans nothing.
    ///
    /// By count the loads of workers that may give and take end at most one symbol apart; by weight no load ends above
    /// 1.10 of the mean, as far as moving single symbols can bring it there. Pins, capacities and the move limit go first.
    package func plan(_ rebalance: Rebalance) throws(PlanError) -> Plan {
        var draft = try Draft(
            self, listed: rebalance.symbols, timeframes: rebalance.timeframes, replacesTimeframes: false,
            capacity: rebalance.capacity, rates: rebalance.rates, unpins: rebalance.unpins)
        let unserved = draft.unserved
        if unserved.contains(where: { $0.reason == .new }), rebalance.timeframes.isEmpty { throw .noTimeframes }
        draft.placeHeaviestFirst(unserved)
        if rebalance.levels {
            draft.placeHeaviestFirst(draft.drained)
            draft.placeHeaviestFirst(draft.liftExcess().map { ($0, .overCapacity) })
            draft.holdsMoves = rebalance.moveLimit != nil
            let moved = draft.isMeasured ? draft.levelWeights() : draft.levelCounts()
            draft.limitMoves(to: rebalance.moveLimit, inOrder: moved)
        }
        return draft.plan()
    }
}

extension Draft {
    /// Listed symbols that nobody serves.
    fileprivate var unserved: [(subject: Int, reason: Plan.MoveReason)] {
        orphans.filter { $0.reason != .workerDraining }
    }

    fileprivate var drained: [(subject: Int, reason: Plan.MoveReason)] {
        orphans.filter { $0.reason == .workerDraining }
    }

    private var orphans: [(subject: Int, reason: Plan.MoveReason)] {
        subjects.indices.compactMap { subject in
            guard subjects[subject].isListed, let need = need(of: subject) else { return nil }
            return (subject, need)
        }
    }

    /// Keeps the first moves of served symbols for which there is room without the others, and takes the rest back: first
    /// the workers to be emptied, then those above their capacity, then levelling in the order in which it was found.
    fileprivate mutating func limitMoves(to limit: Int?, inOrder levelled: [Int]) {
        let order = moved(.workerDraining) + moved(.overCapacity) + levelled
        guard let limit, order.count > limit else { return }
        for subject in order { takeBack(subject) }
        var kept = 0
        for subject in order {
            guard case .moves(let place, _) = subjects[subject].outcome else { continue }
            if kept < limit, roster.hasRoom(place) {
                lift(subject)
                roster.add(subjects[subject].weight, to: place)
                kept += 1
            } else {
                subjects[subject].outcome = .stays(.moveLimit)
            }
        }
    }

    private func moved(_ wanted: Plan.MoveReason) -> [Int] {
        subjects.indices.filter { subject in
            guard case .moves(_, let reason) = subjects[subject].outcome else { return false }
            return reason == wanted
        }
    }

    /// On the roster only; the outcome says where it would go.
    private mutating func takeBack(_ subject: Int) {
        guard case .moves(let place, _) = subjects[subject].outcome else { return }
        roster.remove(subjects[subject].weight, from: place)
        if let place = subjects[subject].place { roster.add(subjects[subject].weight, to: place) }
    }
}
