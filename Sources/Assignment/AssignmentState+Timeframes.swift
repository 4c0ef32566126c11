package import MarketData

extension AssignmentState {
    /// What it would do to give a placed symbol these timeframes in place of those it has: its worker and pin stay, whatever
    /// its worker does and has room for. Nothing for a symbol without a worker.
    package func plan(timeframes: [Timeframe], of symbol: Symbol) throws(PlanError) -> Plan {
        let timeframes = Placement.canonical(timeframes)
        guard !timeframes.isEmpty else { throw .noTimeframes }
        let rest = plan(removing: [])
        guard let placement = placements[symbol] else { return rest }
        let isChange = placement.timeframes != timeframes
        let update = Plan.Update(
            symbol: symbol, worker: placement.worker, timeframes: timeframes, isPinned: placement.isPinned)
        let stays = rest.stays.compactMap { stay in
            guard stay.symbol == symbol else { return stay }
            return isChange ? nil : Plan.Stay(symbol: symbol, worker: stay.worker, reason: .settled)
        }
        return Plan(
            version: version, moves: [], updates: isChange ? [update] : [], stays: stays, unplaced: [],
            before: rest.before, after: rest.after)
    }
}
