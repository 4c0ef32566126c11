package import MarketData

/// What a persister's pipeline is made with.
package struct PersistSettings: Sendable {
    package var limits = RowBatchLimits()
    /// How long the first record of a batch waits for others.
    package var batchTime: Duration = .milliseconds(50)
    /// A larger message is a dead letter.
    package var messageBytes = 1_048_576
    /// The only symbols whose candles are kept; empty keeps all.
    package var symbols: Set<Symbol> = []
    /// Candles that opened longer ago are removed; `nil` keeps all.
    package var retention: Duration?
    /// After this long without room the partitions are paused, which throws away what was fetched.
    package var pauseAfter: Duration = .seconds(10)
    /// How long a stop may finish what was taken.
    package var drainLimit: Duration = .milliseconds(3_500)
    /// How long partitions that the group wants back may wait for their rows.
    package var revocationLimit: Duration = .seconds(3)
    /// Called at the named places of a batch's way; what tests that kill the process set.
    package var failpoint: @Sendable (Failpoint) -> Void = { _ in }

    package init() {}

    /// What the consumer subscribes to: names, and closed expressions that begin with `^`.
    package var subscription: [String] {
        TradeRow.Table.topics + [MarketTopic.subscription(to: symbols)]
    }
}

package enum Failpoint: String, CaseIterable, Sendable {
    case beforeWrite = "before_write"
    /// The transaction stands, and nobody knows yet.
    case afterCommit = "after_commit"
    /// The offset was handed to the consumer, which commits it within a second.
    case afterStore = "after_store"
}
