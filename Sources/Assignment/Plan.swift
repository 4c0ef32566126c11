package import MarketData

/// What a dispatch or a rebalance would do. A value that changes nothing until it is applied.
///
/// The same state and the same request give the same plan on every machine and in every version. Lists are in the order of
/// the symbols' names, loads in the order of registration.
package struct Plan: Equatable, Sendable {
    /// A symbol gets a worker, or another one.
    package struct Move: Equatable, Sendable {
        package let symbol: Symbol
        /// `nil` for a symbol that had no worker.
        package let from: WorkerName?
        package let to: WorkerName
        package let timeframes: [Timeframe]
        package let isPinned: Bool
        package let reason: MoveReason
    }

    package enum MoveReason: String, Sendable {
        /// It had no worker.
        case new
        /// The strategy has its place elsewhere.
        case strategy
        /// An operator named the worker.
        case pinned
        /// Its worker's lease ran out.
        case workerGone = "worker_gone"
        case workerDraining = "worker_draining"
        /// Its worker is not registered.
        case workerUnknown = "worker_unknown"
        /// Its worker has more than its capacity.
        case overCapacity = "over_capacity"
        /// To bring the loads closer to each other.
        case level
    }

    /// The worker stays; timeframes or pin change.
    package struct Update: Equatable, Sendable {
        package let symbol: Symbol
        package let worker: WorkerName
        package let timeframes: [Timeframe]
        package let isPinned: Bool
    }

    package struct Stay: Equatable, Sendable {
        package let symbol: Symbol
        package let worker: WorkerName
        package let reason: StayReason
    }

    package enum StayReason: String, Sendable {
        case pinned
        /// It is where the strategy wants it, or moving it would not help.
        case settled
        /// The request did not name it.
        case notListed = "not_listed"
        /// It would move if `--max-moves` were larger.
        case moveLimit = "move_limit"
    }

    package struct Unplaced: Equatable, Sendable {
        package let symbol: Symbol
        /// Where it stays meanwhile.
        package let worker: WorkerName?
        package let reason: UnplacedReason
    }

    package enum UnplacedReason: String, Sendable {
        /// Every worker it may go to has as many symbols as it takes.
        case noCapacity = "no_capacity"
        case noActiveWorker = "no_active_worker"
    }

    /// What one worker has.
    package struct Load: Equatable, Sendable {
        package let worker: WorkerName
        package let symbols: Int
        /// Thousandths of a message a second; one unit a symbol where nothing was measured.
        package let weight: Int
    }

    /// The state's version that the plan was made from.
    package let version: Int64
    package let moves: [Move]
    package let updates: [Update]
    package let stays: [Stay]
    package let unplaced: [Unplaced]
    package var before: [Load]
    package let after: [Load]

    package var isChange: Bool { !moves.isEmpty || !updates.isEmpty }
}
