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

    /// This acquaintance and no other: answers that come under another number are an earlier one's.
    let number: Int
    let address: String
    /// Nobody is registered under this address any more; it is asked until it serves nothing, or is silent.
    let isLeaving: Bool
    /// When to ask for its state.
    var asksAt: Instant
    /// The question is under way.
    var isAsked = false
    /// When the newest question was asked.
    var askedAt: Instant
    /// A question that was asked since it was last heard has failed.
    var hasFailed = false
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

    init(_ number: Int, at address: String, isLeaving: Bool = false, now: Instant) {
        self.number = number
        self.address = address
        self.isLeaving = isLeaving
        asksAt = now
        askedAt = now
    }

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
