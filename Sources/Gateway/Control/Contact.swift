import Assignment

/// What the controller knows of one worker beside its report.
struct Contact {
    typealias Instant = ContinuousClock.Instant

    /// The worker's lease at the last look at the storage.
    private enum Seen {
        case never
        case absent
        case lasts(Duration, by: Instant)
    }

    /// When to ask for its state.
    var asksAt: Instant
    /// The question is under way.
    var isAsked = false
    /// The newest state it told; `nil` while it does not answer.
    var status: WorkerStatus?
    /// Whether it renews its own lease; `nil` before its first answer.
    var keepsLease: Bool?
    var lastHeard: Instant?
    /// Why it does not answer.
    var error: String?
    /// It answered, and the storage is to say so.
    var owesLease = false
    private var seen = Seen.never

    init(asksAt: Instant) { self.asksAt = asksAt }

    /// Whether the worker renewed its lease since the last look. The first look tells only what there is: a lease that is
    /// there may be a dead worker's.
    ///
    /// - Parameters:
    ///   - remaining: how long it still lasts; `nil` when nobody holds it.
    ///   - asked: before the storage was asked; its answer is of a moment between then and `answered`.
    mutating func look(_ remaining: Duration?, asked: Instant, answered: Instant) -> Bool {
        defer { seen = remaining.map { .lasts($0, by: answered) } ?? .absent }
        guard let remaining else { return false }
        switch seen {
        case .never: return false
        case .absent: return true
        case .lasts(let before, let earlier):
            // Without a renewal it is shorter by what has gone by, in whole milliseconds.
            return remaining > before - max(.zero, asked - earlier) + .milliseconds(2)
        }
    }
}
