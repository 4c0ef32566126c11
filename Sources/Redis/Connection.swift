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
    private let source: any EndpointSource
    private let random: () -> Double
    private let usesTLS: Bool

    private(set) var machine: ConnectionState
    private var endpoint: RedisSettings.Endpoint
    private var addresses: [SocketAddress] = []
    private var resolver: AddressResolver?
    private var socket: StreamSocket?
    private var tls: TLSSession?
    private var reader: ReplyReader
    private var outstanding: OutstandingCommands
    /// Own command being written, what of it is out, and the caller's bytes that go out before it.
    private var own: [UInt8] = []
    private var ownSent = 0
    private var ownBoundary = 0
    private var hasProbe = false
    /// The caller's bytes that were announced and are not out yet.
    private var open = 0
    /// Since when the socket has taken nothing of what waits.
    private var stalledSince: Instant?
    /// When a reply was taken last.
    private var answeredAt: Instant
    /// When the last attempt to read found that there was no more.
    private var emptiedAt: Instant?
    private var isDrained = false
    /// Whether every whole reply that was read has been taken.
    private var isExhausted = true
    /// `advance` has read something that `receive` is to tell.
    private var hasNews = false
    private var latest: Instant

    /// What epoll watches: the socket, or the look-up of its name; -1 when there is nothing.
    package private(set) var descriptor: Int32 = -1
    /// A number of its own for each descriptor, rising.
    package private(set) var generation: UInt64 = 0
    package private(set) var isReady = false
    /// The server's run_id and redis_version as of the last time this was ready: another run_id is another process, which
    /// may have come back without data.
    package internal(set) var runID: String?
    package internal(set) var serverVersion: String?
    /// A subscriber's connection: see `listen`.
    package private(set) var isListening = false

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

// MARK: Own work

extension Connection {
    private var isPreparing: Bool { if case .preparing = machine.phase { true } else { false } }

    func fail(_ error: RedisError, _ now: Instant) { drive(.failed(error, jitter: random()), now) }

    /// Hands the event to the state machine and performs what it says, and what follows from that.
    func drive(_ event: ConnectionState.Event, _ now: Instant) {
        var next: ConnectionState.Event? = event
        while let event = next {
            let action = machine.on(event, now: now)
            if case .ready = machine.phase { isReady = true } else { isReady = false }
            next = perform(action, now)
        }
    }

    private func perform(_ action: ConnectionState.Action, _ now: Instant) -> ConnectionState.Event? {
        switch action {
        case .nothing: return nil
        case .resolve: return resolve()
        case .connect(let index): return connect(addresses[index])
        case .secure: return secure()
        case .send(let step):
            begin(OwnCommands.bytes(step, settings), .step, now)
            return nil
        case .probe:
            guard !hasProbe, !outstanding.isCrowded else { return nil }
            hasProbe = true
            begin(isListening ? OwnCommands.ping : OwnCommands.role, isListening ? .ping : .role, now)
            return nil
        case .abandon:
            tearDown()
            return nil
        case .expire(let error):
            guard case .connectTimeout(_, let phase, let limit) = error else { return .failed(error, jitter: random()) }
            return .failed(
                .connectTimeout(endpoint: endpoint.description, phase: phase, limit: limit), jitter: random())
        }
    }

    /// The bytes go out behind what the caller has announced.
    private func begin(_ bytes: [UInt8], _ owner: OutstandingCommands.Owner, _ now: Instant) {
        own = bytes
        ownSent = 0
        ownBoundary = open
        outstanding.wrote(1, by: owner, now: now)
    }

    private func watch(_ descriptor: Int32) {
        self.descriptor = descriptor
        generation += 1
    }

    private func tearDown() {
        tls = nil
        socket = nil
        descriptor = -1
        reader = ReplyReader(limit: settings.replyLimit)
        outstanding.removeAll()
        own = []
        ownSent = 0
        open = 0
        hasProbe = false
        isListening = false
        isDrained = false
        isExhausted = true
        hasNews = false
        stalledSince = nil
        emptiedAt = nil
    }

    private func resolve() -> ConnectionState.Event? {
        endpoint = source.endpoint(after: machine.lastFailure?.error)
        switch endpoint {
        case .unix(let path):
            guard let address = SocketAddress(unixPath: path) else {
                let error = RedisError.connect(
                    endpoint: path, words: "the path is longer than the 107 bytes of a socket's")
                return .failed(error, jitter: random())
            }
            addresses = [address]
            return .resolved(addresses: 1)
        case .tcp(let host, let port):
            if case .success(let found) = SocketAddress.lookUp(host: host, port: port, isNumeric: true) {
                addresses = found
                return .resolved(addresses: found.count)
            }
            if resolver?.host != host || resolver?.port != port { resolver = AddressResolver(host: host, port: port) }
            if let resolver { watch(resolver.descriptor) }
            return nil
        }
    }

    private func checkResolver(_ now: Instant) {
        guard let result = resolver?.result else { return }
        resolver = nil
        descriptor = -1
        switch result {
        case .success(let found) where !found.isEmpty:
            addresses = found
            drive(.resolved(addresses: found.count), now)
        case .success:
            fail(.resolution(host: endpoint.description, words: "it has no address"), now)
        case .failure(let error): fail(error, now)
        }
    }

    private func connect(_ address: SocketAddress) -> ConnectionState.Event? {
        tearDown()
        do {
            let socket = try StreamSocket(connectingTo: address, endpoint: endpoint.description)
            watch(socket.descriptor)
            self.socket = consume socket
            return nil
        } catch {
            return .failed(error, jitter: random())
        }
    }

