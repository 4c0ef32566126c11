/// The controller's side of the workers' leases: who has not been heard for longer than a lease lasts.
///
/// It counts on the controller's own monotonic clock from the moment a worker was heard, which is later than the moment it
/// asked; the worker stops earlier by its margin. A controller that begins, or that stood still itself, has heard nobody and
/// gives everybody a whole lease.
package struct LeaseWatch: Sendable {
    package typealias Instant = ContinuousClock.Instant

    package enum Event: Sendable {
        case tick
        case heard(WorkerName)
        /// An operator took the worker out.
        case removed(WorkerName)
    }

    /// What became of a worker.
    package enum Change: Equatable, Sendable {
        case gone(WorkerName)
        /// Heard again after it was gone.
        case returned(WorkerName)
    }

    private let duration: Duration
    private let stallLimit: Duration
    /// When each worker's lease runs out; `nil` after it did.
    private var deadlines: [WorkerName: Instant?] = [:]
    private var lastEvent: Instant

    /// - Parameters:
    ///   - workers: those known at the start, and whether each is gone already.
    ///   - stallLimit: a longer time without an event means that the controller stood still.
    package init(
        _ duration: Duration, stallLimit: Duration, workers: [(name: WorkerName, isGone: Bool)], now: Instant
    ) {
        self.duration = duration
        self.stallLimit = stallLimit
        lastEvent = now
        for worker in workers { deadlines.updateValue(worker.isGone ? nil : now + duration, forKey: worker.name) }
    }

    /// When the next lease runs out; `nil` when none can.
    package var nextDeadline: Instant? { deadlines.values.compactMap { $0 }.min() }

    package mutating func on(_ event: Event, now: Instant) -> [Change] {
        let stalled = now - lastEvent
        if stalled > stallLimit {
            deadlines = deadlines.mapValues { deadline in deadline.map { _ in now + duration } }
        }
        lastEvent = now
        var changes: [Change] = []
        switch event {
        case .tick: break
        case .heard(let worker):
            if case .some(.none) = deadlines[worker] { changes.append(.returned(worker)) }
            deadlines.updateValue(now + duration, forKey: worker)
        case .removed(let worker): deadlines.removeValue(forKey: worker)
        }
        for worker in deadlines.keys.sorted() {
            guard let deadline = deadlines[worker] ?? nil, deadline <= now else { continue }
            deadlines.updateValue(nil, forKey: worker)
            changes.append(.gone(worker))
        }
        return changes
    }
}
