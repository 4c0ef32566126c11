package import Assignment
package import MarketData

/// What operators do with assignments, the same through HTTP and the command line: read, plan, and store the plan.
///
/// Blocking, one thread at a time, like its storage.
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
        /// As it is now; `before` when nothing was stored.
        package let after: StoredState
        /// The plan was carried out; false for a plan only, and for one without a change.
        package let isStored: Bool
    }

    package enum Result: Sendable {
        case done(Outcome)
        case repeated(answer: [UInt8])
    }

    package let storage: any AssignmentStorage

    package init(storage: any AssignmentStorage) { self.storage = storage }

    /// Capacity that does not suffice throws `noCapacity`, live or not, and changes nothing.
    package func dispatch(_ request: Dispatch, _ terms: Terms, as action: HistoryEntry.Action = .dispatch)
        throws(AssignmentError) -> Result
    { fatalError() }

    /// What finds no place stays where it is, in the plan's `unplaced`.
    package func rebalance(_ request: Rebalance, _ terms: Terms) throws(AssignmentError) -> Result { fatalError() }

    /// These symbols are served by nobody from here on; those that nobody serves are left alone. `nil`: all.
    package func remove(_ symbols: [Symbol]?, _ terms: Terms) throws(AssignmentError) -> Result { fatalError() }

    /// The file's rows become the whole assignment, or, with `keepsOthers`, join it. Each row's worker must be registered.
    package func importRows(_ file: AssignmentFile, timeframes: [Timeframe], keepsOthers: Bool, _ terms: Terms)
        throws(AssignmentError) -> Result
    { fatalError() }

    /// A known worker's address, capacity and weight are changed; it keeps its rank and is active.
    package func register(
        _ name: WorkerName, address: String, capacity: Int?, weight: Int, _ terms: Terms
    ) throws(AssignmentError) -> StoredState { fatalError() }

    /// An operator's word: active or draining.
    package func setState(_ state: Worker.State, of name: WorkerName, _ terms: Terms) throws(AssignmentError)
        -> StoredState
    { fatalError() }

    /// Refused while the worker has symbols, unless `abandons`: they then get another worker at the next rebalance.
    package func removeWorker(_ name: WorkerName, abandons: Bool, _ terms: Terms) throws(AssignmentError)
        -> StoredState
    { fatalError() }
}

package enum AssignmentError: Error, CustomStringConvertible {
    case plan(PlanError)
    case storage(StorageError)
    /// Some symbols found no place; nothing was changed.
    case noCapacity(Plan)
    /// A worker that is to be removed has symbols.
    case workerHasSymbols(WorkerName, count: Int)
    case unknownWorker(WorkerName, known: [WorkerName])
    /// Rows of a file that can't be taken, each with its line.
    case badFile([AssignmentFile.Problem])

    package var description: String {
        switch self {
        case .plan(let error): error.description
        case .storage(let error): error.description
        case .noCapacity(let plan):
            "\(plan.unplaced.count) symbols found no place: raise the capacity or add a worker"
        case .workerHasSymbols(let name, let count):
            "worker \(name) has \(count) symbols: set it to draining and rebalance first"
        case .unknownWorker(let name, let known):
            PlanError.unknownWorker(name, known: known).description
        case .badFile(let problems): problems.prefix(10).map(\.description).joined(separator: "\n")
        }
    }
}
