/// What stands before the offset in a stream's ids, from 1 on: Redis refuses the id 0-0. It tells the logs apart that had
/// one topic's name after each other.
enum StreamGeneration: Equatable {
    case unread
    /// The newest entry that the stream holds; compared with the log at the first record.
    case found(StreamHead)
    case known(Int64)

    /// The generation of a log that ends before `end` and whose first record read is at `offset`, of `timestamp`.
    ///
    /// A log that ends at or below the stream's newest entry is another one than the stream was filled from. So is one
    /// that goes on at or below it with a record younger than it, which is how a subscriber tells, too
    /// (docs/contracts/redis.md) - but only without a commit, which Kafka forgets with the topic: after a kill records
    /// come again, and several producers' clocks need not agree.
    func settled(end: Int64, offset: Int64, timestamp: Int64, isCommitted: Bool) -> Int64 {
        switch self {
        case .unread: return 1
        case .known(let generation): return generation
        case .found(let head):
            let isYounger = head.timestamp.map { timestamp > $0 } ?? false
            let isAnother = end <= head.offset || (!isCommitted && offset <= head.offset && isYounger)
            return isAnother ? head.generation + 1 : head.generation
        }
    }
}

/// A stream's newest entry.
package struct StreamHead: Equatable {
    package let generation: Int64
    package let offset: Int64
    /// The record's own, in ms, as the entry's envelope has it; `nil` without envelope or timestamp.
    let timestamp: Int64?

    /// Reads the id, `3-1234`, and behind it the entry's payload; `nil` for an id that is not of that form.
    package init?(_ text: String) {
        let lines = text.split(separator: "\n", maxSplits: 1)
        let parts = lines.first?.split(separator: "-") ?? []
        guard parts.count == 2, let generation = Int64(parts[0]), let offset = Int64(parts[1]) else { return nil }
        self.generation = generation
        self.offset = offset
        timestamp = lines.count == 2 ? Self.timestamp(ofPayload: lines[1]) : nil
    }

    /// The envelope is the payload's end, and `received_at` follows the record's timestamp there and nowhere else.
    private static func timestamp(ofPayload payload: Substring) -> Int64? {
        let tail = String(decoding: payload.utf8.suffix(BatchLimits.overhead), as: UTF8.self)
        guard let name = tail.ranges(of: #","timestamp":"#).last else { return nil }
        let digits = tail[name.upperBound...].prefix { $0.isNumber }
        guard tail[digits.endIndex...].hasPrefix(#","received_at":"#) else { return nil }
        return Int64(digits)
    }
}
