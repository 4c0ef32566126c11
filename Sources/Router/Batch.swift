/// Records of one take, encoded as Redis commands in one owned buffer that is used again for ever.
///
/// Two parts are sent one after the other: the *prologue* (SETs of last values, written when the batch is sealed) and the
/// *body*. A position counts bytes over both. A reply moves `acknowledgedCommands`; the commands behind it can be sent
/// again at any time, from the first byte of the first of them.
@safe package struct Batch: ~Copyable {
    /// What a command does, and so which reply it may have.
    package enum Command: UInt8 { case set, publish, append, streamHead }

    @unsafe struct CommandRecord {
        /// The position behind the command's last byte, counted from the start of its part.
        var end: UInt32
        /// Index of the entry whose payload it carries; for `streamHead` the partition's slot.
        var entry: Int32
        /// Index of the channel in the encoder's table; -1 for `append` and `streamHead`.
        var channel: Int32
        var command: Command
    }

    @unsafe struct Entry {
        var slot: Int32
        /// The partition's epoch when the record was taken: another one by now means that the partition is no longer ours.
        var epoch: UInt32
        var offset: Int64
        var timestamp: Int64
        /// The record's memory, kept for a dead letter until the batch is done.
        var handle: OpaquePointer?
        var isHighPriority: Bool
        /// Set when Redis refused one of its commands for good: the dead letter stands for the record.
        var isRefused: Bool
    }

    let body: UnsafeMutableRawPointer
    let bodyCapacity: Int
    let prologue: UnsafeMutableRawPointer
    let prologueCapacity: Int
    /// Prologue commands come first in the order of sending, but are written last: they have a list of their own.
    let prologueCommands: UnsafeMutablePointer<CommandRecord>
    let prologueCommandCapacity: Int
    let bodyCommands: UnsafeMutablePointer<CommandRecord>
    let bodyCommandCapacity: Int
    let entries: UnsafeMutablePointer<Entry>
    let entryCapacity: Int

    var bodyCount = 0
    var prologueCount = 0
    var prologueCommandCount = 0
    var bodyCommandCount = 0
    var entryCount = 0
    /// Bytes that the socket took, over both parts.
    var sentCount = 0
    /// Commands the sink knows of, over both lists: offered, if not yet taken.
    private var announcedCommands = 0
    /// Commands with an answer, over both lists.
    var acknowledgedCommands = 0

    init(limits: BatchLimits) {
        bodyCapacity = limits.bodyCapacity
        prologueCapacity = limits.prologueCapacity
        prologueCommandCapacity = limits.prologueCommands
        bodyCommandCapacity = limits.bodyCommands
        entryCapacity = limits.messages
        unsafe body = .allocate(byteCount: bodyCapacity, alignment: 64)
        unsafe prologue = .allocate(byteCount: prologueCapacity, alignment: 64)
        unsafe prologueCommands = .allocate(capacity: prologueCommandCapacity)
        unsafe bodyCommands = .allocate(capacity: bodyCommandCapacity)
        unsafe entries = .allocate(capacity: entryCapacity)
    }

    deinit {
        unsafe body.deallocate()
        unsafe prologue.deallocate()
        unsafe prologueCommands.deallocate()
        unsafe bodyCommands.deallocate()
        unsafe entries.deallocate()
    }

    package var commandCount: Int { prologueCommandCount + bodyCommandCount }
    /// Bytes to send. Where only last values are wanted the body holds their payloads, but no command.
    var byteCount: Int { prologueCount + (bodyCommandCount == 0 ? 0 : bodyCount) }
    var isAcknowledged: Bool { acknowledgedCommands == commandCount }
    var isSent: Bool { sentCount == byteCount }
    /// Commands that the sink was offered and that have no answer yet.
    var begunCommands: Int { max(0, announcedCommands - acknowledgedCommands) }
    var isBegun: Bool { begunCommands > 0 }
    /// How many entries have all their answers: all before the one whose command is next to be answered.
    var answeredEntries: Int {
        if isAcknowledged { return entryCount }
        return unsafe acknowledgedCommands < prologueCommandCount
            ? 0 : Int(bodyCommands[acknowledgedCommands - prologueCommandCount].entry)
    }

    mutating func clear() {
        bodyCount = 0
        prologueCount = 0
        prologueCommandCount = 0
        bodyCommandCount = 0
        entryCount = 0
        sentCount = 0
        announcedCommands = 0
        acknowledgedCommands = 0
    }

    func command(_ index: Int) -> CommandRecord {
        unsafe index < prologueCommandCount
            ? prologueCommands[index] : bodyCommands[index - prologueCommandCount]
    }

    /// The position behind command `index`.
    func end(ofCommand index: Int) -> Int {
        unsafe index < prologueCommandCount
            ? Int(prologueCommands[index].end)
            : prologueCount + Int(bodyCommands[index - prologueCommandCount].end)
    }

    func start(ofCommand index: Int) -> Int { index == 0 ? 0 : end(ofCommand: index - 1) }

    /// How many commands end at or before a position.
    private func commandsEnded(at position: Int) -> Int {
        var low = 0
        var high = commandCount
        while low < high {
            let middle = (low + high) / 2
            if end(ofCommand: middle) <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Offers the sink the next piece, up to the position `limit`, where a command ends; whether it took all of it.
    mutating func write(to sink: some RecordSink, upTo limit: Int, _ now: ContinuousClock.Instant) -> Bool {
        let bytes = unsafe unsent(upTo: limit)
        let ended = commandsEnded(at: sentCount + bytes.count)
        let count = unsafe sink.write(bytes, commands: ended - announcedCommands, now: now)
        announcedCommands = ended
        sentCount += count
        return count == bytes.count
    }

    /// The bytes from `sentCount` on that lie in one piece of memory, at most up to `limit`.
    private func unsent(upTo limit: Int) -> UnsafeRawBufferPointer {
        if sentCount < prologueCount {
            return unsafe UnsafeRawBufferPointer(
                start: prologue + sentCount, count: min(limit, prologueCount) - sentCount)
        }
        return unsafe UnsafeRawBufferPointer(
            start: body + (sentCount - prologueCount), count: min(limit, byteCount) - sentCount)
    }

    /// Goes back to the first command without an answer.
    mutating func rewind() {
        sentCount = start(ofCommand: acknowledgedCommands)
        announcedCommands = acknowledgedCommands
    }

    /// Takes commands out that have no answer yet and whose entry `isStale`: they must not be sent again, since another
    /// owner of the partition has gone on. Only right after `rewind`.
    mutating func drop(where isStale: (_ slot: Int32, _ epoch: UInt32) -> Bool) {
        let skip = min(acknowledgedCommands, prologueCommandCount)
        unsafe Self.drop(
            from: prologue, commands: prologueCommands, keeping: skip, count: &prologueCommandCount,
            bytes: &prologueCount, entries: entries, isStale: isStale)
        unsafe Self.drop(
            from: body, commands: bodyCommands, keeping: acknowledgedCommands - skip, count: &bodyCommandCount,
            bytes: &bodyCount, entries: entries, isStale: isStale)
        rewind()
    }

    private static func drop(
        from bytes: UnsafeMutableRawPointer, commands: UnsafeMutablePointer<CommandRecord>, keeping: Int,
        count: inout Int, bytes total: inout Int, entries: UnsafeMutablePointer<Entry>,
        isStale: (_ slot: Int32, _ epoch: UInt32) -> Bool
    ) {
        var kept = keeping
        var target = unsafe keeping == 0 ? 0 : Int(commands[keeping - 1].end)
        var start = target
        for index in keeping..<max(keeping, count) {
            var command = unsafe commands[index]
            let length = unsafe Int(command.end) - start
            let stale: Bool
            if unsafe command.command == .streamHead {
                stale = false
            } else {
                let entry = unsafe entries[Int(command.entry)]
                stale = unsafe isStale(entry.slot, entry.epoch)
            }
            if !stale {
                unsafe (bytes + target).copyMemory(from: bytes + start, byteCount: length)
                target += length
                unsafe command.end = UInt32(target)
                unsafe commands[kept] = unsafe command
                kept += 1
            }
            start += length
        }
        count = kept
        total = target
    }
}
