/// How far one source partition has come: which offset a restart may go on from.
///
/// Redis answers in the order of the commands, so one number holds all that was answered. A dead letter is written by
/// another thread in its own time; until it is, its offset holds the commit back.
package struct PartitionProgress: Sendable {
    /// The offset behind the last record that Redis answered for, or that needs no answer.
    package private(set) var acknowledged: Int64
    /// Offsets of the dead letters not yet written, ascending.
    package private(set) var unwritten: [Int64] = []
    /// What was last handed to the consumer to commit.
    package private(set) var stored: Int64

    package init(position: Int64) {
        acknowledged = position
        stored = position
    }

    /// Redis answered for this record and all before it, or it was given to the dead letters.
    package mutating func acknowledge(_ offset: Int64) {
        acknowledged = max(acknowledged, offset + 1)
    }

    /// The record can't be delivered; its dead letter is on its way. Offsets come in ascending order but for a record that
    /// Redis refuses after a later one was found unusable.
    package mutating func refuse(_ offset: Int64) {
        let place = unwritten.lastIndex { $0 < offset }.map { $0 + 1 } ?? 0
        unwritten.insert(offset, at: place)
    }

    /// The broker has the dead letter.
    package mutating func wrote(_ offset: Int64) {
        if let place = unwritten.firstIndex(of: offset) { unwritten.remove(at: place) }
    }

    /// The topic was created anew: offsets begin again.
    package mutating func restart(at position: Int64) {
        acknowledged = position
        stored = position
        unwritten.removeAll()
    }

    /// The offset to store now, when it has moved; each is told once.
    package mutating func takeStorable() -> Int64? {
        let storable = min(unwritten.first ?? acknowledged, acknowledged)
        guard storable > stored else { return nil }
        stored = storable
        return storable
    }
}
