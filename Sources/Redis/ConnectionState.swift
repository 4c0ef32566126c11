/// What a connection does next: pure decisions of (state, event, time); the `Connection` performs the actions.
package struct ConnectionState: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// The connection's own commands before anyone else's, in this order; those without need are left out.
    package enum Step: Sendable, Equatable, CaseIterable {
        case authenticate, select, name, ping, role, server
    }

    package enum Phase: Sendable, Equatable {
        /// Waits · to `resolving` at `until`.
        case disconnected(until: Instant)
        /// The name is being looked up · to `connecting` with its addresses · to `disconnected` without any.
        case resolving(until: Instant)
        /// One of the addresses is tried · to `securing` or `preparing` when it answers · to the next address or
        /// `disconnected` when not.
        case connecting(address: Int, of: Int, until: Instant)
        /// TLS handshake · to `preparing` · to `disconnected`.
        case securing(until: Instant)
        /// An own command waits for its answer · to the next step, after the last to `ready` · to `disconnected`.
        case preparing(Step, until: Instant)
        /// Everybody's commands are taken · to `disconnected` on any failure.
        case ready(nextProbe: Instant)
        /// For good.
        case closed
    }

    package enum Event: Sendable, Equatable {
        /// Time has passed, nothing else.
        case tick
        case resolved(addresses: Int)
        case connected
        case secured
        /// The step's command was answered well.
        case answered
        /// - Parameter jitter: a random number, 0 ..< 1.
        case failed(RedisError, jitter: Double)
        case close
    }

    package enum Action: Sendable, Equatable {
        case nothing
        case resolve
        /// Open a socket to this one of the addresses, after closing the last one's.
        case connect(address: Int)
        case secure
        case send(Step)
        /// Ask for the role again, at the next boundary between commands.
        case probe
        /// Close the socket and forget all that was in flight.
        case abandon
        /// The phase's time is over: report this as `failed`.
        case expire(RedisError)
    }

    package struct Limits: Sendable {
        package var connectTimeout: Duration
        package var replyDeadline: Duration
        package var roleCheckInterval: Duration
        package var backoff: ClosedRange<Duration>
        package var usesTLS: Bool
        /// In the order of `Step`; ends with `.role` and `.server`.
        package var steps: [Step]

        package init(_ settings: RedisSettings) {
            connectTimeout = settings.connectTimeout
            replyDeadline = settings.replyDeadline
            roleCheckInterval = settings.roleCheckInterval
            backoff = settings.backoff
            usesTLS = settings.usesTLS
            steps = Step.allCases.filter { step in
                switch step {
                case .authenticate: settings.password != nil
                case .select: settings.database != 0
                case .name: settings.clientName != nil
                case .ping, .role, .server: true
                }
            }
        }
    }

    package private(set) var phase: Phase
    /// Why the last connection ended, and when; stays until the next failure.
    package private(set) var lastFailure: (error: RedisError, at: Instant)?
    private let limits: Limits
    private var backoff: Backoff

    package init(_ limits: Limits, now: Instant) {
        self.limits = limits
        backoff = Backoff(limits.backoff)
        phase = .disconnected(until: now)
    }

    /// When `tick` has something to do; `nil`: never.
    package var deadline: Instant? {
        switch phase {
        case .disconnected(let until), .resolving(let until), .connecting(_, _, let until), .securing(let until),
            .preparing(_, let until), .ready(let until):
            until
        case .closed: nil
        }
    }

    package mutating func on(_ event: Event, now: Instant) -> Action {
        switch event {
        case .tick: return tick(now)
        case .close:
            phase = .closed
            return .abandon
        case .failed(let error, let jitter): return fail(error, jitter, now)
        case .resolved(let count):
            guard case .resolving = phase, count > 0 else { return .nothing }
            phase = .connecting(address: 0, of: count, until: now + limits.connectTimeout)
            return .connect(address: 0)
        case .connected:
            guard case .connecting = phase else { return .nothing }
            guard limits.usesTLS else { return prepare(limits.steps[0], now) }
            phase = .securing(until: now + limits.connectTimeout)
            return .secure
        case .secured:
            guard case .securing = phase else { return .nothing }
            return prepare(limits.steps[0], now)
        case .answered: return answered(now)
        }
    }

    private mutating func tick(_ now: Instant) -> Action {
        guard let deadline, now >= deadline else { return .nothing }
        switch phase {
        case .disconnected:
            phase = .resolving(until: now + limits.connectTimeout)
            return .resolve
        case .resolving: return .expire(timeout("looking up the name"))
        case .connecting: return .expire(timeout("connecting"))
        case .securing: return .expire(timeout("the TLS handshake"))
        case .preparing: return .expire(.replyDeadline(limits.replyDeadline))
        case .ready:
            phase = .ready(nextProbe: now + limits.roleCheckInterval)
            return .probe
        case .closed: return .nothing
        }
    }

    private func timeout(_ what: String) -> RedisError {
        .connectTimeout(endpoint: "Redis", phase: what, limit: limits.connectTimeout)
    }

    private mutating func prepare(_ step: Step, _ now: Instant) -> Action {
        phase = .preparing(step, until: now + limits.replyDeadline)
        return .send(step)
    }

    private mutating func answered(_ now: Instant) -> Action {
        guard case .preparing(let step, _) = phase, let index = limits.steps.firstIndex(of: step) else {
            return .nothing
        }
        if index + 1 < limits.steps.count { return prepare(limits.steps[index + 1], now) }
        backoff.reset()
        phase = .ready(nextProbe: now + limits.roleCheckInterval)
        return .nothing
    }

    private mutating func fail(_ error: RedisError, _ jitter: Double, _ now: Instant) -> Action {
        switch phase {
        case .closed, .disconnected: return .nothing
        case .connecting(let address, let count, _) where address + 1 < count:
            lastFailure = (error, now)
            phase = .connecting(address: address + 1, of: count, until: now + limits.connectTimeout)
            return .connect(address: address + 1)
        case .resolving, .connecting, .securing, .preparing, .ready:
            lastFailure = (error, now)
            phase = .disconnected(until: now + backoff.next(jitter: jitter))
            return .abandon
        }
    }
}
