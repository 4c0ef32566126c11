package import Assignment

/// The register of workers.
extension AssignmentService {
    /// A known worker's address, capacity and weight are changed; it keeps its rank and is active.
    package func register(
        _ name: WorkerName, address: String, capacity: Int?, weight: Int, _ terms: Terms
    ) throws(AssignmentError) -> StoredState {
        try change(.register, terms) { state throws(AssignmentError) in
            state.register(name, address: address, capacity: capacity, weight: weight)
        }
    }

    /// An operator's word: active or draining.
    package func setState(_ state: Worker.State, of name: WorkerName, _ terms: Terms) throws(AssignmentError)
        -> StoredState
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
        -> StoredState
    {
        try change(.remove, terms) { state throws(AssignmentError) in
            guard state.workers[name] != nil else { throw Self.unknown(name, in: state) }
            let count = state.placements.values.count { $0.worker == name }
            guard abandons || count == 0 else { throw .workerHasSymbols(name, count: count) }
            state.removeWorker(name)
        }
    }

    /// The state afterwards; of a request that was carried out before, the state now.
    private func change(
        _ action: HistoryEntry.Action, _ terms: Terms,
        _ change: (inout AssignmentState) throws(AssignmentError) -> Void
    ) throws(AssignmentError) -> StoredState {
        let result = try carryOut(action, terms) { state throws(AssignmentError) in
            var next = state
            try change(&next)
            return Step(plan: state.plan(removing: []), next: next)
        }
        switch result {
        case .done(let outcome): return outcome.after
        case .repeated:
            do throws(StorageError) { return try storage.read() } catch { throw .storage(error) }
        }
    }

    private static func unknown(_ name: WorkerName, in state: AssignmentState) -> AssignmentError {
        .unknownWorker(name, known: state.registered.map(\.name))
    }
}
