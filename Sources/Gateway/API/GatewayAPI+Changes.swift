import Assignment
import Configuration
import HTTP
import MarketData

/// The routes that change assignments.
extension GatewayAPI {
    private static let leastCapacity = 20
    private static let capacities = 1...PlanError.symbolLimit

    static func dispatch(_ write: WriteRequest) throws(Refusal) -> Response {
        let members = try RequestMembers(
            write.request,
            known: ["symbols", "strategy", "worker", "capacity", "timeframes", "tfs", "live", "unpins"])
        let symbols = try members.symbols("symbols")
        let strategy = try strategy(members)
        let timeframes = try members.timeframes() ?? write.settings.timeframes
        let isLive = try members.boolean("live", default: true)
        let capacity = try members.integer("capacity", capacities)
        let unpins = try members.boolean("unpins", default: false)
        guard let symbols, !symbols.isEmpty else { throw .noSymbols }
        let request = Dispatch(
            symbols, by: strategy, timeframes: timeframes,
            capacity: capacity ?? (strategy == .least ? leastCapacity : nil), unpins: unpins)
        return try write.carryOut(isLive: isLive) { outcome in
            let words = symbols.count == 1 ? "symbole assigné" : "symboles assignés"
            let message = isLive ? "Dispatch réussi. \(symbols.count) \(words)" : planOnly
            return PlanAnswer.body(
                outcome, .assignments(symbols), isLive: isLive, message: message)
        } _: { [service = write.service] terms throws(AssignmentError) in
            try service.dispatch(request, terms)
        }
    }

    /// A worker that is named decides, whatever the strategy: the predecessor's rule. Web forms send "" for none.
    private static func strategy(_ members: RequestMembers) throws(Refusal) -> Strategy {
        let word = try members.string("strategy") ?? "hash"
        if let worker = try members.string("worker"), !worker.isEmpty {
            guard ["hash", "least", "modulo", "worker"].contains(word) else { throw invalid(word) }
            guard let name = WorkerName(worker) else { throw .unknownWorker(worker, known: []) }
            return .worker(name)
        }
        switch word {
        case "hash": return .hash
        case "least": return .least
        case "modulo": return .modulo
        default: throw invalid(word)
        }
    }

    private static func invalid(_ strategy: String) -> Refusal {
        .predecessors(
            "Invalid strategy", "invalid_strategy",
            strategy == "worker"
                ? "worker: is needed with the strategy \"worker\""
                : "strategy: must be hash, least, modulo or worker (got \(JSONValue.string(strategy).excerpt))")
    }

    static func rebalance(_ write: WriteRequest) throws(Refusal) -> Response {
        let members = try RequestMembers(
            write.request, known: ["symbols", "timeframes", "tfs", "live", "capacity", "max_moves", "unpins"])
        let isAll = members.isWord("symbols", "all")
        let symbols = isAll ? nil : try members.symbols("symbols")
        let request = Rebalance(
            symbols: symbols, timeframes: try members.timeframes() ?? write.settings.timeframes,
            capacity: try members.integer("capacity", capacities),
            moveLimit: try members.integer("max_moves", 0...PlanError.symbolLimit),
            unpins: try members.boolean("unpins", default: false))
        let isLive = try members.boolean("live", default: true)
        guard isAll || symbols?.isEmpty == false else {
            throw .predecessors(
                "No symbols provided", "no_symbols", "symbols: must be \"all\", or an array of at least one symbol")
        }
        return try write.carryOut(isLive: isLive) { outcome in
            let count = PlanAnswer.movedCount(outcome.plan)
            return PlanAnswer.body(
                outcome, .moves, isLive: isLive,
                message: isLive ? "Rebalancement réussi. \(count) symboles déplacés" : planOnly)
        } _: { [service = write.service] terms throws(AssignmentError) in
            try service.rebalance(request, terms)
        }
    }

