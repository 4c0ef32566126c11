import Assignment

/// When to tell others what workers could not be told. Pure.
///
/// Who stored a change waits for the first word on it: that comes when everything is done or has failed once, or when the
/// workers had their time. After that, whenever something changed, once a second at most; and the same again every few
/// seconds, since what is stored may have been lost, or written over.
struct ProgressReport {
    typealias Instant = ContinuousClock.Instant

    /// A little less than the five seconds that people wait.
    private static let patience: Duration = .seconds(4)
    private static let interval: Duration = .seconds(1)
    private static let repetition: Duration = .seconds(5)

    private(set) var pending: [Reconciler.Pending] = []
    private(set) var isSettled = false
    private var tag: StateTag?
    private var tagDeadline: Instant?
    private var isComplete = false
    private var last: Progress?
    private var lastAt: Instant?

    /// - Parameter isComplete: every worker has answered or failed to.
    mutating func look(
        at tag: StateTag, _ pending: [Reconciler.Pending], isSettled: Bool, isComplete: Bool, now: Instant
    ) {
        if self.tag != tag {
            // Changes that keep coming must not put the first word off for ever.
            if tagDeadline == nil || last?.tag == self.tag { tagDeadline = now + Self.patience }
            self.tag = tag
        }
        self.pending = pending
        self.isSettled = isSettled
        self.isComplete = isComplete
    }

    /// What to post now; `nil` for nothing.
    func due(now: Instant) -> Progress? {
        guard let tag, let tagDeadline else { return nil }
        let progress = Progress(tag: tag, pending: pending)
        if last?.tag != tag {
            let isTried = isSettled || (isComplete && !pending.isEmpty && pending.allSatisfy { $0.error != nil })
            return isTried || now >= tagDeadline ? progress : nil
        }
        if let lastAt, now < lastAt + (progress == last ? Self.repetition : Self.interval) { return nil }
        return progress
    }

    mutating func posted(_ progress: Progress, now: Instant) {
        last = progress
        lastAt = now
    }
}
