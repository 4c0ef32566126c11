/// Commands of the lane's own, sent while no record's command is on its way: last values for a Redis that came back
/// empty, and questions for the newest id of a stream.
@safe struct Interlude: ~Copyable {
    var batch: Batch
    /// The next channel whose last value is to be restored; `nil` when none is.
    var nextChannel: Int?
    /// Slots whose stream must be asked for its newest id.
    var streams: [Int32] = []
    var isActive = false

    init(limits: BatchLimits) { batch = Batch(limits: limits) }

    /// Something must be sent, or answered, before the next record.
    var isWanted: Bool { isActive || nextChannel != nil || !streams.isEmpty }

    /// Writes commands as far as the batch goes; whether there are any.
    mutating func fill(channels: borrowing ChannelTable, limits: BatchLimits, streamKey: (Int32) -> String?) -> Bool {
        batch.clear()
        while let channel = nextChannel, batch.bodyCommandCount < limits.messages, batch.bodyCount < limits.bytes {
            nextChannel = channel + 1 < channels.count ? channel + 1 : nil
            if channel < channels.count { unsafe restore(channels.channels + channel, place: channel) }
        }
        while let slot = streams.last, batch.bodyCommandCount < limits.messages, batch.bodyCount < limits.bytes {
            streams.removeLast()
            if let key = streamKey(slot) { ask(key, slot: slot) }
        }
        isActive = batch.bodyCommandCount > 0
        return isActive
    }

    private mutating func restore(_ channel: UnsafeMutablePointer<ChannelTable.Channel>, place: Int) {
        guard let kept = unsafe channel.pointee.kept, unsafe channel.pointee.keptCount > 0 else { return }
        var cursor = unsafe ByteCursor(batch.body + batch.bodyCount)
        unsafe cursor.put(channel.pointee.setHead)
        unsafe cursor.put(Int64(channel.pointee.keptCount))
        unsafe cursor.putLineEnd()
        unsafe cursor.put(UnsafeRawBufferPointer(start: kept.baseAddress, count: channel.pointee.keptCount))
        unsafe cursor.putLineEnd()
        unsafe finish(cursor, .set, entry: -1, channel: Int32(place))
    }

    private mutating func ask(_ key: String, slot: Int32) {
        var cursor = unsafe ByteCursor(batch.body + batch.bodyCount)
        let arguments = ["XREVRANGE", key, "+", "-", "COUNT", "1"]
        let text = "*\(arguments.count)\r\n" + arguments.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        for byte in text.utf8 { unsafe cursor.put(byte) }
        unsafe finish(cursor, .streamHead, entry: slot, channel: -1)
    }

    private mutating func finish(_ cursor: ByteCursor, _ command: Batch.Command, entry: Int32, channel: Int32) {
        unsafe batch.bodyCount = cursor.next - batch.body
        unsafe (batch.bodyCommands + batch.bodyCommandCount).initialize(
            to: Batch.CommandRecord(
                end: UInt32(batch.bodyCount), entry: entry, channel: channel, command: command))
        batch.bodyCommandCount += 1
    }

    /// The connection is gone: what has no answer is to be asked or written again.
    mutating func restart() {
        guard isActive else { return }
        for index in batch.acknowledgedCommands..<batch.commandCount {
            let command = unsafe batch.command(index)
            if unsafe command.command == .streamHead { unsafe streams.append(command.entry) } else { nextChannel = 0 }
        }
        isActive = false
        batch.clear()
    }
}
