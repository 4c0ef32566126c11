import MarketData
import Records

/// One partition that the pipeline holds: how far it is read, how far the database has it, and under which claim.
///
/// Confined to the pipeline's thread.
final class PersistPartition {
    enum State: Equatable {
        case reading
        /// Waits for the source to go on elsewhere; what still comes of it is dropped.
        case moving
        /// Others have claimed it; the group will say so, or we claim it again.
        case fenced
        /// Has come to `heldAt`.
        case held
        /// The group wants it back.
        case revoking
    }

    let source: SourcePartition
    let slot: Int32
    let content: Content
    var state = State.reading
    var fence: Int64
    /// Of what is read now; the database's, `committedGeneration`, follows with the next batch.
    var generation: Int64
    var committedGeneration: Int64
    /// What the database holds; `nil` before the first record.
    var committed: StoredPosition?
    /// Where reading begins while the database holds nothing.
    var start: Int64
    /// The first record moves `start` to itself: what was gone before the first claim was nobody's to read, and no hole.
    var isStartGuessed: Bool
    /// `next_offset` as the next batch will find it.
    var expected: Int64
    /// The offset of the record taken last.
    var previous: Int64
    var anchor: Anchor?
    /// What the database refused by its own rules, by generation and offset: dead letters when they come again.
    var refusals: [Int64: [Int64: String]] = [:]
    /// A topic created anew, as the claim found it: stands until something of it is committed.
    var decided: ReadingStart?
    /// The first record whose dead letter could not be written: nothing from there on is taken until it is.
    var heldAt: Int64?
    /// Where to read on when it is not where the database stands.
    var moveTo: Int64?
    /// Its place in the steps of the batch being filled, where `stepSerial` is that batch's.
    var step: Int32 = -1
    var stepSerial: UInt32 = 0
    var isToStore = false
    /// The log's end, as heard when all of it had been read; -1 before.
    var end: Int64 = -1
    /// Time of the record taken last, and of the one committed last; -1 before.
    var takenTimestamp: Int64 = -1
    var committedTimestamp: Int64 = -1

    /// What its records are.
    enum Content {
        case candles(CandleTopic)
        case trades(TradeRow.Table)
    }

    init(_ assigned: AssignedPartition, claim: Claim, start: ReadingStart, series: SeriesTable) {
        source = assigned.source
        slot = assigned.slot
        if let table = TradeRow.Table(topic: assigned.source.topic) {
            content = .trades(table)
        } else {
            guard let topic = MarketTopic(assigned.source.topic) else {
                preconditionFailure("a topic that was subscribed to is a candle's or a trade's")
            }
            content = .candles(CandleTopic(topic, in: series))
        }
        fence = claim.fence
        generation = start.generation
        committedGeneration = claim.generation
        committed = claim.position
        self.start = start.offset
        isStartGuessed = start.isGuess
        expected = claim.position?.nextOffset ?? -1
        previous = start.offset - 1
        anchor = start.anchor
        decided = start.generation != claim.generation ? start : nil
        committedTimestamp = claim.position?.lastTimestamp ?? -1
    }

    /// Where to read on: the place that was decided, else what was taken and not committed is forgotten.
    func placeToReadFrom() -> Int64 {
        if let moveTo { return moveTo }
        if let decided {
            generation = decided.generation
            expected = committed?.nextOffset ?? -1
            anchor = nil
            // Its hole, if it has one, is found once more.
            previous = (decided.hole?.lowerBound ?? decided.offset) - 1
            return decided.offset
        }
        generation = committedGeneration
        expected = committed?.nextOffset ?? -1
        anchor = committed.map { Anchor($0) }
        let offset = anchor?.offset ?? start
        previous = offset - 1
        return offset
    }

    var nextOffset: Int64 { committed?.nextOffset ?? start }
}
