import Glibc

/// One blocking connection for people who wait: checks, tests, the reference subscriber. Not for a lane.
///
/// Confined to one thread. After an error the next call connects anew; subscriptions do not survive that: a subscriber
/// that gets an error subscribes again, and asks for what it missed.
@safe package final class Client {
    package struct Message: Sendable, Equatable {
        package let channel: String
        package let payload: [UInt8]

        package init(channel: String, payload: [UInt8]) {
            self.channel = channel
            self.payload = payload
        }
    }

    package let connection: Connection
    private let patience: Duration
    private var messages: [Message] = []
    /// Messages kept beyond which nothing more is read: the server's output buffer is the queue.
    private static let messageLimit = 256

    /// - Parameter patience: how long a call may take that is given no time of its own, connecting included.
    package init(_ settings: RedisSettings, source: (any EndpointSource)? = nil, patience: Duration = .seconds(5)) {
        connection = Connection(settings, source: source)
        self.patience = patience
    }

    /// Waits until the server is ready. A cause that only a person can remove is thrown at once, any other when the time
    /// is over.
    package func connect(within limit: Duration? = nil) throws(RedisError) {
        try connect(before: .now + (limit ?? patience), limit ?? patience)
    }

    /// One command and its answer. An error reply is thrown as `refused`.
    @discardableResult
    package func command(_ words: [String], within limit: Duration? = nil) throws(RedisError) -> ReplyTree {
        try command(words.map { Array($0.utf8) }, within: limit)
    }

    @discardableResult
    package func command(_ words: [[UInt8]], within limit: Duration? = nil) throws(RedisError) -> ReplyTree {
        precondition(!connection.isListening, "a subscriber's connection takes no other commands")
        let limit = limit ?? patience
        let deadline = ContinuousClock.now + limit
        try connect(before: deadline, limit)
        let generation = connection.generation
        try write(CommandEncoder.encode(words), commands: 1, before: deadline, limit)
        while true {
            while connection.receive(now: .now) {
                guard let reply = connection.nextReply() else { continue }
                guard case .error(let text) = reply else { return reply.tree }
                let name = words.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
                throw .refused(command: name, unsafe ReplyError.classify(text.bytes), words: text.string)
            }
            try check(generation)
            try wait(before: deadline, limit)
        }
    }

    /// Subscribes and waits for every confirmation: what is published from now on comes with `nextMessage`.
    package func subscribe(_ channels: [String], within limit: Duration? = nil) throws(RedisError) {
        try subscribe("SUBSCRIBE", "subscribe", channels, within: limit)
    }

    /// The same for patterns; a message's `channel` is the channel's own name.
    package func subscribe(patterns: [String], within limit: Duration? = nil) throws(RedisError) {
        try subscribe("PSUBSCRIBE", "psubscribe", patterns, within: limit)
    }

    /// The next message; `nil` when none came within the time.
    package func nextMessage(within limit: Duration) throws(RedisError) -> Message? {
        let deadline = ContinuousClock.now + limit
        guard connection.isListening || !messages.isEmpty else { throw connection.lastFailure?.error ?? .closed }
        let generation = connection.generation
        while messages.isEmpty {
            try collect { _ in }
            try check(generation)
            guard messages.isEmpty else { break }
            guard ContinuousClock.now < deadline else { return nil }
            pause(before: deadline)
            connection.advance(now: .now)
            try check(generation)
        }
        return messages.removeFirst()
    }

    package func close() { connection.close() }

    private func connect(before deadline: ContinuousClock.Instant, _ limit: Duration) throws(RedisError) {
        if connection.isReady {
            // What happened to it since the last call shows only now.
            connection.advance(now: .now)
            while connection.receive(now: .now) { while connection.nextReply() != nil {} }
        }
        let started = ContinuousClock.now
        while !connection.isReady {
            connection.advance(now: .now)
            if connection.isReady { return }
            if case .closed = connection.phase { throw .closed }
            if let failure = connection.lastFailure, failure.at >= started, failure.error.advice == .tell {
                throw failure.error
            }
            guard ContinuousClock.now < deadline else {
                throw connection.lastFailure?.error ?? .commandTimeout(limit)
            }
            pause(before: deadline)
        }
    }

    private func subscribe(_ command: String, _ answer: String, _ channels: [String], within limit: Duration?)
        throws(RedisError)
    {
        let limit = limit ?? patience
        let deadline = ContinuousClock.now + limit
        try connect(before: deadline, limit)
        if !connection.isListening { connection.listen() }
        let generation = connection.generation
        try write(CommandEncoder.encode([command] + channels), commands: 0, before: deadline, limit)
        var missing = channels.count
        while true {
            try collect { name in if name == answer { missing -= 1 } }
            try check(generation)
            if missing <= 0 { return }
            try wait(before: deadline, limit)
        }
    }

    /// Takes all that has come: messages are kept, anything else is told by its first word.
    private func collect(_ other: (String) -> Void) throws(RedisError) {
        while messages.count < Self.messageLimit, connection.receive(now: .now) {
            while let reply = connection.nextReply() {
                if case .error(let text) = reply {
                    throw .refused(command: "SUBSCRIBE", unsafe ReplyError.classify(text.bytes), words: text.string)
                }
                guard case .array(let elements) = reply, let kind = elements.first?.string else { continue }
                switch (kind, elements.count) {
                case ("message", 3): keep(elements[1], elements[2])
                case ("pmessage", 4): keep(elements[2], elements[3])
                default: other(kind)
                }
            }
        }
    }

    private func keep(_ channel: ReplyTree, _ payload: ReplyTree) {
        guard let name = channel.string, case .bulk(let bytes) = payload else { return }
        messages.append(Message(channel: name, payload: bytes))
    }

    private func write(_ bytes: [UInt8], commands: Int, before deadline: ContinuousClock.Instant, _ limit: Duration)
        throws(RedisError)
    {
        let generation = connection.generation
        var sent = 0
        while true {
            let count = sent == 0 ? commands : 0
            sent += unsafe bytes.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[sent...])
                return unsafe connection.write(rest, commands: connection.unsent == 0 ? count : 0, now: .now)
            }
            try check(generation)
            if sent == bytes.count { return }
            try wait(before: deadline, limit)
        }
    }

    private func check(_ generation: UInt64) throws(RedisError) {
        guard connection.isReady, connection.generation == generation else {
            throw connection.lastFailure?.error ?? .closed
        }
    }

    private func wait(before deadline: ContinuousClock.Instant, _ limit: Duration) throws(RedisError) {
        guard ContinuousClock.now < deadline else {
            // The answer may still come and must not be taken for the next command's.
            connection.fail("the answer to a command did not come in time", now: .now)
            throw .commandTimeout(limit)
        }
        let generation = connection.generation
        pause(before: deadline)
        connection.advance(now: .now)
        try check(generation)
    }

    /// Until the connection has something to do, or the deadline.
    private func pause(before deadline: ContinuousClock.Instant) {
        var until = deadline
        if let next = connection.nextDeadline { until = min(until, next) }
        let time = max(.zero, until - .now)
        let milliseconds = time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000 + 1
        let events = Int16(POLLIN) | (connection.wantsWrite ? Int16(POLLOUT) : 0)
        // poll ignores a negative descriptor and just waits.
        var watched = pollfd(fd: connection.descriptor, events: events, revents: 0)
        _ = unsafe poll(&watched, 1, Int32(clamping: milliseconds))
    }
}
