/// The holder's side of a lease: a worker's right to serve, or a gateway's to control.
///
/// It counts on the holder's own monotonic clock, from the moment a renewal was *sent*: the storage can't have granted
/// it earlier, so it can't end later there than here plus the margin, whether the storage is reachable or not. A holder
/// that stood still finds its lease lost at the first event after it, whatever that event brings: each `.start` but the
/// first comes after a `.stop` of its own. The shell sends renewals when `renewsAt` says so and reports what came of them.
package struct Lease: Sendable {
    package typealias Instant = ContinuousClock.Instant

    package struct Terms: Sendable {
        /// How long the storage keeps a lease after a renewal.
        package let duration: Duration
        /// How much earlier the holder stops: two clocks may differ by this much over one duration.
        package let margin: Duration
        /// From one renewal to the next.
        package let interval: Duration

        package static let standard = Terms(duration: .seconds(10), margin: .seconds(3), interval: .seconds(2))

        package init(duration: Duration, margin: Duration, interval: Duration) {
            precondition(
                interval > .zero && margin > .zero && interval * 2 < duration - margin,
                "two renewals may fail before the holder stops")
            self.duration = duration
            self.margin = margin
            self.interval = interval
        }
    }

    package enum State: Equatable, Sendable {
        /// Never held since the start · leaves to held when the storage grants it.
        case unheld
        /// Renewed in time · leaves to at risk when a renewal is late, to lost when the storage says no.
        case held(until: Instant)
        /// A renewal is late by an interval; the holder still serves · leaves to held when one comes through, to lost at
        /// the end or when the storage says no.
        case atRisk(until: Instant)
        /// Its time is over, or the storage gave it to another: the holder serves nothing · leaves to held when the
        /// storage grants it anew, and the holder then reads its symbols anew.
        case lost
    }

    package enum Event: Sendable {
        case tick
        /// The storage granted or renewed it; when the request was sent.
        case granted(sent: Instant)
        /// The storage says that it is another's, or nobody's.
        case refused
        /// No answer, or an error: nothing is known.
        case failed
    }

    package enum Action: Equatable, Sendable {
        case none
        /// Begin to serve; it serves nothing yet.
        case start
        /// Stop at once.
        case stop
    }

    private let terms: Terms
    package private(set) var state: State = .unheld
    /// When to send the next request.
    package private(set) var renewsAt: Instant
    private var lastGrant: Instant?

    package init(_ terms: Terms, now: Instant) {
        self.terms = terms
        renewsAt = now
    }

    /// When the holder stops without a further renewal; `nil` while it holds nothing.
    package var end: Instant? {
        switch state {
        case .held(let end), .atRisk(let end): end
        case .unheld, .lost: nil
        }
    }

    package var isHeld: Bool {
        switch state {
        case .held, .atRisk: true
        case .unheld, .lost: false
        }
    }

    package mutating func on(_ event: Event, now: Instant) -> Action {
        let expiry = expire(now: now)
        switch event {
        case .tick: return expiry
        case .granted(let sent):
            // Over before the grant was heard: the holder stops first, and asks again at once.
            return expiry == .stop ? .stop : grant(sent: sent, now: now)
        case .refused:
            renewsAt = now + terms.interval
            let served = isHeld
            if served { state = .lost }
            return served ? .stop : expiry
        case .failed:
            renewsAt = now + terms.interval
            return expiry
        }
    }

    /// What the clock alone says.
    private mutating func expire(now: Instant) -> Action {
        guard isHeld, let lastGrant else { return .none }
        let end = lastGrant + terms.duration - terms.margin
        if now >= end {
            state = .lost
            renewsAt = min(renewsAt, now)
            return .stop
        }
        if now >= lastGrant + terms.interval * 2 { state = .atRisk(until: end) }
        return .none
    }

    private mutating func grant(sent: Instant, now: Instant) -> Action {
        renewsAt = max(now, sent + terms.interval)
        let end = sent + terms.duration - terms.margin
        // An answer that took a lease's time, or an older one than is known, grants nothing.
        guard now < end, lastGrant.map({ sent >= $0 }) ?? true else { return .none }
        lastGrant = sent
        let served = isHeld
        state = .held(until: end)
        return served ? .none : .start
    }
}
