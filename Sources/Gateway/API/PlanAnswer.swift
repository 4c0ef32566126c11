package import Assignment
package import MarketData
package import Telemetry

/// The answer to a dispatch, a rebalance or an import: the predecessor's members first, then the plan.
package enum PlanAnswer {
    /// The members between `message` and `live`, which the predecessor's clients read.
    enum Shape: Sendable {
        /// `{"BTCUSDT": "worker"}` of these symbols, where they have one.
        case assignments([Symbol])
        /// `{"BTCUSDT": ["old", "new"]}` of those that change their worker.
        case moves
    }

    static func body(_ outcome: AssignmentService.Outcome, _ shape: Shape, isLive: Bool, message: String) -> [UInt8] {
        var json = JSONWriter(reserving: 1_024 + outcome.plan.moves.count * 160)
        json.object { json in
            json.member("ok", true)
            json.member("message", message)
            switch shape {
            case .assignments(let symbols):
                json.member("assignments", object: { write(symbols, outcome, &$0) })
            case .moves:
                json.member(
                    "moves",
                    object: { json in
                        for move in outcome.plan.moves {
                            guard let from = move.from else { continue }
                            json.member(move.symbol.name.uppercased(), [from.text, move.to.text])
                        }
                    })
            }
            json.member("live", isLive)
            json.member("stored", outcome.isStored)
            json.member("plan", object: { write(outcome.plan, outcome.removed, isLive: isLive, &$0) })
        }
        return json.bytes
    }

    /// Symbols that change their worker, as the predecessor counted.
    static func movedCount(_ plan: Plan) -> Int { plan.moves.count { $0.from != nil } }

    private static func write(
        _ symbols: [Symbol], _ outcome: AssignmentService.Outcome, _ json: inout JSONWriter
    ) {
        let moved = Dictionary(outcome.plan.moves.map { ($0.symbol, $0.to) }, uniquingKeysWith: { first, _ in first })
        for symbol in symbols.sorted(by: Symbol.isOrdered) {
            guard let worker = moved[symbol] ?? outcome.before.state.placements[symbol]?.worker else { continue }
            json.member(symbol.name.uppercased(), worker.text)
        }
    }

    /// What stays is listed in a plan only: a change's answer is kept for its repetition.
    package static func write(_ plan: Plan, _ removed: [Symbol], isLive: Bool, _ json: inout JSONWriter) {
        json.member("moves", array: { json in for move in plan.moves { write(move, &json) } })
        json.member(
            "updates",
            array: { json in
                for update in plan.updates {
                    json.object { json in
                        json.member("symbol", update.symbol.name.uppercased())
                        json.member("worker", update.worker.text)
                        json.member("timeframes", update.timeframes.map(\.rawValue))
                        json.member("pinned", update.isPinned)
                    }
                }
            })
        json.member("removed", removed.map { $0.name.uppercased() })
        json.member("unplaced", array: { write(unplaced: plan.unplaced, &$0) })
        json.member("stays_count", plan.stays.count)
        if !isLive {
            json.member(
                "stays",
                array: { json in
                    for stay in plan.stays { write(stay.symbol, stay.worker, stay.reason.rawValue, &json) }
                })
        }
        json.member("before", array: { write(plan.before, &$0) })
        json.member("after", array: { write(plan.after, &$0) })
    }

    static func write(unplaced: [Plan.Unplaced], _ json: inout JSONWriter) {
        for one in unplaced { write(one.symbol, one.worker, one.reason.rawValue, &json) }
    }

    private static func write(_ move: Plan.Move, _ json: inout JSONWriter) {
        json.object { json in
            json.member("symbol", move.symbol.name.uppercased())
            json.member("from", move.from?.text)
            json.member("to", move.to.text)
            json.member("timeframes", move.timeframes.map(\.rawValue))
            json.member("pinned", move.isPinned)
            json.member("reason", move.reason.rawValue)
        }
    }

    private static func write(_ symbol: Symbol, _ worker: WorkerName?, _ reason: String, _ json: inout JSONWriter) {
        json.object { json in
            json.member("symbol", symbol.name.uppercased())
            json.member("worker", worker?.text)
            json.member("reason", reason)
        }
    }

    private static func write(_ loads: [Plan.Load], _ json: inout JSONWriter) {
        for load in loads {
            json.object { json in
                json.member("worker", load.worker.text)
                json.member("symbols", load.symbols)
                json.member("weight", load.weight)
            }
        }
    }
}
