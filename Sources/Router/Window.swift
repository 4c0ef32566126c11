/// The batches between taking and acknowledging, oldest first: a ring of buffers that are used again for ever.
///
/// Redis answers in the order of the commands, so three places say everything: the batch whose answer comes next (the
/// oldest), the one being sent, and the free one to fill. A lost connection moves sending back to the first command
/// without an answer.
@safe struct Window: ~Copyable {
    private let batches: UnsafeMutablePointer<Batch>
    let capacity: Int
    private var head = 0
    private(set) var count = 0
    /// How many of the `count` batches are sent to the last byte.
    private var sentBatches = 0
    /// After a refusal for the moment: only the first unanswered command is sent, until it is answered.
    var isProbing = false

    init(limits: BatchLimits) {
        capacity = limits.window
        unsafe batches = .allocate(capacity: capacity)
        for place in 0..<capacity { unsafe (batches + place).initialize(to: Batch(limits: limits)) }
    }

    deinit {
        unsafe batches.deinitialize(count: capacity)
        unsafe batches.deallocate()
    }

    var isEmpty: Bool { count == 0 }
    var hasRoom: Bool { count < capacity }

    /// The free batch to fill next; there is one while `hasRoom`.
    var free: UnsafeMutablePointer<Batch> { unsafe batches + (head + count) % capacity }
    /// The oldest batch; there is one unless `isEmpty`.
    var oldest: UnsafeMutablePointer<Batch> { unsafe batches + head }
    func batch(_ index: Int) -> UnsafeMutablePointer<Batch> { unsafe batches + (head + index) % capacity }

    /// The filled batch joins the line.
    mutating func push() {
        precondition(hasRoom, "a batch is pushed only into a window with room")
        count += 1
    }

    /// The oldest batch is done and its buffer free.
    mutating func pop() {
        precondition(!isEmpty, "only a filled window has an oldest batch")
        unsafe oldest.pointee.clear()
        head = (head + 1) % capacity
        count -= 1
        sentBatches = max(0, sentBatches - 1)
    }

    /// Whether the oldest batch has all its answers, or never needed one.
    var oldestIsDone: Bool { unsafe !isEmpty && oldest.pointee.isAcknowledged && oldest.pointee.isSent }

    /// Whether the sink was offered commands whose answers are still to come.
    var hasOutstanding: Bool { (0..<count).contains { unsafe batch($0).pointee.isBegun } }

    /// Commands of all batches that have no answer yet, and those among them that the sink was offered.
    var unanswered: (all: Int, begun: Int) {
        var (all, begun) = (0, 0)
        for index in 0..<count {
            let batch = unsafe batch(index)
            unsafe all += batch.pointee.commandCount - batch.pointee.acknowledgedCommands
            unsafe begun += batch.pointee.begunCommands
        }
        return (all, begun)
    }

    /// The batch with bytes to send and how far they may go; `nil` when everything is out.
    mutating func nextToSend() -> (batch: UnsafeMutablePointer<Batch>, limit: Int)? {
        if isProbing {
            guard let (batch, end) = unsafe firstUnanswered() else { return nil }
            return unsafe batch.pointee.sentCount < end ? (batch, end) : nil
        }
        while sentBatches < count, unsafe batch(sentBatches).pointee.isSent { sentBatches += 1 }
        guard sentBatches < count else { return nil }
        let next = unsafe batch(sentBatches)
        return unsafe (next, next.pointee.byteCount)
    }

    /// The first command without an answer: its batch and the position behind it.
    private func firstUnanswered() -> (UnsafeMutablePointer<Batch>, Int)? {
        for index in 0..<count {
            let candidate = unsafe batch(index)
            if unsafe !candidate.pointee.isAcknowledged {
                return unsafe (candidate, candidate.pointee.end(ofCommand: candidate.pointee.acknowledgedCommands))
            }
        }
        return nil
    }

    /// The connection is gone: everything without an answer is sent again, but for what belongs to partitions
    /// that are ours no longer.
    mutating func rewind(_ current: PartitionsView) {
        for index in 0..<count {
            let batch = unsafe batch(index)
            unsafe batch.pointee.rewind()
            unsafe batch.pointee.drop(where: current.isStale)
        }
        sentBatches = 0
    }

    /// Partitions went to another owner: their commands that the sink was not offered yet are taken out.
    mutating func dropUnsent(_ current: PartitionsView) {
        for index in 0..<count {
            let batch = unsafe batch(index)
            if unsafe batch.pointee.sentCount == 0, unsafe !batch.pointee.isBegun {
                unsafe batch.pointee.drop(where: current.isStale)
            }
        }
    }
}
