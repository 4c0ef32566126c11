import Records

@testable import Router

/// A Redis in memory with a connection that breaks: what it was sent, what it did, what it answers.
@safe final class SimulatedRedis: RecordSink {
    struct Publication: Equatable {
        let channel: String
        let payload: String
    }

    private(set) var publications: [Publication] = []
    /// Every command as it was parsed.
    private(set) var commands: [[String]] = []
    private(set) var values: [String: String] = [:]
    private(set) var streams: [String: [(generation: Int64, offset: Int64, payload: String)]] = [:]
    /// Channels on which this user may not publish.
    var forbidden: Set<String> = []
    /// Error texts that the next commands get instead of being done.
    var nextErrors: [String] = []
    /// A script runs: every command is refused until the connection ends.
    var isBusy = false
    private(set) var mistakes: [String] = []
    /// Told of each PUBLISH as it is done.
    var onPublish: (_ channel: String) -> Void = { _ in }

    private var received: [UInt8] = []
    private var pending: [Reply] = []
    private var announced = 0
    private var commandsAnnounced = 0
    private var commandsParsed = 0
    private var reconnectAt: ContinuousClock.Instant?
    /// At most so many bytes are taken by one write, and so many replies handed out by one read.
    var writeLimit = Int.max
    var readLimit = Int.max

    private enum Reply {
        case integer(Int64)
        case status
        case text(String)
        case array(String)
        case error(String)
    }

    var descriptor: Int32 { -1 }
    var wantsWrite: Bool { false }
    private(set) var generation: UInt64 = 1
    var isReady: Bool { reconnectAt == nil }
    var nextDeadline: ContinuousClock.Instant? { reconnectAt }
    var serverRun = "run-1"
    private(set) var lastAnswer: ContinuousClock.Instant?
    private(set) var failureSentence: String?
    private(set) var replyText = ""
    var commandsUnanswered: Int { pending.count }

    func advance(now: ContinuousClock.Instant) {
        if let reconnectAt, now >= reconnectAt {
            self.reconnectAt = nil
            generation += 1
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, commands: Int, now: ContinuousClock.Instant) -> Int {
        if bytes.count < announced { mistakes.append("announced bytes were not offered again") }
        if (bytes.count > announced) != (commands > 0) { mistakes.append("new bytes and new commands do not agree") }
        let count = min(bytes.count, writeLimit)
        commandsAnnounced += commands
        announced = bytes.count - count
        unsafe received.append(contentsOf: bytes[..<count])
        while let command = parse() {
            self.commands.append(command)
            perform(command)
        }
        if announced == 0, commandsParsed != commandsAnnounced { mistakes.append("the number of commands was wrong") }
        return count
    }

    func replies(into replies: UnsafeMutablePointer<SinkReply>, capacity: Int, now: ContinuousClock.Instant) -> Int {
        var count = 0
        while count < min(capacity, readLimit), !pending.isEmpty {
            let reply = pending.removeFirst()
            lastAnswer = now
            switch reply {
            case .integer(let value): unsafe replies[count] = SinkReply(kind: .integer, integer: value)
            case .status: unsafe replies[count] = SinkReply(kind: .status)
            case .text(let text): unsafe end(count, .text, text, replies)
            case .array(let text): unsafe end(count, .array, text, replies)
            case .error(let text): unsafe end(count, .error, text, replies)
            }
            count += 1
            switch reply {
            case .integer, .status: continue
            case .text, .array, .error: return count
            }
        }
        readLimit = Int.max
        return count
    }

    private func end(_ index: Int, _ kind: SinkReply.Kind, _ text: String, _ replies: UnsafeMutablePointer<SinkReply>) {
        unsafe replies[index] = SinkReply(kind: kind)
        replyText = text
    }

    func classifyReplyText() -> SinkRefusal {
        if replyText.hasPrefix("OOM") { return .outOfMemory }
        if replyText.hasPrefix("NOPERM") { return .command }
        if replyText.contains("equal or smaller") { return .duplicate }
        return .transient
    }

    func fail(_ reason: String, now: ContinuousClock.Instant) { cut(reason, now: now) }
    func close() {}

    /// The connection ends: half a command is forgotten, and no reply comes any more.
    func cut(_ reason: String, now: ContinuousClock.Instant) {
        guard isReady else { return }
        isBusy = false
        received = []
        pending = []
        announced = 0
        commandsAnnounced = 0
        commandsParsed = 0
        failureSentence = reason
        reconnectAt = now + .milliseconds(100)
    }

    /// Another process in its place, with nothing in memory.
    func restartEmpty(now: ContinuousClock.Instant) {
        cut("restarted", now: now)
        values = [:]
        streams = [:]
        serverRun += "+"
    }

    // MARK: The server

    /// One whole command off the front of what was received; written apart from the encoder, after the RESP2 specification.
    private func parse() -> [String]? {
        var place = 0
        func line() -> String? {
            guard let end = received[place...].firstIndex(of: 13), end + 1 < received.count else { return nil }
            defer { place = end + 2 }
            return String(decoding: received[place..<end], as: UTF8.self)
        }
        guard let head = line() else { return nil }
        guard head.hasPrefix("*"), let count = Int(head.dropFirst()) else {
            mistakes.append("a command began with \(head)")
            received = []
            return nil
        }
        var arguments: [String] = []
        for _ in 0..<count {
            guard let size = line() else { return nil }
            guard size.hasPrefix("$"), let length = Int(size.dropFirst()), length >= 0 else {
                mistakes.append("an argument began with \(size)")
                return nil
            }
            guard place + length + 2 <= received.count else { return nil }
            arguments.append(String(decoding: received[place..<place + length], as: UTF8.self))
            if Array(received[place + length..<place + length + 2]) != [13, 10] {
                mistakes.append("an argument was longer")
            }
            place += length + 2
        }
        received.removeFirst(place)
        commandsParsed += 1
        return arguments
    }

    private func perform(_ arguments: [String]) {
        if isBusy {
            pending.append(.error("BUSY a script runs"))
            return
        }
        if !nextErrors.isEmpty {
            let error = nextErrors.removeFirst()
            // PUBLISH is not refused for want of memory (Redis 7 denies only commands that write).
            if !(error.hasPrefix("OOM") && arguments[0] == "PUBLISH") {
                pending.append(.error(error))
                return
            }
        }
        switch arguments[0] {
        case "PUBLISH" where forbidden.contains(arguments[1]): pending.append(.error("NOPERM no channel"))
        case "PUBLISH":
            publications.append(Publication(channel: arguments[1], payload: arguments[2]))
            onPublish(arguments[1])
            pending.append(.integer(1))
        case "SET":
            values[arguments[1]] = arguments[2]
            pending.append(.status)
        case "XADD": append(arguments)
        case "XREVRANGE":
            let last = streams[arguments[1]]?.last
            pending.append(.array(last.map { "\($0.generation)-\($0.offset)\npayload\n\($0.payload)" } ?? ""))
        default:
            mistakes.append("unknown command \(arguments[0])")
            pending.append(.error("ERR unknown command"))
        }
    }

    private func append(_ arguments: [String]) {
        let id = arguments[arguments.count - 3].split(separator: "-").compactMap { Int64($0) }
        let last = streams[arguments[1]]?.last
        if let last, (id[0], id[1]) <= (last.generation, last.offset) {
            pending.append(.error("ERR The ID specified in XADD is equal or smaller than the target stream top item"))
            return
        }
        streams[arguments[1], default: []].append((id[0], id[1], arguments[arguments.count - 1]))
        pending.append(.text("\(id[0])-\(id[1])"))
    }
}
