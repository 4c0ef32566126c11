package import MarketData

extension AssignmentState {
    /// What a dispatch would do. Symbols that are not listed, and pinned ones, stay.
    package func plan(_ dispatch: Dispatch) throws(PlanError) -> Plan {
        guard !dispatch.timeframes.isEmpty else { throw .noTimeframes }
        var draft = try Draft(
            self, listed: dispatch.symbols, timeframes: dispatch.timeframes, capacity: dispatch.capacity,
            rates: dispatch.rates, unpins: dispatch.unpins)
        guard !draft.roster.workers.isEmpty else { throw .noWorkers }
        switch dispatch.strategy {
        case .hash: draft.placeByHash(boundPercent: Rendezvous.boundPercent)
        case .least: draft.placeBesideTheRest()
        case .modulo: draft.placeByRemainder()
        case .worker(let name): draft.placeAll(at: try activePlace(of: name, in: draft.roster))
        }
        return draft.plan()
    }

    /// A `hash` dispatch with another c: for the figures of docs/decisions.
    package func plan(hash symbols: [Symbol], boundPercent: Int) throws(PlanError) -> Plan {
        var draft = try Draft(self, listed: symbols, timeframes: [.oneMinute])
        draft.placeByHash(boundPercent: boundPercent)
        return draft.plan()
    }

    private func activePlace(of name: WorkerName, in roster: Roster) throws(PlanError) -> Int {
        if let place = roster.place(of: name) { return place }
        guard let worker = workers[name] else { throw .unknownWorker(name, known: registered.map(\.name)) }
        throw .inactiveWorker(name, worker.state)
    }
}

extension Draft {
    /// The listed symbols that a strategy may place.
    private var free: [Int] { subjects.indices.filter { subjects[$0].isListed && !subjects[$0].isFixed } }

    /// The bound counts every symbol that an active worker then has; what stays takes its seats first.
    mutating func placeByHash(boundPercent: Int) {
        let free = free
        for subject in free { lift(subject) }
        let total = roster.counts.reduce(0, +) + free.count
        let totalWeight = roster.workers.reduce(0) { $0 + $1.weight }
        // Ties go by name, so that the order of registration decides nothing.
        let order = roster.workers.indices.sorted { [workers = roster.workers] in workers[$0].name < workers[$1].name }
        let seats = order.map { [roster] place in
            let bound = Rendezvous.bound(
                symbols: total, weight: roster.workers[place].weight, totalWeight: totalWeight, percent: boundPercent)
            return max(0, min(bound, roster.limits[place]) - roster.counts[place])
        }
        placeByHash(free, order: order, seats: seats)
    }

    /// A symbol that finds no seat stays where it is, and whoever took that seat looks for another: in rounds, each with
    /// fewer symbols to place.
    private mutating func placeByHash(_ free: [Int], order: [Int], seats: [Int]) {
        var (free, seats) = (free, seats)
        while true {
            let places = Rendezvous.places(
                symbols: free.map { subjects[$0].symbol }, workers: order.map { roster.workers[$0] }, seats: seats)
            let stuck = Set(zip(free, places).filter { $1 < 0 && subjects[$0].place != nil }.map(\.0))
            guard stuck.isEmpty else {
                for subject in stuck.sorted() {
                    giveUp(subject)
                    if let seat = order.firstIndex(where: { $0 == subjects[subject].place }) {
                        seats[seat] = max(0, seats[seat] - 1)
                    }
                }
                free.removeAll(where: stuck.contains)
                continue
            }
            for (subject, place) in zip(free, places) {
                if place < 0 {
                    giveUp(subject)
                } else {
                    settle(subject, at: order[place], need(of: subject) ?? .strategy)
                }
            }
            return
        }
    }

    /// `least`: what has an active worker stays, as far as that has room.
    mutating func placeBesideTheRest() {
        let unserved = free.compactMap { subject in need(of: subject).map { (subject, $0) } }
        placeHeaviestFirst(unserved + liftExcess().map { ($0, .overCapacity) })
    }

