package import Telemetry

/// The newest snapshot of a lane, written by its thread and read by any other.
package final class LaneStatus: Sendable {
    package let lane: Lane
    private let newest = Locked(LaneSnapshot())
    private let journal: ErrorJournal

    package init(lane: Lane, journal: ErrorJournal = ErrorJournal()) {
        self.lane = lane
        self.journal = journal
    }

    package var snapshot: LaneSnapshot { newest.withLock { $0 } }

    func publish(_ snapshot: LaneSnapshot) { newest.withLock { $0 = snapshot } }

    /// Keeps an error for /diagnostic.
    func note(_ code: String, _ sentence: String) {
        journal.record(code: code, "lane \(lane.rawValue): \(sentence)")
    }
}
