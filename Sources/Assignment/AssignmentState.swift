package import MarketData

/// All that is assigned, at one version: which worker serves which symbol, and the workers that are registered.
///
/// A value: plans are made from it and change nothing; `apply` makes the next version. Whoever stores it compares
/// versions, so that a plan is applied to what it was made from or not at all.
package struct AssignmentState: Equatable, Sendable {
    /// Grows by one with each change.
    package private(set) var version: Int64
    package private(set) var placements: [Symbol: Placement]
    package private(set) var workers: [WorkerName: Worker]
    /// The highest epoch of a symbol that is no longer placed: it goes on above it when it comes back.
    package private(set) var epochFloor: Epoch

    package init(
        version: Int64 = 0, placements: [Symbol: Placement] = [:], workers: [Worker] = [], epochFloor: Epoch = .none
    ) {
        self.version = version
        self.placements = placements
        self.workers = Dictionary(workers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.epochFloor = epochFloor
    }

    /// All workers in the order of their registration.
    package var registered: [Worker] { workers.values.sorted { ($0.order, $0.name) < ($1.order, $1.name) } }

    /// Who is registered at an address; the first of them.
    package func worker(at address: String) -> WorkerName? { registered.first { $0.address == address }?.name }

    /// Takes a worker in, or changes what is known of it; a known worker keeps its rank. It is active from here on.
    package mutating func register(_ name: WorkerName, address: String, capacity: Int? = nil, weight: Int = 1) {
        let order = workers[name]?.order ?? (workers.values.map(\.order).max().map { $0 + 1 } ?? 0)
        let worker = Worker(name: name, address: address, capacity: capacity, weight: weight, order: order)
        guard workers[name] != worker else { return }
        workers[name] = worker
        version += 1
    }

    /// Whether the worker is known.
    @discardableResult
    package mutating func setState(_ state: Worker.State, of name: WorkerName) -> Bool {
        guard let worker = workers[name] else { return false }
        guard worker.state != state else { return true }
        workers[name]?.state = state
        workers[name]?.wasDraining = state == .gone && worker.state == .draining
        version += 1
        return true
    }

    /// A worker that was gone is heard again: what an operator had made of it still holds.
    package mutating func welcomeBack(_ name: WorkerName) {
        guard let worker = workers[name], worker.state == .gone else { return }
        setState(worker.wasDraining ? .draining : .active, of: name)
    }

    /// Takes a worker out of the register. Its symbols keep their placements until a plan moves them.
    package mutating func removeWorker(_ name: WorkerName) {
        guard workers.removeValue(forKey: name) != nil else { return }
        version += 1
    }

    /// These symbols are served by nobody from here on.
    package mutating func remove(_ symbols: [Symbol]) {
        let removed = symbols.compactMap { placements.removeValue(forKey: $0) }
        guard !removed.isEmpty else { return }
        epochFloor = max(epochFloor, removed.map(\.epoch).max() ?? .none)
        version += 1
    }

    /// Carries a plan out. What the plan could not place stays as it is. A plan without a change makes no new version.
    ///
    /// - Parameters:
    ///   - now: milliseconds since 1970, by the storage's clock.
    ///   - reported: the highest epoch that any worker names for a symbol, where that is known.
    package mutating func apply(_ plan: Plan, at now: Int64, reported: [Symbol: Epoch] = [:]) throws(PlanError) {
        guard plan.version == version else { throw .outdated(planned: plan.version, current: version) }
        guard plan.isChange else { return }
        for move in plan.moves {
            let stored = max(placements[move.symbol]?.epoch ?? .none, epochFloor)
            placements[move.symbol] = Placement(
                worker: move.to, timeframes: move.timeframes,
                epoch: .following(stored, reported[move.symbol].flatMap { believes($0, of: move.symbol) ? $0 : nil }),
                isPinned: move.isPinned, assignedAt: now)
        }
        for update in plan.updates {
            placements[update.symbol]?.timeframes = update.timeframes
            placements[update.symbol]?.isPinned = update.isPinned
        }
        version += 1
    }

    /// After the storage may have lost writes: raises the epoch of each symbol that a worker reports at a higher one than is
    /// stored, so that the stored owner is the newest again; above the floor too, which lies above whatever nobody reports. The
    /// symbols whose epoch was raised, in order of their names.
    package mutating func raiseEpochs(above reported: [Symbol: Epoch]) -> [Symbol] {
        var raised: [Symbol] = []
        // As it was: reports have no order, and the result must not have one either.
        let floor = epochFloor
        for (symbol, epoch) in reported.filter({ believes($0.value, of: $0.key) }) {
            if let stored = placements[symbol]?.epoch {
                guard epoch > stored else { continue }
                placements[symbol]?.epoch = .following(max(stored, floor), epoch)
                raised.append(symbol)
            } else {
                epochFloor = max(epochFloor, epoch)
            }
        }
        if !raised.isEmpty { version += 1 }
        return raised.sorted { $0.name < $1.name }
    }

    /// Whether an epoch that a worker names can have been handed out.
    private func believes(_ epoch: Epoch, of symbol: Symbol) -> Bool {
        epoch.number <= Epoch.reportLimit || epoch <= max(epochFloor, placements[symbol]?.epoch ?? .none)
    }
}
