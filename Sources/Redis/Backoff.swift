/// How long to wait before the next attempt: a limit that doubles with each failure, and a random part of it.
package struct Backoff: Sendable {
    package let range: ClosedRange<Duration>
    private var limit: Duration

    package init(_ range: ClosedRange<Duration>) {
        self.range = range
        limit = range.lowerBound
    }

    /// The next waiting time, between the range's lower bound and the grown limit.
    /// - Parameter jitter: a random number, 0 ..< 1.
    package mutating func next(jitter: Double) -> Duration {
        limit = min(limit * 2, range.upperBound)
        return range.lowerBound + (limit - range.lowerBound) * min(max(jitter, 0), 1)
    }

    /// After a success.
    package mutating func reset() { limit = range.lowerBound }
}
