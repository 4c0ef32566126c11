import Synchronization

/// The newest snapshot of a lane, written by its thread and read by any other.
package final class LaneStatus: Sendable {
    package let lane: Lane
    private let newest = Mutex(LaneSnapshot())

    package init(lane: Lane) { self.lane = lane }

    package var snapshot: LaneSnapshot { newest.withLock { $0 } }

    func publish(_ snapshot: LaneSnapshot) { newest.withLock { $0 = snapshot } }
}
