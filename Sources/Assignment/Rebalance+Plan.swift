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

    /// Keeps the first moves of served symbols, and takes the rest back: first the workers to be emptied, then those above
    /// their capacity, then levelling in the order in which it was found.
    fileprivate mutating func limitMoves(to limit: Int?, inOrder levelled: [Int]) {
        guard let limit else { return }
        func moved(_ wanted: Plan.MoveReason) -> [Int] {
            subjects.indices.filter {
                if case .moves(_, wanted) = subjects[$0].outcome { true } else { false }
            }
        }
        for subject in (moved(.workerDraining) + moved(.overCapacity) + levelled).dropFirst(max(0, limit)) {
            subjects[subject].outcome = .stays(.moveLimit)
        }
    }
}
