package import Assignment

/// The register of workers.
extension AssignmentService {
    /// What became of a change of the register.
    package struct WorkerOutcome: Sendable {
        /// What was changed, or found to need no change.
        package let before: StoredState
        package let after: StoredState
        /// False when nothing had to change, and for a request that was carried out before: both states are then the one now.
        package let isStored: Bool
        package let isRepeated: Bool
    }

    /// Registers a worker, or changes what is given of one and keeps the rest, its rank too; it is active afterwards. What is kept
    /// is taken from the state that the change is made of, so that somebody else's change in between is kept as well.
    /// An address has one name: two would take each other's symbols away.
    /// - Parameters:
    ///   - address: a new worker without one needs a name that is one.
    ///   - capacity: `.some(nil)` lifts the limit; `nil` keeps it, and is none for a new worker.
    ///   - weight: of a new worker 1 where none is given.
    package func register(
        _ name: WorkerName, address: String?, capacity: Int??, weight: Int?, _ terms: Terms
    ) throws(AssignmentError) -> WorkerOutcome {
        try change(.register, terms) { state throws(AssignmentError) in
            let known = state.workers[name]
            guard let address = address ?? known?.address ?? (Self.isAddress(name.text) ? name.text : nil) else {
                throw .noAddress(name)
            }
            if let other = state.registered.first(where: { $0.address == address && $0.name != name }) {
                throw .addressTaken(address, by: other.name)
            }
            state.register(
                name, address: address, capacity: capacity ?? known?.capacity, weight: weight ?? known?.weight ?? 1)
        }
    }

    /// `host:port` of the same characters as a name; an IPv6 host in brackets.
    static func isAddress(_ text: String) -> Bool {
        guard WorkerName(text) != nil, let colon = text.lastIndex(of: ":") else { return false }
        let port = text[text.index(after: colon)...]
        guard let number = UInt16(port), number > 0, port.first != "0" else { return false }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        return !host.isEmpty && !host.contains { $0 == "[" || $0 == "]" || ($0 == ":" && !isBracketed) }
    }

    /// An operator's word: active or draining.
    package func setState(_ state: Worker.State, of name: WorkerName, _ terms: Terms) throws(AssignmentError)
        -> WorkerOutcome
    {
        let action: HistoryEntry.Action =
            switch state {
            case .active: .activate
            case .draining: .drain
            case .gone: .gone
            }
        return try change(action, terms) { assignments throws(AssignmentError) in
            guard assignments.setState(state, of: name) else { throw Self.unknown(name, in: assignments) }
        }
    }

    /// Refused while the worker has symbols, unless `abandons`: they then get another worker at the next rebalance.
    package func removeWorker(_ name: WorkerName, abandons: Bool, _ terms: Terms) throws(AssignmentError)
        -> WorkerOutcome
    {
        try change(.remove, terms) { state throws(AssignmentError) in
            guard state.workers[name] != nil else { throw Self.unknown(name, in: state) }
            let count = state.placements.values.count { $0.worker == name }
            guard abandons || count == 0 else { throw .workerHasSymbols(name, count: count) }
            state.removeWorker(name)
        }
    }

    private func change(
        _ action: HistoryEntry.Action, _ terms: Terms,
        _ change: (inout AssignmentState) throws(AssignmentError) -> Void
    ) throws(AssignmentError) -> WorkerOutcome {
        let result = try carryOut(action, terms) { state throws(AssignmentError) in
            var next = state
            try change(&next)
            return Step(plan: state.plan(removing: []), next: next)
        }
        switch result {
        case .done(let outcome):
            return WorkerOutcome(
                before: outcome.before, after: outcome.after, isStored: outcome.isStored, isRepeated: false)
        case .repeated:
            do throws(StorageError) {
                let stored = try storage.read()
                return WorkerOutcome(before: stored, after: stored, isStored: false, isRepeated: true)
            } catch {
                throw .storage(error)
            }
        }
    }

    private static func unknown(_ name: WorkerName, in state: AssignmentState) -> AssignmentError {
        .unknownWorker(name, known: state.registered.map(\.name))
    }
}
