package import MarketData

extension AssignmentState {
    /// What it would do to put these rows' symbols where the rows say: an operator's word, also for pinned symbols, which
    /// lose their pin when they move. Symbols that have timeframes keep them. Whoever is where a row says stays there,
    /// whatever its worker does; all others need a worker that is active and has room.
    package func plan(rows: [AssignmentFile.Row], timeframes: [Timeframe]) throws(PlanError) -> Plan {
        guard !timeframes.isEmpty else { throw .noTimeframes }
        var draft = try Draft(
            self, listed: rows.map(\.symbol), timeframes: timeframes, replacesTimeframes: false)
        var targets: [Symbol: Int] = [:]
        for row in rows {
            guard let worker = workers[row.worker] else {
                throw .unknownWorker(row.worker, known: registered.map(\.name))
            }
            if let place = draft.roster.place(of: row.worker) {
                targets[row.symbol] = place
            } else if placements[row.symbol]?.worker != row.worker {
                throw .inactiveWorker(row.worker, worker.state)
            }
        }
        draft.place(at: targets)
        return draft.plan()
    }

    /// What is left when these symbols are removed: no moves, but the loads before and after.
    package func plan(removing symbols: Set<Symbol>) -> Plan {
        var rest = self
        rest.remove(Array(symbols))
        func loads(_ state: AssignmentState) -> [Plan.Load] {
            let counts = state.placements.values.reduce(into: [:]) { $0[$1.worker, default: 0] += 1 }
            let others = counts.keys.filter { workers[$0] == nil }.sorted()
            return (registered.map(\.name) + others).map {
                Plan.Load(worker: $0, symbols: counts[$0] ?? 0, weight: counts[$0] ?? 0)
            }
        }
        let stays = rest.placements.keys.sorted(by: Symbol.isOrdered).compactMap { symbol in
            rest.placements[symbol].map { Plan.Stay(symbol: symbol, worker: $0.worker, reason: .notListed) }
        }
        return Plan(
            version: version, moves: [], updates: [], stays: stays, unplaced: [], before: loads(self),
            after: loads(rest))
    }
}

extension Draft {
    /// Each of these symbols to the place that somebody chose for it.
    fileprivate mutating func place(at targets: [Symbol: Int]) {
        let chosen = subjects.indices.filter { targets[subjects[$0].symbol] != nil }
        place(chosen) { symbol in
            targets[symbol] ?? 0
        } reason: {
            .strategy
        }
    }
}
