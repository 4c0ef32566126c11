/// What a connection does for itself: own commands, deadlines, and the one way bytes come in and go out.
extension Connection {
    var isPreparing: Bool { if case .preparing = machine.phase { true } else { false } }

    func fail(_ error: RedisError, _ now: Instant) {
        var error = error
        // So a TLS server takes leave of who does not speak it.
        if error == .closedByServer, isPreparing, !hasHeard, !usesTLS, case .tcp = endpoint {
            error = .closedUnheard(endpoint: endpoint.description)
        }
        drive(.failed(error, jitter: random()), now)
    }

    /// Hands the event to the state machine and performs what it says, and what follows from that.
    func drive(_ event: ConnectionState.Event, _ now: Instant) {
        var next: ConnectionState.Event? = event
        while let event = next {
            let action = machine.on(event, now: now)
            if case .ready = machine.phase { isReady = true } else { isReady = false }
            next = perform(action, now)
        }
    }

    func perform(_ action: ConnectionState.Action, _ now: Instant) -> ConnectionState.Event? {
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
            if case .securing = machine.phase, let tls, !tls.hasHeard {
                let problem = TLSProblem.silentServer(endpoint.description, limit: limit)
                return .failed(.tls(problem), jitter: random())
            }
            return .failed(
                .connectTimeout(endpoint: endpoint.description, phase: phase, limit: limit), jitter: random())
        }
    }

    /// The bytes go out behind what the caller has announced.
    func begin(_ bytes: [UInt8], _ owner: OutstandingCommands.Owner, _ now: Instant) {
        own = bytes
        ownSent = 0
        ownBoundary = open
        outstanding.wrote(1, by: owner, now: now)
    }

    func watch(_ descriptor: Int32) {
        self.descriptor = descriptor
        generation += 1
    }

    func tearDown() {
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
        hasHeard = false
        isDrained = false
        isExhausted = true
        hasNews = false
        stalledSince = nil
        emptiedAt = nil
    }

    /// Own commands one after the other, each after the last one's answer.
    func prepare(_ now: Instant) {
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
    func keep(_ now: Instant) {
        _ = flushOwn(now)
        if let stalledSince, now - stalledSince >= settings.replyDeadline {
            return fail(.writeStalled(settings.replyDeadline), now)
        }
        guard let replyDue, now >= replyDue, isExhausted else { return }
        // Replies may lie in the socket: only an attempt to read at this moment tells. The caller takes what comes.
        hasNews = pull(now)
    }

    /// Reads once from the socket; `false` when there is no more for now, or the connection has failed.
    func pull(_ now: Instant) -> Bool {
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
            hasHeard = true
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
    var replyDue: Instant? {
        outstanding.oldest.map { max($0, answeredAt) + settings.replyDeadline }
    }

    /// The reply is late, and was not there when the socket had nothing more to give.
    func checkReplyDeadline() {
        guard isReady, let emptiedAt, let replyDue, emptiedAt >= replyDue else { return }
        fail(.replyDeadline(settings.replyDeadline), latest)
    }

    func readReply() -> Reply? {
        do {
            if let reply = try reader.next() { return reply }
            isExhausted = true
            return nil
        } catch {
            fail(error, latest)
            return nil
        }
    }

    func checkRole(_ reply: Reply) {
        hasProbe = false
        if let error = OwnCommands.roleProblem(reply) { fail(error, latest) }
    }

    static func isPong(_ reply: Reply) -> Bool {
        guard case .array(let elements) = reply else { return false }
        return elements.first?.string == "pong"
    }

    /// Writes the own command once the caller's bytes before it are out; `false` when the socket is full.
    func flushOwn(_ now: Instant) -> Bool {
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
    func send(_ bytes: UnsafeRawBufferPointer, _ now: Instant) -> Int {
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
    func judge(_ reply: Reply, to step: ConnectionState.Step) -> RedisError? {
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
