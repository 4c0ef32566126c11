/// Where a lane's commands go: one Redis connection. Confined to the lane's thread, never blocking.
package protocol RecordSink: AnyObject {
    /// The socket; -1 when there is none.
    var descriptor: Int32 { get }
    /// Whether the next step waits for the socket to take bytes.
    var wantsWrite: Bool { get }
    /// A new number for each new socket: what was written to an older one has no reply to come.
    var generation: UInt64 { get }
    /// Commands may be written.
    var isReady: Bool { get }
    /// When `advance` must be called at the latest.
    var nextDeadline: ContinuousClock.Instant? { get }
    /// Identifies the server's process: another one means that its memory was lost. Empty before the first connection.
    var serverRun: String { get }
    /// When the server last answered anything, with role master.
    var lastAnswer: ContinuousClock.Instant? { get }
    /// What went wrong last, in words, while not ready.
    var failureSentence: String? { get }

    /// Connects, greets, probes and gives up by the clock.
    func advance(now: ContinuousClock.Instant)
    /// Writes what the socket takes of `bytes`; the number of bytes. They are the rest of what an earlier call announced,
    /// then `commands` new whole commands: what was announced is offered again until it is out.
    func write(_ bytes: UnsafeRawBufferPointer, commands: Int, now: ContinuousClock.Instant) -> Int
    /// Reads the socket and hands out at most `capacity` replies in the order of the commands. Stops behind one that has a
    /// text.
    func replies(into replies: UnsafeMutablePointer<SinkReply>, capacity: Int, now: ContinuousClock.Instant) -> Int
    /// The text of the last reply handed out: of an error or a string, or an array's strings at any depth with line ends
    /// between them; empty where there is none.
    var replyText: String { get }
    /// What an error reply means for its command.
    func classifyReplyText() -> SinkRefusal
    /// Gives this connection up, for that reason; it connects again by itself.
    func fail(_ reason: String, now: ContinuousClock.Instant)
    func close()
}

/// A reply without its text.
package struct SinkReply: Sendable {
    package enum Kind: UInt8, Sendable { case integer, status, text, null, array, error }
    package var kind: Kind
    package var integer: Int64

    @inlinable package init(kind: Kind, integer: Int64 = 0) {
        self.kind = kind
        self.integer = integer
    }
}

/// What an error reply asks for.
package enum SinkRefusal: Equatable, Sendable {
    /// The server can't now: connect again and send what has no reply.
    case transient
    /// Redis is out of memory: the same, but a `last` value may be left for later.
    case outOfMemory
    /// This command will never be taken: no permission on its channel, a key of another type, too large.
    case command
    /// The stream holds this id, or a later one, already.
    case duplicate
    /// No command will be taken before a person acts: wrong password, no permission at all.
    case global
}
