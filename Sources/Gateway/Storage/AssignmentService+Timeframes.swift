import Assignment
package import MarketData

/// The timeframes of one symbol. They are made of the state that the change is made of: nobody else's are lost.
extension AssignmentService {
    /// The symbol gets these timeframes beside those it has. With a worker it keeps it, without one it gets one by `least`.
    package func subscribe(_ symbol: Symbol, _ timeframes: [Timeframe], _ terms: Terms) throws(AssignmentError)
        -> Result
    {
        try carryOut(.subscribe, terms) { state throws(AssignmentError) in
            let plan = try Self.planned { () throws(PlanError) in
                if let placement = state.placements[symbol] {
                    return try state.plan(timeframes: timeframes + placement.timeframes, of: symbol)
                }
                return try state.plan(Dispatch([symbol], by: .least, timeframes: timeframes))
            }
            guard plan.unplaced.isEmpty else { throw .noCapacity(plan) }
            return try Self.step(from: state, by: plan)
        }
    }

    /// The symbol keeps its worker and the timeframes that are not named; without any, or when none are named, nobody serves
    /// it.
    package func unsubscribe(_ symbol: Symbol, _ timeframes: [Timeframe]?, _ terms: Terms) throws(AssignmentError)
        -> Result
    {
        try carryOut(.unsubscribe, terms) { state throws(AssignmentError) in
            guard let placement = state.placements[symbol] else { throw .notAssigned(symbol) }
            let rest = placement.timeframes.filter { timeframes?.contains($0) == false }
            if rest.isEmpty {
                var next = state
                next.remove([symbol])
                return Step(plan: state.plan(removing: [symbol]), next: next)
            }
            let plan = try Self.planned { () throws(PlanError) in try state.plan(timeframes: rest, of: symbol) }
            return try Self.step(from: state, by: plan)
        }
    }
}
