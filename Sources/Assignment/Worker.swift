/// A process that holds exchange sockets and serves symbols.
package struct Worker: Equatable, Sendable {
    package enum State: String, CaseIterable, Sendable {
        /// Serves and takes symbols · leaves to draining on an operator's word, to gone when its lease runs out.
        case active
        /// Serves what it has, takes nothing; a rebalance empties it · leaves to active on an operator's word, to gone
        /// when its lease runs out.
        case draining
        /// Its lease ran out: what it has is served by nobody · leaves to what it was before when it is heard
        /// again.
        case gone
    }

    /// Ranks in the order of registration.
    package static let orders = 0...1 << 31
    /// The relative share of the symbols that a worker takes.
    package static let weights = 1...100

    package let name: WorkerName
    /// `host:port` of its control API.
    package var address: String
    /// The most symbols it takes; `nil` for no limit.
    package var capacity: Int?
    /// In `weights`; a worker of weight 2 takes twice as much as one of weight 1.
    package let weight: Int
    package var state: State
    /// Of a worker that is gone: it was draining, and will be when it returns.
    package var wasDraining: Bool
    /// Rank in the order of registration. Ranks of workers that were removed stay unused.
    package let order: Int

    package init(
        name: WorkerName, address: String, capacity: Int? = nil, weight: Int = 1, state: State = .active,
        wasDraining: Bool = false, order: Int
    ) {
        self.name = name
        self.address = address
        self.capacity = capacity.map { max(0, $0) }
        self.weight = min(max(weight, Self.weights.lowerBound), Self.weights.upperBound)
        self.state = state
        self.wasDraining = wasDraining && state == .gone
        self.order = order
    }
}
