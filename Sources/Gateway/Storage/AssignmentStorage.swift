package import Assignment
package import MarketData

/// Where all processes find the assignments.
///
/// Calls block, at most for the storage's own patience; one thread at a time. Nothing is changed by a call that throws, but for
/// `unavailable`, after which a change may have been stored all the same: `commit` with a key tells.
package protocol AssignmentStorage: AnyObject {
    /// All that is assigned. Cheap when nothing changed since the last call.
    func read() throws(StorageError) -> StoredState

    /// Stores `change.next` if `change.base` is still what is stored: all of it or nothing, with its history entry and
    /// the notification. The times of assignment are the storage's.
    func commit(_ change: Change) throws(StorageError) -> Committed

    /// Keeps the answer to a request that had nothing to change, if `tag` is still what is stored. `nil` when it is kept, else
    /// what the same request was answered before.
    func keep(_ key: RequestKey, at tag: StateTag) throws(StorageError) -> [UInt8]?

    /// What a request with this key was answered when it was stored; `nil` when none was. Its own `answer` plays no part.
    func answer(to key: RequestKey) throws(StorageError) -> [UInt8]?

    /// The newest first.
    func history(limit: Int) throws(StorageError) -> [HistoryEntry]

    /// Takes or renews a lease for `token`, the holder's own random name; false when another holds it.
    func acquire(_ lease: LeaseName, token: String, for duration: Duration) throws(StorageError) -> Bool
    /// Takes or renews the leases of these workers for `token`, but for those that another holds.
    func keepLeases(of workers: [WorkerName], token: String, for duration: Duration) throws(StorageError)
    /// Gives a lease back; does nothing when another holds it.
    func release(_ lease: LeaseName, token: String) throws(StorageError)
    /// How long the leases of these workers still last; those that nobody holds are not among them.
    func leases(of workers: [WorkerName]) throws(StorageError) -> [WorkerName: Duration]

    /// What the controller has not brought about yet; `nil` when no controller ever said.
    func progress() throws(StorageError) -> Progress?
    /// Writes nothing unless the controller's lease is held, by whom this storage acquired it for: whoever posts does so again
    /// from time to time.
    func post(_ progress: Progress) throws(StorageError)
}

extension AssignmentStorage {
    package func keepLeases(of workers: [WorkerName], token: String, for duration: Duration) throws(StorageError) {
        for worker in workers { _ = try acquire(.worker(worker), token: token, for: duration) }
    }
}

/// What is assigned, and the name of that state.
package struct StoredState: Sendable {
    package let tag: StateTag
    package let state: AssignmentState
    /// Set while the storage has less than this one knew: whoever reads it raises epochs and stores a change of the action
    /// `recovery`, which ends it.
    package let recovery: Recovery?

    package init(tag: StateTag, state: AssignmentState, recovery: Recovery? = nil) {
        self.tag = tag
        self.state = state
        self.recovery = recovery
    }
}

/// What a process knows of writes that the storage acknowledged and lost.
package struct Recovery: Equatable, Sendable {
    /// The newest state that this process knew.
    package let known: StateTag
    /// Epochs that were handed out and lie above what is stored: for `AssignmentState.raiseEpochs`.
    package let epochs: [Symbol: Epoch]

    package init(known: StateTag, epochs: [Symbol: Epoch]) {
        self.known = known
        self.epochs = epochs
    }
}

/// A step from one state to the next.
package struct Change: Sendable {
    package let base: StoredState
    /// Made from `base.state`; its version does not matter, the storage counts its own.
    package let next: AssignmentState
    package let action: HistoryEntry.Action
    /// Who did it, as people know them: `api 10.0.0.7`, `cli anna@desk`, `controller gateway-1`.
    package let author: String
    /// Makes a repetition of the same request harmless.
    package let key: RequestKey?

    package init(
        from base: StoredState, to next: AssignmentState, _ action: HistoryEntry.Action, by author: String,
        key: RequestKey? = nil
    ) {
        self.base = base
        self.next = next
        self.action = action
        self.author = author
        self.key = key
    }
}

/// A client's name for one request (HTTP's Idempotency-Key), kept for a day with the answer.
package struct RequestKey: Sendable {
    package static let lengthLimit = 128
    /// Keys live for a day, in the memory of Redis.
    package static let answerLimit = 64 << 10
    package let text: String
    /// Tells whether a second request with this name is the same one: a hash of method, path and body.
    package let fingerprint: String
    /// What the client was answered, in the API's own form, or shortened: at most `answerLimit` bytes.
    package let answer: [UInt8]

    package init(text: String, fingerprint: String, answer: [UInt8]) {
        self.text = text
        self.fingerprint = fingerprint
        self.answer = answer
    }
}

package enum Committed: Sendable {
    case stored(StoredState)
    /// The same request was carried out before: what it was answered then.
    case repeated(answer: [UInt8])
}

package enum LeaseName: Hashable, Sendable {
    case controller
    case worker(WorkerName)
}

/// What workers could not be told yet, by the controller's last look.
package struct Progress: Equatable, Sendable {
    /// Everything up to this state was looked at.
    package let tag: StateTag
    package let pending: [Reconciler.Pending]
    /// Milliseconds since 1970 by the storage's clock; 0 in what is posted.
    package let at: Int64

    package init(tag: StateTag, pending: [Reconciler.Pending], at: Int64 = 0) {
        self.tag = tag
        self.pending = pending
        self.at = at
    }
}

/// One change of the past.
package struct HistoryEntry: Equatable, Sendable {
    package enum Action: String, Sendable, CaseIterable {
        case dispatch, rebalance, subscribe, unsubscribe, `import`, clear
        case register, drain, activate, gone, returned, remove
        /// The storage came back with less than was known: epochs were raised.
        case recovery
    }

    /// Who served a symbol before and who does after; `nil` for nobody.
    package struct Step: Equatable, Sendable {
        package let symbol: String
        package let from: String?
        package let to: String?

        package init(symbol: String, from: String?, to: String?) {
            self.symbol = symbol
            self.from = from
            self.to = to
        }
    }

    package let version: Int64
    /// Milliseconds since 1970 by the storage's clock.
    package let at: Int64
    package let author: String
    package let action: Action
    package let steps: [Step]
    /// Workers that were registered, removed or changed their state, each in one phrase: `ws-2 active → draining`.
    package let workers: [String]

    package init(version: Int64, at: Int64, author: String, action: Action, steps: [Step], workers: [String]) {
        self.version = version
        self.at = at
        self.author = author
        self.action = action
        self.steps = steps
        self.workers = workers
    }
}
