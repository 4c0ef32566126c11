/// Where a lane's records come from: a Kafka consumer. Confined to the lane's thread.
package protocol RecordSource: AnyObject {
    /// Becomes readable when records or events wait; -1 when there is none to wait on.
    var readiness: Int32 { get }
    /// Whether the last `take` stopped at its limit: `readiness` does not fire again for what is still there.
    var hasMore: Bool { get }

    /// Looks after the membership: joins the group, and notices an assignment that went without a word. Called about once a
    /// second, and every 100 ms until it is joined; may block for a second.
    func tend()
    /// Asks the group whether this consumer is still a member of it; may block for a second.
    func standing() -> SourceStanding
    /// Hands out at most `limit` records without waiting, in order within a partition; the number of them.
    func take(into records: UnsafeMutablePointer<Record>, limit: Int) -> Int
    /// Gives the memory of `count` records back. Each handle once.
    func release(_ handles: UnsafePointer<OpaquePointer>, count: Int)
    /// What happened beside records, oldest first; `nil` when nothing is left.
    func nextEvent() -> SourceEvent?
    /// A copy of the whole record, headers too. Allocates; for dead letters.
    func contents(of handle: OpaquePointer) -> RecordContents

    /// Finds the positions and takes the partitions over. May block for some seconds. Nothing is assigned when it throws.
    func assign(_ partitions: [SourcePartition]) throws -> [AssignedPartition]
    /// Gives partitions back, after committing what was stored for them when `commit` is true. May block for some seconds.
    func revoke(_ slots: [Int32], commit: Bool)
    /// Notes the offset to go on from, for the next commit.
    func store(_ slot: Int32, nextOffset: Int64)
    /// Commits all that was stored; waits for the answer, at most some seconds. Whether the broker has it.
    func commit() -> Bool
    func pause(_ slots: [Int32])
    func resume(_ slots: [Int32])
    /// The log's first offset and its end, as last heard from the broker; `nil` before the first answer.
    func watermarks(_ slot: Int32) -> (low: Int64, high: Int64)?
    /// Whether the group has taken this consumer in (an empty assignment counts) and a broker is reachable.
    var isJoined: Bool { get }
}

/// A source whose reading begins where its user says, not where the group's commits stand.
package protocol PositionedSource: RecordSource {
    /// The first offset of each log and the one behind its last record; `nil` where that can't be told now, of a topic
    /// without a leader for example. Blocks for a round trip.
    func limits(of partitions: [SourcePartition]) throws -> [LogLimits?]
    /// Answers `.assigning`: takes the partitions over and reads each from the offset given. May block for some seconds.
    /// Nothing is assigned when it throws.
    func assign(_ partitions: [SourcePartition], at offsets: [Int64]) throws -> [AssignedPartition]
    /// Goes on elsewhere in partitions that are held. What was fetched of them and not taken yet is thrown away.
    func move(_ slots: [Int32], to offsets: [Int64]) throws
}

package struct LogLimits: Equatable, Sendable {
    package let start: Int64
    package let end: Int64

    package init(start: Int64, end: Int64) {
        self.start = start
        self.end = end
    }
}

extension RecordSource {
    /// For sources whose partitions nobody can take away.
    package func standing() -> SourceStanding { .member }
}

package enum SourceStanding: Sendable {
    case member
    /// The partitions are others' by now, or nobody's.
    case gone
    /// The group did not answer in time, or not to the point: ask again.
    case unknown
}

package struct RecordHeader: Equatable, Sendable {
    package let name: String
    /// `nil` for a null value.
    package let value: [UInt8]?

    package init(name: String, value: [UInt8]?) {
        self.name = name
        self.value = value
    }
}

/// A record's bytes, owned. A null key or value is `nil`.
package struct RecordContents: Equatable, Sendable {
    package let key: [UInt8]?
    package let value: [UInt8]?
    package let headers: [RecordHeader]

    package init(key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader]) {
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// What keeping it costs, in bytes.
    package var byteCount: Int {
        (key?.count ?? 0) + (value?.count ?? 0) + headers.reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) }
    }
}

package struct SourcePartition: Hashable, Sendable {
    package let topic: String
    package let partition: Int32

    package init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

/// A partition this lane now owns.
package struct AssignedPartition: Sendable {
    package let slot: Int32
    package let source: SourcePartition
    /// The offset of the first record to come.
    package let position: Int64
    /// The offset of the record taken last before this assignment, by whichever member; `nil` when nobody knows.
    package let previous: Int64?

    package init(slot: Int32, source: SourcePartition, position: Int64, previous: Int64?) {
        self.slot = slot
        self.source = source
        self.position = position
        self.previous = previous
    }
}

package enum SourceEvent: Sendable {
    /// The group gave us these; answer with `assign`.
    case assigning([SourcePartition])
    /// The group wants these back; answer with `revoke`. Lost: somebody else may own them already.
    case revoking([Int32], isLost: Bool)
    /// Something went wrong; the consumer goes on by itself unless it is fatal.
    case failure(code: String, sentence: String, isFatal: Bool)
    /// The position lies outside the log (retention, or a topic created anew): reading went on elsewhere.
    case positionReset(slot: Int32, from: Int64, to: Int64)
}