    /// The symbol gets these timeframes beside those it has, and a worker if it has none.
    static func subscribe(_ write: WriteRequest) throws(Refusal) -> Response {
        let members = try RequestMembers(write.request, known: ["symbol", "timeframes", "tfs", "live"])
        let isLive = try members.boolean("live", default: true)
        guard let symbol = try members.symbol("symbol") else { throw badRequest("symbol: is needed") }
        guard let timeframes = try members.timeframes(), !timeframes.isEmpty else {
            throw badRequest("timeframes (or tfs): at least one is needed")
        }
        return try write.carryOut(isLive: isLive) { outcome in
            PlanAnswer.body(
                outcome, .assignments([symbol]), isLive: isLive,
                message: isLive ? "Subscribed \(symbol.name.uppercased()): \(spelled(timeframes))" : planOnly)
        } _: { [service = write.service] terms throws(AssignmentError) in
            try service.subscribe(symbol, timeframes, terms)
        }
    }

    /// The symbol keeps the timeframes that are not named; without any, or when none are named, nobody serves it.
    static func unsubscribe(_ write: WriteRequest) throws(Refusal) -> Response {
        let members = try RequestMembers(write.request, known: ["symbol", "timeframes", "tfs", "live"])
        let isLive = try members.boolean("live", default: true)
        let timeframes = try members.timeframes()
        guard let symbol = try members.symbol("symbol") else { throw badRequest("symbol: is needed") }
        return try write.carryOut(isLive: isLive) { outcome in
            PlanAnswer.body(
                outcome, .assignments(outcome.removed.isEmpty ? [symbol] : []), isLive: isLive,
                message: isLive
                    ? "Unsubscribed \(symbol.name.uppercased())" + (timeframes.map { ": " + spelled($0) } ?? "")
                    : planOnly)
        } _: { [service = write.service] terms throws(AssignmentError) in
            try service.unsubscribe(symbol, timeframes, terms)
        }
    }

    /// The predecessor said the same of a plan as of what it had done.
    private static let planOnly = "A plan: nothing was changed"

    static func importFile(_ write: WriteRequest) throws(Refusal) -> Response {
        try expectQuery(write.request, ["live", "keep_others", "timeframes"])
        let isLive = try flag(write.request, "live", default: true)
        let keepsOthers = try flag(write.request, "keep_others", default: false)
        var timeframes = write.settings.timeframes
        if let text = write.request.query("timeframes") {
            timeframes = []
            for word in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let timeframe = Timeframe(rawValue: String(word)) else {
                    throw .query("timeframes", RequestMembers.timeframesExpected, got: String(word))
                }
                timeframes.append(timeframe)
            }
        }
        guard let text = String(validating: write.request.body, as: UTF8.self) else {
            throw Refusal(400, "bad_file", "the body: must be UTF-8")
        }
        let file = AssignmentFile(text)
        guard !file.rows.isEmpty || !file.problems.isEmpty else {
            throw Refusal(400, "no_symbols", "the file has no rows: symbol,worker,assigned_at expected")
        }
        let symbols = file.rows.map(\.symbol)
        return try write.carryOut(isLive: isLive) { outcome in
            PlanAnswer.body(
                outcome, .assignments(symbols), isLive: isLive,
                message: isLive ? "Imported \(symbols.count) row\(symbols.count == 1 ? "" : "s")" : planOnly)
        } _: { [service = write.service] terms throws(AssignmentError) in
            try service.importRows(file, timeframes: timeframes, keepsOthers: keepsOthers, terms)
        }
    }

    /// A name that looks like a typing error is refused, as in a body; others are ignored.
    static func expectQuery(_ request: Request, _ known: [String]) throws(Refusal) {
        for (name, _) in request.query where !known.contains(name) {
            guard let meant = Suggestion.nearest(to: name.lowercased(), among: known) else { continue }
            throw Refusal(
                400, "bad_query", "\(JSONValue.string(name).excerpt): no such parameter; did you mean \(meant)?")
        }
    }

    static func flag(_ request: Request, _ name: String, default standard: Bool) throws(Refusal) -> Bool {
        switch request.query(name) {
        case nil: return standard
        case "true": return true
        case "false": return false
        case .some(let text): throw .query(name, "true or false", got: text)
        }
    }

    private static func badRequest(_ detail: String) -> Refusal {
        .predecessors("bad_request", "bad_request", detail)
    }

    private static func spelled(_ timeframes: [Timeframe]) -> String {
        timeframes.map(\.rawValue).joined(separator: ", ")
    }
}
