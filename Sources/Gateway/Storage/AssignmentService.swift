package import Assignment
package import MarketData

/// What operators do with assignments, the same through HTTP and the command line: read, plan, and store the plan.
///
/// Without a condition a change is planned anew when somebody else was faster, `attemptLimit` times; with one the client is told.
/// What changes nothing is not stored. Blocking, one thread at a time, like its storage.
package struct AssignmentService {
    /// How a request is to be carried out.
    package struct Terms: Sendable {
        /// False: the plan only, nothing changes.
        package var isLive: Bool
        /// The state that the client saw; with another one the request is refused. `nil`: whatever is stored.
        package var condition: StateTag?
        package var author: String
        /// The text and fingerprint of the client's Idempotency-Key.
        package var key: (text: String, fingerprint: String)?
        /// What the client will be answered, kept with the key.
        package var answer: @Sendable (Outcome) -> [UInt8]

        package init(
            isLive: Bool, condition: StateTag? = nil, author: String, key: (text: String, fingerprint: String)? = nil,
            answer: @escaping @Sendable (Outcome) -> [UInt8] = { _ in [] }
        ) {
            self.isLive = isLive
            self.condition = condition
            self.author = author
            self.key = key
            self.answer = answer
        }
    }

    package struct Outcome: Sendable {
        package let plan: Plan
        package let before: StoredState
        /// As it is now; `before` when nothing was stored. In what `Terms.answer` is given, who is to be served by another
        /// worker has the time 0, since only the storage knows it.
        package let after: StoredState
        /// Symbols that are served by nobody in the end, in the order of their names; no plan's moves tell them.
        package let removed: [Symbol]
        /// The plan was carried out; false for a plan only, and for one without a change.
        package let isStored: Bool
    }

    package enum Result: Sendable {
        case done(Outcome)
        case repeated(answer: [UInt8])
    }

    /// Somebody has stored a change each time that an attempt fails, so that all get their turn soon.
    static let attemptLimit = 32

    package let storage: any AssignmentStorage

    package init(storage: any AssignmentStorage) { self.storage = storage }

    /// Capacity that does not suffice throws `noCapacity`, live or not, and changes nothing.
    package func dispatch(_ request: Dispatch, _ terms: Terms, as action: HistoryEntry.Action = .dispatch)
        throws(AssignmentError) -> Result
    {
        try carryOut(action, terms) { state throws(AssignmentError) in
            let plan = try Self.planned { () throws(PlanError) in try state.plan(request) }
            guard plan.unplaced.isEmpty else { throw .noCapacity(plan) }
            return try Self.step(from: state, by: plan)
        }
    }

    /// What finds no place stays where it is, in the plan's `unplaced`.
    package func rebalance(_ request: Rebalance, _ terms: Terms) throws(AssignmentError) -> Result {
        try carryOut(.rebalance, terms) { state throws(AssignmentError) in
            try Self.step(from: state, by: try Self.planned { () throws(PlanError) in try state.plan(request) })
        }
    }

    /// These symbols are served by nobody from here on; those that nobody serves are left alone. `nil`: all.
    package func remove(_ symbols: [Symbol]?, _ terms: Terms) throws(AssignmentError) -> Result {
        try carryOut(symbols == nil ? .clear : .unsubscribe, terms) { state throws(AssignmentError) in
            let removed = symbols.map(Set.init) ?? Set(state.placements.keys)
            var next = state
            next.remove(Array(removed))
            return Step(plan: state.plan(removing: removed), next: next)
        }
    }

    /// The file's rows become the whole assignment, or, with `keepsOthers`, join it. Each row's worker must be registered,
    /// and have room. Symbols that are placed already keep their timeframes.
    package func importRows(_ file: AssignmentFile, timeframes: [Timeframe], keepsOthers: Bool, _ terms: Terms)
        throws(AssignmentError) -> Result
    {
        guard file.problems.isEmpty else { throw .badFile(file.problems) }
        return try carryOut(.import, terms) { state throws(AssignmentError) in
            let named = Set(file.rows.map(\.symbol))
            var base = state
            if !keepsOthers, !named.isEmpty { base.remove(state.placements.keys.filter { !named.contains($0) }) }
            let plan = try Self.planned { [base] () throws(PlanError) in
                try base.plan(rows: file.rows, timeframes: timeframes)
            }
            guard plan.unplaced.isEmpty else { throw .noCapacity(plan) }
            var step = try Self.step(from: base, by: plan)
            // What is removed counted before.
            step.plan.before = state.plan(removing: []).before
            return step
        }
    }
}

package enum AssignmentError: Error, CustomStringConvertible {
    case plan(PlanError)
    case storage(StorageError)
    /// Some symbols found no place; nothing was changed.
    case noCapacity(Plan)
    /// A worker that is to be removed has symbols.
    case workerHasSymbols(WorkerName, count: Int)
    case unknownWorker(WorkerName, known: [WorkerName])
    /// A worker that is to be registered, and nobody said where it is.
    case noAddress(WorkerName)
    /// A symbol that is to lose timeframes, and nobody serves it.
    case notAssigned(Symbol)
    /// Another worker is registered there.
    case addressTaken(String, by: WorkerName)
    /// Rows of a file that can't be taken, each with its line.
    case badFile([AssignmentFile.Problem])

    package var description: String {
        switch self {
        case .plan(let error): error.description
        case .storage(let error): error.description
        case .noCapacity(let plan):
            Self.sentence(unplaced: plan.unplaced)
        case .workerHasSymbols(let name, let count):
            "worker \(name) has \(count) \(count == 1 ? "symbol" : "symbols"): set it to draining and rebalance first, or "
                + "abandon them, so that they wait for the next rebalance"
        case .addressTaken(let address, let other):
            "address \(address) is worker \(other)'s: remove that one first, or name another address"
        case .unknownWorker(let name, let known):
            PlanError.unknownWorker(name, known: known).description
        case .notAssigned(let symbol): "\(symbol.name.uppercased()) is not assigned: nobody serves it"
        case .noAddress(let name):
            "worker \(name) is not registered; to register it, send its address (host:port), since its name is none"
        case .badFile(let problems):
            problems.prefix(Self.shown).map(\.description).joined(separator: "\n")
                + (problems.count > Self.shown ? "\nand \(problems.count - Self.shown) more" : "")
        }
    }

    /// What a sentence lists at most.
    private static let shown = 10

    private static func sentence(unplaced: [Plan.Unplaced]) -> String {
        let names = unplaced.prefix(shown).map { $0.symbol.name.uppercased() }.joined(separator: ", ")
        let rest = unplaced.count > shown ? " and \(unplaced.count - shown) more" : ""
        let remedy =
            unplaced.contains { $0.reason == .noActiveWorker }
            ? "no worker is active: register one, or wait until one is heard again"
            : "raise the capacity or add a worker"
        return
            "\(unplaced.count) \(unplaced.count == 1 ? "symbol" : "symbols") found no place (\(names)\(rest)); nothing was "
            + "changed; \(remedy)"
    }
}
