/// A record that can't be delivered, with all that is needed to look into it and to deliver it later.
package struct DeadLetter: Sendable {
    /// Where it failed.
    package enum Stage: String, Sendable {
        case route
        case publish
        case stream
        case persist
    }

    /// What ends the name of a dead-letter topic; such a topic is never read by a pipeline, whatever a rule says.
    package static let topicSuffix = ".dlq"

    package let stage: Stage
    package let source: SourcePartition
    package let offset: Int64
    /// The record's own time in ms; -1 when it has none.
    package let timestamp: Int64
    package let contents: RecordContents
    /// One of the stage's own words.
    package let reason: String
    /// Redis' own words, or what is wrong with the value.
    package let detail: String
    /// Whom to tell the result.
    package let ticket: DeadLetterTicket

    package init(
        stage: Stage, source: SourcePartition, offset: Int64, timestamp: Int64, contents: RecordContents,
        reason: String,
        detail: String, ticket: DeadLetterTicket
    ) {
        self.stage = stage
        self.source = source
        self.offset = offset
        self.timestamp = timestamp
        self.contents = contents
        self.reason = reason
        self.detail = detail
        self.ticket = ticket
    }
}

/// Says which record of which pipeline a result is about, and whether it still matters.
package struct DeadLetterTicket: Equatable, Sendable {
    package let slot: Int32
    package let epoch: UInt32
    package let offset: Int64
    package let byteCount: Int

    package init(slot: Int32, epoch: UInt32, offset: Int64, byteCount: Int) {
        self.slot = slot
        self.epoch = epoch
        self.offset = offset
        self.byteCount = byteCount
    }
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

/// Takes dead letters to where they are kept, in its own time, and tells the pipeline of each.
package protocol DeadLetterSink: AnyObject, Sendable {
    /// Never blocks. The pipeline limits how many are unwritten.
    func submit(_ letter: DeadLetter, resultTo control: PipelineControl)
}
