package import Assignment

/// The controller as others see it: a copy that changes no more.
package struct ControllerStatus: Sendable {
    package struct WorkerView: Equatable, Sendable {
        package let name: WorkerName
        package let address: String
        package let state: Worker.State
        /// By this controller; `nil` before the first time.
        package let lastHeard: ContinuousClock.Instant?
        /// Whether it renews its own lease; `nil` before its first answer.
        package let keepsLease: Bool?
        /// Symbols that it says it serves; `nil` while it does not answer.
        package let symbols: Int?
        package let error: String?
        package let unknownChannels: Int
        package let unknownExample: String?
    }

    /// Since the process began.
    package struct Counts: Equatable, Sendable {
        /// Times that the lease was won.
        package var tenures = 0
        package var statusAnswers = 0
        package var statusFailures = 0
        package var commandsTaken = 0
        package var commandsFailed = 0
        package var workersGone = 0
        package var workersReturned = 0
        /// Symbols that were given another worker because theirs was gone.
        package var symbolsReplaced = 0
        /// Changes repeated because somebody else was faster.
        package var conflicts = 0
        package var recoveries = 0
        package var storageErrors = 0
    }

    /// At most this many of what is pending are shown.
    package static let pendingLimit = 100

    /// Whether this gateway is the one that acts.
    package var holdsLease = false
    package var heldSince: ContinuousClock.Instant?
    /// The newest state that was seen.
    package var tag: StateTag?
    /// Every worker reports just what is wanted.
    package var isSettled = false
    /// In the order of registration; empty while another gateway acts.
    package var workers: [WorkerView] = []
    package var pending: [Reconciler.Pending] = []
    package var pendingCount = 0
    /// The newest failure of the storage or of a plan; `nil` once it has passed.
    package var error: String?
    package var counts = Counts()

    package init() {}
}
