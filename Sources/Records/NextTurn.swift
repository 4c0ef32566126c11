/// When a pipeline's loop comes round again with nothing to do: at the earliest of its deadlines, at most a second from
/// now, for its heartbeat.
package struct NextTurn {
    private let now: ContinuousClock.Instant
    private var moment: ContinuousClock.Instant

    package init(after now: ContinuousClock.Instant) {
        self.now = now
        moment = now + .seconds(1)
    }

    package mutating func notAfter(_ deadline: ContinuousClock.Instant?) {
        if let deadline, deadline < moment { moment = deadline }
    }

    /// Until then. Rounded up, or the last millisecond before a deadline would be spent spinning.
    package var milliseconds: Int32 {
        let (seconds, attoseconds) = (moment - now).components
        return Int32(clamping: max(0, seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}