    /// Takes listed symbols from workers that have more than they may, those that score lowest there first.
    mutating func liftExcess() -> [Int] {
        var lifted: [Int] = []
        let crowded = roster.workers.indices.filter { roster.counts[$0] > roster.limits[$0] }
        guard !crowded.isEmpty else { return [] }
        let movable = Dictionary(grouping: free.filter { subjects[$0].place != nil }) { subjects[$0].place ?? -1 }
        for place in crowded {
            let leavers = (movable[place] ?? []).map { ($0, roster.score(subjects[$0].symbol, place)) }
                .sorted { ($0.1, $0.0) < ($1.1, $1.0) }
            for (subject, _) in leavers.prefix(roster.counts[place] - roster.limits[place]) {
                lift(subject)
                lifted.append(subject)
            }
        }
        return lifted
    }

    /// Each to the lightest worker with room; ties by rendezvous. What the roster counts of them was lifted before.
    mutating func placeHeaviestFirst(_ orphans: [(subject: Int, reason: Plan.MoveReason)]) {
        let order = orphans.sorted { [subjects] left, right in
            (subjects[right.subject].weight, left.subject) < (subjects[left.subject].weight, right.subject)
        }
        for (subject, reason) in order {
            if let place = roster.lightest(for: subjects[subject].symbol, weight: subjects[subject].weight) {
                settle(subject, at: place, reason)
            } else {
                giveUp(subject)
            }
        }
    }

    /// `modulo`: a symbol whose worker is full finds no place, since the strategy knows no second one.
    mutating func placeByRemainder() {
        place(free) { [roster] symbol in
            Int(CRC32.checksum(symbol.upperCaseBytes)) % roster.workers.count
        } reason: {
            .strategy
        }
    }

    /// `worker`: an operator's word, also for symbols that were pinned elsewhere.
    mutating func placeAll(at place: Int) {
        let listed = subjects.indices.filter { subjects[$0].isListed }
        self.place(listed) { _ in
            place
        } reason: {
            .pinned
        }
        for subject in listed where subjects[subject].outcome == .stays(.settled) {
            subjects[subject].outcome = .stays(.pinned)
        }
    }

    /// Each symbol to the one place that it may have. Those that are there already keep their seats; the others come in
    /// the order of their names. One that finds no seat keeps its own, so that whoever took that one looks again.
    mutating func place(_ symbols: [Int], at target: (Symbol) -> Int, reason: () -> Plan.MoveReason) {
        let targets = symbols.map { (subject: $0, place: target(subjects[$0].symbol)) }
        for (subject, _) in targets { lift(subject) }
        for (subject, place) in targets where subjects[subject].place == place { settle(subject, at: place, reason()) }
        for (subject, place) in giveUpStuck(targets.filter { subjects[$0.subject].place != $0.place }) {
            if roster.hasRoom(place) {
                settle(subject, at: place, reason() == .pinned ? .pinned : need(of: subject) ?? reason())
            } else {
                giveUp(subject)
            }
        }
    }

    /// Who has a worker to stay with and finds no seat stays there, which may cost somebody else a seat, whoever was to have the
    /// last one. Each is looked at once. The movers that are left.
    private mutating func giveUpStuck(_ movers: [(subject: Int, place: Int)]) -> [(subject: Int, place: Int)] {
        var seated: [[Int]] = Array(repeating: [], count: roster.workers.count)
        var stuck: [Int] = []
        for (subject, place) in movers {
            if roster.counts[place] + seated[place].count < roster.limits[place] {
                seated[place].append(subject)
            } else if subjects[subject].place != nil {
                stuck.append(subject)
            }
        }
        var staying: Set<Int> = []
        while let subject = stuck.popLast() {
            staying.insert(subject)
            giveUp(subject)
            guard let own = subjects[subject].place,
                roster.counts[own] + seated[own].count > roster.limits[own], let last = seated[own].popLast()
            else { continue }
            if subjects[last].place != nil { stuck.append(last) }
        }
        return movers.filter { !staying.contains($0.subject) }
    }
}
