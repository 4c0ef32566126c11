// One connection to one Redis for an epoll loop that its user owns. Nothing here blocks. Each time the descriptor is
// ready or `nextDeadline` has come, the user does, in this order:
//
//     connection.advance(now: now)
//     while connection.receive(now: now) { while let reply = connection.nextReply() { … } }
//     connection.write(…)            // while isReady
//     epoll: descriptor and wantsWrite as they are now; generation tells a new socket, even under an old number
//
// No reply is ever matched to the wrong command: commands in flight are kept in the order of writing, own probes are
// written between commands only, a reply nobody waits for ends the connection, and so does any error. A connection that
// has ended is never used again: what it had in flight gets no reply, and `generation` moves on.

/// A connection that makes itself anew after each failure, until `close`.
///
/// Confined to one thread, but for the look-up of a name, which has its own. Allocates nothing for writes and replies in
/// steady state; the role check, once an interval, does.
@safe package final class Connection {
    package typealias Instant = ContinuousClock.Instant

    let settings: RedisSettings
    let source: any EndpointSource
    let random: () -> Double
    let usesTLS: Bool

    var machine: ConnectionState
    var endpoint: RedisSettings.Endpoint
    var addresses: [SocketAddress] = []
    var resolver: AddressResolver?
    var socket: StreamSocket?
    var tls: TLSSession?
    var reader: ReplyReader
    var outstanding: OutstandingCommands
    /// Own command being written, what of it is out, and the caller's bytes that go out before it.
    var own: [UInt8] = []
    var ownSent = 0
    var ownBoundary = 0
    var hasProbe = false
    /// The caller's bytes that were announced and are not out yet.
    var open = 0
    /// Since when the socket has taken nothing of what waits.
    var stalledSince: Instant?
    /// When a reply was taken last.
    var answeredAt: Instant
    /// When the last attempt to read found that there was no more.
    var emptiedAt: Instant?
    var isDrained = false
    /// Whether this socket has brought anything.
    var hasHeard = false
    /// Whether every whole reply that was read has been taken.
    var isExhausted = true
    /// `advance` has read something that `receive` is to tell.
    var hasNews = false
    var latest: Instant

    /// What epoll watches: the socket, or the look-up of its name; -1 when there is nothing.
    package internal(set) var descriptor: Int32 = -1
    /// A number of its own for each descriptor, rising.
    package internal(set) var generation: UInt64 = 0
    package internal(set) var isReady = false
    /// The server's run_id and redis_version as of the last time this was ready: another run_id is another process, which
    /// may have come back without data.
    package internal(set) var runID: String?
    package internal(set) var serverVersion: String?
    /// A subscriber's connection: see `listen`.
    package internal(set) var isListening = false

    /// - Parameters:
    ///   - source: where to connect; `nil`: the settings' endpoint.
    ///   - random: 0 ..< 1, for the jitter of the waiting times.
    package init(
        _ settings: RedisSettings, source: (any EndpointSource)? = nil,
        random: @escaping () -> Double = { Double.random(in: 0..<1) }, now: Instant = .now
    ) {
        var settings = settings
        if case .unix = settings.endpoint { settings.usesTLS = false }
        self.settings = settings
        self.source = source ?? StaticEndpoint(settings.endpoint)
        self.random = random
        usesTLS = settings.usesTLS
        endpoint = settings.endpoint
        machine = ConnectionState(ConnectionState.Limits(settings), now: now)
        reader = ReplyReader(limit: settings.replyLimit)
        outstanding = OutstandingCommands(deadline: settings.replyDeadline, now: now)
        latest = now
        answeredAt = now
    }

    package var phase: ConnectionState.Phase { machine.phase }
    /// Why the last connection (or attempt) ended, and when; it stays when the next one is ready.
    package var lastFailure: (error: RedisError, at: Instant)? { machine.lastFailure }
    /// Where it is, or is to be, connected.
    package var currentEndpoint: RedisSettings.Endpoint { endpoint }
    /// The caller's commands without a reply.
    package var inFlight: Int { outstanding.callerCommands }
    /// Bytes announced by `write` that it did not take yet.
    package var unsent: Int { open }

    /// Whether epoll should also watch for room to write.
    package var wantsWrite: Bool {
        switch machine.phase {
        case .connecting: true
        case .securing: tls?.wantsWrite ?? false
        case .preparing, .ready: open > 0 || ownSent < own.count || (tls?.wantsWrite ?? false)
        case .disconnected, .resolving, .closed: false
        }
    }

    /// When `advance` is to be called at the latest; `nil`: never, for a closed one.
    package var nextDeadline: Instant? {
        guard var deadline = machine.deadline else { return nil }
        if let replyDue { deadline = min(deadline, replyDue) }
        if let stalledSince { deadline = min(deadline, stalledSince + settings.replyDeadline) }
        return deadline
    }

    /// Goes on with whatever is possible now: look-up, connecting, handshake, own commands, deadlines.
    package func advance(now: Instant) {
        latest = now
        isDrained = false
        drive(.tick, now)
        switch machine.phase {
        case .resolving: checkResolver(now)
        case .connecting: checkConnected(now)
        case .securing: handshake(now)
        case .preparing: prepare(now)
        case .ready: keep(now)
        case .disconnected, .closed: break
        }
    }

    /// Writes what the socket takes of `bytes`: the rest of what earlier calls announced, then new whole commands.
    ///
    /// What was announced has to be offered again, unchanged, until it is out; new commands may follow it at once.
    /// - Parameter commands: how many whole commands `bytes` has beyond what was announced before (`unsent` bytes).
    /// - Returns: the number of bytes taken. After a failure (`isReady` is false) the number says nothing.
    package func write(_ bytes: UnsafeRawBufferPointer, commands: Int, now: Instant) -> Int {
        guard isReady else { return 0 }
        precondition(bytes.count >= open, "bytes that were announced have to be offered again")
        precondition(
            isListening || (bytes.count > open) == (commands > 0),
            "new bytes are whole commands, and their number is told")
        outstanding.wrote(commands, by: .caller, now: now)
        open = bytes.count
        var sent = 0
        while flushOwn(now), isReady {
            let count = ownSent < own.count ? ownBoundary : open
            guard count > 0 else { break }
            let taken = unsafe send(UnsafeRawBufferPointer(rebasing: bytes[sent..<sent + count]), now)
            sent += taken
            open -= taken
            if ownSent < own.count { ownBoundary -= taken }
            if taken > 0, open > 0 { outstanding.progressed(now: now) }
            // A plain socket that took less than it was offered would take nothing more now.
            if taken == 0 || (taken < count && tls == nil) { break }
        }
        if isReady { stalledSince = open > 0 || ownSent < own.count ? (sent > 0 ? now : stalledSince ?? now) : nil }
        return sent
    }

    /// Reads once from the socket. `true`: bytes came, take the replies with `nextReply`, then call again; `false`: there
    /// is no more for now, or the connection has failed.
    package func receive(now: Instant) -> Bool {
        // While own commands are answered, what comes is theirs: `advance` reads it.
        guard isReady else { return false }
        if hasNews {
            hasNews = false
            return true
        }
        return pull(now)
    }

    /// The reply to the caller's oldest command without one; `nil` when it has not come, or the connection has failed.
    /// Texts are valid until the next call of this connection. Replies to own commands are taken here, silently.
    package func nextReply() -> Reply? {
        while isReady {
            guard let reply = readReply() else {
                checkReplyDeadline()
                return nil
            }
            answeredAt = latest
            if isListening, outstanding.next != .role {
                guard Self.isPong(reply), outstanding.next == .ping else { return reply }
            }
            switch outstanding.answered() {
            case .caller: return reply
            case .role: checkRole(reply)
            case .ping: hasProbe = false
            case .step, nil: fail(.surplusReply, latest)
            }
        }
        return nil
    }

    /// Takes the caller's next replies as long as they are integers that have come whole; the number of them, 0 when
    /// `nextReply` has to look.
    package func nextIntegers(into target: UnsafeMutableBufferPointer<Int64>) -> Int {
        guard isReady, !isListening else { return 0 }
        let limit = outstanding.callersRun(target.count)
        guard limit > 0 else { return 0 }
        let count = unsafe reader.integers(into: UnsafeMutableBufferPointer(rebasing: target[..<limit]))
        outstanding.answeredCaller(count)
        if count > 0 { answeredAt = latest }
        return count
    }

    /// From now on replies come without commands (after SUBSCRIBE): every one goes to the caller, what it writes is not
    /// counted, and the own probe is PING. Ends with the connection.
    /// - Precondition: ready, and none of the caller's commands is in flight.
    package func listen() {
        precondition(isReady && inFlight == 0, "commands in flight would lose their replies")
        isListening = true
    }

    /// Ends this connection for a reason of the caller's; the next one is made after the waiting time.
    package func fail(_ reason: String, now: Instant) { fail(.poisoned(reason), now) }

    /// Ends it for good.
    package func close() { drive(.close, latest) }
}
