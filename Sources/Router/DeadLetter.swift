/// A record that can't be delivered, with all that is needed to look into it and to deliver it later.
package struct DeadLetter: Sendable {
    /// Where it failed.
    package enum Stage: String, Sendable {
        case route
        case publish
        case stream
    }

    package let stage: Stage
    package let source: SourcePartition
    package let offset: Int64
    /// The record's own time in ms; -1 when it has none.
    package let timestamp: Int64
    package let contents: RecordContents
    package let reason: RefusalReason
    /// Redis' own words, or what is wrong with the value.
    package let detail: String
    /// Whom to tell the result.
    package let ticket: DeadLetterTicket
}

/// Says which record of which lane a result is about, and whether it still matters.
package struct DeadLetterTicket: Equatable, Sendable {
    package let slot: Int32
    package let epoch: UInt32
    package let offset: Int64
    package let byteCount: Int
}

package struct DeadLetterResult: Sendable {
    package enum Outcome: Sendable {
        case written
        /// Not yet; it is tried again until it is. The sentence says what is wrong.
        case delayed(String)
    }
    package let ticket: DeadLetterTicket
    package let outcome: Outcome

    package init(ticket: DeadLetterTicket, outcome: Outcome) {
        self.ticket = ticket
        self.outcome = outcome
    }
}

/// Takes dead letters to where they are kept, in its own time, and tells the lane of each.
package protocol DeadLetterSink: AnyObject, Sendable {
    /// Never blocks. The lane limits how many are unwritten.
    func submit(_ letter: DeadLetter, resultTo control: LaneControl)
}
