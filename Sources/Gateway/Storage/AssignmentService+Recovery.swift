import Assignment
import MarketData
import Telemetry

extension AssignmentService {
    /// What is stored; where the storage lost epochs that this one handed out or saw, after they were raised above those,
    /// which anybody may do: the change is conditional like all others. The controller knows only what it read itself.
    /// - Parameter author: of that change, as the history shows it.
    package func recovered(by author: String) throws(StorageError) -> StoredState {
        for _ in 0..<Self.attemptLimit {
            let stored = try storage.read()
            guard let recovery = stored.recovery, !recovery.epochs.isEmpty else { return stored }
            var next = stored.state
            let raised = next.raiseEpochs(above: recovery.epochs)
            do throws(StorageError) {
                let change = Change(from: stored, to: next, .recovery, by: author)
                guard case .stored(let after) = try storage.commit(change) else { continue }
                Log.error(
                    "Storage had lost changes, epochs were raised above what was known here",
                    [
                        "assignment.known": recovery.known.description, "assignment.found": stored.tag.description,
                        "symbols": "\(raised.count)", "symbol.first": raised.first?.name ?? "",
                    ])
                return after
            } catch {
                guard case .conflict = error else { throw error }
            }
        }
        return try storage.read()
    }
}