    private func checkConnected(_ now: Instant) {
        switch socket?.connected(endpoint: endpoint.description) {
        case .success:
            drive(.connected, now)
            if usesTLS { handshake(now) } else { prepare(now) }
        case .failure(let error): fail(error, now)
        case nil: break
        }
    }

    private func secure() -> ConnectionState.Event? {
        var host = "localhost"
        if case .tcp(let name, _) = endpoint { host = name }
        do {
            tls = try TLSSession(descriptor: descriptor, host: host, authorityLocation: settings.authorityLocation)
            return nil
        } catch {
            return .failed(.tls(error), jitter: random())
        }
    }

    private func handshake(_ now: Instant) {
        guard let tls else { return }
        do {
            guard try tls.handshake() else { return }
            drive(.secured, now)
            prepare(now)
        } catch {
            fail(error, now)
        }
    }

    /// Own commands one after the other, each after the last one's answer.
    private func prepare(_ now: Instant) {
        _ = flushOwn(now)
        while isPreparing, pull(now) {
            while case .preparing(let step, _) = machine.phase, let reply = readReply() {
                guard outstanding.answered() == .step else { return fail(.surplusReply, now) }
                if let error = judge(reply, to: step) { return fail(error, now) }
                drive(.answered, now)
                _ = flushOwn(now)
            }
        }
        // Bytes behind the last answer belong to nobody: `nextReply` finds that out.
        if isReady {
            hasNews = reader.hasUnread
            isExhausted = !hasNews
            answeredAt = now
        }
    }

    /// What is due on a ready connection: own bytes, and both deadlines.
    private func keep(_ now: Instant) {
        _ = flushOwn(now)
        if let stalledSince, now - stalledSince >= settings.replyDeadline {
            return fail(.writeStalled(settings.replyDeadline), now)
        }
        guard let replyDue, now >= replyDue, isExhausted else { return }
        // Replies may lie in the socket: only an attempt to read at this moment tells. The caller takes what comes.
        hasNews = pull(now)
    }

    /// Reads once from the socket; `false` when there is no more for now, or the connection has failed.
    private func pull(_ now: Instant) -> Bool {
        latest = now
        guard socket != nil, !isDrained else {
            isDrained = false
            return false
        }
        let space = unsafe reader.space()
        guard space.count > 0 else { return false }
        let outcome = unsafe tls?.receive(space) ?? socket!.receive(space)
        switch outcome {
        case .bytes(let count):
            reader.received(count)
            isExhausted = false
            isDrained = count < space.count && tls == nil
            emptiedAt = isDrained ? now : nil
            return true
        case .wouldBlock:
            emptiedAt = now
            if isExhausted { checkReplyDeadline() }
        case .endOfStream: fail(.closedByServer, now)
        case .failed(let error): fail(error, now)
        }
        return false
    }

    /// When the reply to the oldest command is late: counted from its writing, or from the reply before it, so that a
    /// server that works through a long backlog is not taken for a hung one.
    private var replyDue: Instant? {
        outstanding.oldest.map { max($0, answeredAt) + settings.replyDeadline }
    }

    /// The reply is late, and was not there when the socket had nothing more to give.
    private func checkReplyDeadline() {
        guard isReady, let emptiedAt, let replyDue, emptiedAt >= replyDue else { return }
        fail(.replyDeadline(settings.replyDeadline), latest)
    }

    private func readReply() -> Reply? {
        do {
            if let reply = try reader.next() { return reply }
            isExhausted = true
            return nil
        } catch {
            fail(error, latest)
            return nil
        }
    }

    private func checkRole(_ reply: Reply) {
        hasProbe = false
        if let error = OwnCommands.roleProblem(reply) { fail(error, latest) }
    }

    private static func isPong(_ reply: Reply) -> Bool {
        guard case .array(let elements) = reply else { return false }
        return elements.first?.string == "pong"
    }

    /// Writes the own command once the caller's bytes before it are out; `false` when the socket is full.
    private func flushOwn(_ now: Instant) -> Bool {
        while ownSent < own.count, ownBoundary == 0 {
            let rest = ownSent
            let taken = unsafe own.withUnsafeBytes { unsafe send(UnsafeRawBufferPointer(rebasing: $0[rest...]), now) }
            guard taken > 0 else {
                if isReady, stalledSince == nil { stalledSince = now }
                return false
            }
            ownSent += taken
            if ownSent == own.count, open == 0 { stalledSince = nil }
        }
        return true
    }

    /// Bytes taken; 0 when the socket is full or the connection has failed just now.
    private func send(_ bytes: UnsafeRawBufferPointer, _ now: Instant) -> Int {
        guard descriptor >= 0 else { return 0 }
        let outcome = unsafe tls?.send(bytes) ?? socket!.send(bytes)
        switch outcome {
        case .bytes(let count): return count
        case .wouldBlock: return 0
        case .endOfStream: fail(.closedByServer, now)
        case .failed(let error): fail(error, now)
        }
        return 0
    }

    /// What is wrong with the answer to an own command, and what it tells about the server.
    private func judge(_ reply: Reply, to step: ConnectionState.Step) -> RedisError? {
        if case .error(let text) = reply {
            let error = unsafe ReplyError.classify(text.bytes, isOwn: true)
            // The name is for people who look at CLIENT LIST; nothing depends on it.
            if step == .name, case .global(.noPermission) = error { return nil }
            return .refused(command: OwnCommands.name(step), error, words: text.string)
        }
        switch step {
        case .authenticate, .select, .name, .ping: return nil
        case .role: return OwnCommands.roleProblem(reply)
        case .server:
            guard case .bulk(let text) = reply else { return .protocolViolation("INFO was not answered with a text") }
            let fields = OwnCommands.fields(text.string)
            runID = fields["run_id"]
            serverVersion = fields["redis_version"]
            return nil
        }
    }
}
