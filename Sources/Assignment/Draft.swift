import MarketData

/// A plan in the making: every symbol concerned, where it is, and what becomes of it.
struct Draft {
    struct Subject {
        let symbol: Symbol
        let current: Placement?
        /// The current worker's place in the roster; `nil` without an active worker.
        let place: Int?
        let isListed: Bool
        /// Pinned to an active worker: no strategy moves it.
        let isFixed: Bool
        let weight: Int
        var outcome: Outcome
    }

    enum Outcome: Equatable {
        case stays(Plan.StayReason)
        case moves(to: Int, Plan.MoveReason)
        case unplaced(Plan.UnplacedReason)
    }

    let state: AssignmentState
    let isMeasured: Bool
    /// In the order of their names.
    var subjects: [Subject]
    /// Holds what the outcomes amount to.
    var roster: Roster
    /// For listed symbols.
    let timeframes: [Timeframe]
    /// Whether listed symbols that have timeframes get the request's instead.
    let replacesTimeframes: Bool
    let unpins: Bool
    /// Levelling leaves alone what has to move anyway, so that every part of its moves can be left out.
    var holdsMoves = false

    /// Everything where it is.
    /// - Parameter listed: the symbols that the request names; `nil` for all that are placed.
    init(
        _ state: AssignmentState, listed: [Symbol]?, timeframes: [Timeframe], replacesTimeframes: Bool = true,
        capacity: Int? = nil, rates: [Symbol: Double] = [:], unpins: Bool = false
    ) throws(PlanError) {
        let named = listed.map(Set.init)
        if let named, named.isEmpty { throw .noSymbols }
        let symbols = state.placements.keys.filter { named?.contains($0) != true } + (named.map(Array.init) ?? [])
        guard symbols.count <= PlanError.symbolLimit else { throw .tooManySymbols(count: symbols.count) }
        let weights = SymbolWeights(rates: rates, among: symbols)
        var roster = Roster(state, capacity: capacity)
        subjects = symbols.sorted(by: Symbol.isOrdered).map { [roster] symbol in
            let current = state.placements[symbol]
            let place = current.flatMap { roster.place(of: $0.worker) }
            let isListed = named?.contains(symbol) ?? true
            return Subject(
                symbol: symbol, current: current, place: place, isListed: isListed,
                isFixed: place != nil && current?.isPinned == true && !(unpins && isListed), weight: weights[symbol],
                outcome: .stays(isListed ? .settled : .notListed))
        }
        for subject in subjects.indices {
            if let place = subjects[subject].place { roster.add(subjects[subject].weight, to: place) }
            if subjects[subject].isListed, subjects[subject].isFixed { subjects[subject].outcome = .stays(.pinned) }
        }
        self.state = state
        self.isMeasured = weights.isMeasured
        self.roster = roster
        self.timeframes = Placement.canonical(timeframes)
        self.replacesTimeframes = replacesTimeframes
        self.unpins = unpins
    }

    /// Why a symbol without an active worker needs one; `nil` when it has one.
    func need(of subject: Int) -> Plan.MoveReason? {
        guard subjects[subject].place == nil else { return nil }
        guard let worker = subjects[subject].current?.worker else { return .new }
        return switch state.workers[worker]?.state {
        case .gone: .workerGone
        case .draining: .workerDraining
        // An active worker has a place.
        case .active, nil: .workerUnknown
        }
    }

    /// Sets the outcome for a symbol that the roster does not count at the moment, and counts it.
    mutating func settle(_ subject: Int, at place: Int, _ reason: Plan.MoveReason) {
        roster.add(subjects[subject].weight, to: place)
        subjects[subject].outcome = subjects[subject].place == place ? .stays(.settled) : .moves(to: place, reason)
    }

    /// Takes a symbol off the roster until its outcome is known.
    mutating func lift(_ subject: Int) {
        if let place = subjects[subject].place { roster.remove(subjects[subject].weight, from: place) }
    }

    /// A symbol that was lifted finds no place: it stays where it is.
    mutating func giveUp(_ subject: Int) {
        if let place = subjects[subject].place { roster.add(subjects[subject].weight, to: place) }
        subjects[subject].outcome = .unplaced(roster.workers.isEmpty ? .noActiveWorker : .noCapacity)
    }
}

extension Draft {
    func plan() -> Plan {
        var moves: [Plan.Move] = []
        var updates: [Plan.Update] = []
        var stays: [Plan.Stay] = []
        var unplaced: [Plan.Unplaced] = []
        for subject in subjects {
            switch subject.outcome {
            case .moves(let place, let reason): moves.append(move(subject, to: place, reason))
            case .stays(let reason):
                guard let current = subject.current else { continue }
                stays.append(Plan.Stay(symbol: subject.symbol, worker: current.worker, reason: reason))
                if let update = update(subject, current) { updates.append(update) }
            case .unplaced(let reason):
                unplaced.append(Plan.Unplaced(symbol: subject.symbol, worker: subject.current?.worker, reason: reason))
            }
        }
        return Plan(
            version: state.version, moves: moves, updates: updates, stays: stays, unplaced: unplaced,
            before: loads { $0.current?.worker },
            after: loads { [roster] subject in
                if case .moves(let place, _) = subject.outcome { return roster.workers[place].name }
                return subject.current?.worker
            })
    }

    private func move(_ subject: Subject, to place: Int, _ reason: Plan.MoveReason) -> Plan.Move {
        Plan.Move(
            symbol: subject.symbol, from: subject.current?.worker, to: roster.workers[place].name,
            timeframes: timeframes(of: subject), isPinned: reason == .pinned, reason: reason)
    }

    private func timeframes(of subject: Subject) -> [Timeframe] {
        guard let current = subject.current, !(subject.isListed && replacesTimeframes) else { return timeframes }
        return current.timeframes
    }

    private func update(_ subject: Subject, _ current: Placement) -> Plan.Update? {
        guard subject.isListed else { return nil }
        let update = Plan.Update(
            symbol: subject.symbol, worker: current.worker, timeframes: timeframes(of: subject),
            isPinned: subject.outcome == .stays(.pinned) || (current.isPinned && !unpins))
        return update.timeframes == current.timeframes && update.isPinned == current.isPinned ? nil : update
    }

    /// Registered workers in their order, then names that are not registered.
    private func loads(_ worker: (Subject) -> WorkerName?) -> [Plan.Load] {
        var sums: [WorkerName: (symbols: Int, weight: Int)] = [:]
        for subject in subjects {
            guard let name = worker(subject) else { continue }
            sums[name, default: (0, 0)].symbols += 1
            sums[name, default: (0, 0)].weight += subject.weight
        }
        let registered = state.registered.map(\.name)
        let others = sums.keys.filter { state.workers[$0] == nil }.sorted()
        return (registered + others).map {
            Plan.Load(worker: $0, symbols: sums[$0]?.symbols ?? 0, weight: sums[$0]?.weight ?? 0)
        }
    }
}
