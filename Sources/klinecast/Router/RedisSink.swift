import Redis
import Router

/// A connection as a lane's sink.
@safe final class RedisSink: RecordSink {
    private let connection: Connection
    private let integers: UnsafeMutableBufferPointer<Int64>
    private(set) var replyText = ""
    private(set) var lastAnswer: ContinuousClock.Instant?
    private var isReading = false

    init(_ settings: RedisSettings) {
        connection = Connection(settings)
        unsafe integers = .allocate(capacity: 1024)
    }

    deinit { unsafe integers.deallocate() }

    var descriptor: Int32 { connection.descriptor }
    var wantsWrite: Bool { connection.wantsWrite }
    var generation: UInt64 { connection.generation }
    var isReady: Bool { connection.isReady }
    var nextDeadline: ContinuousClock.Instant? { connection.nextDeadline }
    var serverRun: String { connection.runID ?? "" }
    var failureSentence: String? { connection.lastFailure.map { "\($0.error)" } }

    func advance(now: ContinuousClock.Instant) {
        let wasReady = connection.isReady
        connection.advance(now: now)
        if connection.isReady, !wasReady { lastAnswer = now }
    }

    func write(_ bytes: UnsafeRawBufferPointer, commands: Int, now: ContinuousClock.Instant) -> Int {
        unsafe connection.write(bytes, commands: commands, now: now)
    }

    func replies(into replies: UnsafeMutablePointer<SinkReply>, capacity: Int, now: ContinuousClock.Instant) -> Int {
        while true {
            if !isReading {
                guard connection.receive(now: now) else { return 0 }
                isReading = true
                lastAnswer = now
            }
            let count = unsafe connection.nextIntegers(
                into: UnsafeMutableBufferPointer(rebasing: integers[..<min(capacity, integers.count)]))
            for index in 0..<count { unsafe replies[index] = SinkReply(kind: .integer, integer: integers[index]) }
            if count > 0 { return count }
            if let reply = connection.nextReply() {
                unsafe replies[0] = convert(reply)
                return 1
            }
            isReading = false
        }
    }

    private func convert(_ reply: Reply) -> SinkReply {
        switch reply {
        case .integer(let value): return SinkReply(kind: .integer, integer: value)
        case .status: return SinkReply(kind: .status)
        case .bulk: return SinkReply(kind: .text)
        case .null: return SinkReply(kind: .null)
        case .error(let text):
            replyText = text.string
            return SinkReply(kind: .error)
        case .array(let elements):
            replyText = Self.texts(elements).joined(separator: "\n")
            return SinkReply(kind: .array)
        }
    }

    private static func texts(_ elements: [ReplyTree]) -> [String] {
        elements.flatMap { element in element.elements.map(texts) ?? element.string.map { [$0] } ?? [] }
    }

    func classifyReplyText() -> SinkRefusal {
        switch ReplyError.classify(replyText) {
        case .transient(.outOfMemory): .outOfMemory
        case .transient: .transient
        case .message(.duplicate): .duplicate
        case .message: .command
        case .global: .global
        }
    }

    func fail(_ reason: String, now: ContinuousClock.Instant) {
        isReading = false
        connection.fail(reason, now: now)
    }

    func close() { connection.close() }
}
