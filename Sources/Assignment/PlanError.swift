package enum PlanError: Error, Equatable, CustomStringConvertible {
    case noSymbols
    case noTimeframes
    case tooManySymbols(count: Int)
    case noWorkers
    case unknownWorker(WorkerName, known: [WorkerName])
    case inactiveWorker(WorkerName, Worker.State)
    /// The state changed after the plan was made.
    case outdated(planned: Int64, current: Int64)

    package static let symbolLimit = 100_000

    package var description: String {
        switch self {
        case .noSymbols: "symbols: at least one is needed"
        case .noTimeframes: "timeframes: at least one is needed"
        case .tooManySymbols(let count): "symbols: at most \(Self.symbolLimit) in one request (got \(count))"
        case .noWorkers: "no worker is active: register one, or wait until one is heard again"
        case .unknownWorker(let name, let known):
            "worker \(name) is not registered"
                + (known.isEmpty ? "" : "; known: \(known.prefix(10).map(\.text).joined(separator: ", "))")
        case .inactiveWorker(let name, let state): "worker \(name) is \(state.rawValue) and takes no symbols"
        case .outdated(let planned, let current):
            "the assignments changed (planned at version \(planned), now \(current)): plan again"
        }
    }
}
