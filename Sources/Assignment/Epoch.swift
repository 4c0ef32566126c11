/// A symbol's owner by number: each change of owner raises it, and whoever carries a lower one is an owner of the past.
///
/// Epochs never go back, also when the storage lost its last writes: the next one lies above what is stored *and* above
/// what any worker reports.
package struct Epoch: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Whole numbers of JSON are exact up to here.
    package static let limit: Int64 = (1 << 53) - 1
    /// What comes from outside is believed up to a quarter of that, so that no report can use the numbers up; above it only as
    /// far as the floor is known to have come.
    package static let reportLimit: Int64 = 1 << 51
    package static let none = Epoch(unchecked: 0)

    package let number: Int64
    package var description: String { String(number) }

    private init(unchecked number: Int64) { self.number = number }

    /// From storage; `nil` when it can't be one of ours.
    package init?(stored number: Int64) {
        guard (0...Self.limit).contains(number) else { return nil }
        self.number = number
    }

    /// From a worker's report; `nil` when it can't be one of ours. Beyond `reportLimit`, since one below it may have raised the
    /// floor to there, and epochs that were handed out lie above the floor.
    package init?(reported number: Int64) {
        guard (0...Self.reportLimit * 2).contains(number) else { return nil }
        self.number = number
    }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// The epoch of the next owner.
    package static func following(_ stored: Epoch, _ reported: Epoch?) -> Epoch {
        Epoch(unchecked: max(stored.number, reported?.number ?? 0) + 1)
    }
}
