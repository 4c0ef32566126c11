package import Records

/// How the pipeline speaks to the store: requests in, answers out, in the same order. Neither call blocks.
package protocol StoreQueue: AnyObject {
    /// Readable when there are answers.
    var descriptor: Int32 { get }
    func submit(_ request: StoreRequest)
    func takeAnswers() -> [StoreAnswer]
}

package enum StoreRequest: Sendable {
    case claim(ticket: UInt64, [SourcePartition])
    /// The batch is the store's until the answer brings it back.
    case write(RowBatch)
    case remove(before: Int64, limit: Int)
}

/// What was only unavailable has no answer: it is tried until there is one.
package enum StoreAnswer: Sendable {
    case claimed(ticket: UInt64, [Claim])
    case wrote(RowBatch, WriteReport, Duration)
    case fenced(RowBatch, [SourcePartition])
    case refused(RowBatch, [StoreError.RefusedRow])
    case removed(Int)
}
