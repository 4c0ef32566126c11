/// How large a batch may become; every holder of memory on the hot path is sized from here, once, at start.
package struct BatchLimits: Equatable, Sendable {
    /// Records of one batch. Between 256 and 1,024 the gain of pipelining flattens (measured).
    package let messages: Int
    /// A batch is full once its body holds that many bytes. A partial write leaves the rest in place, so larger gains nothing.
    package let bytes: Int
    /// Largest value that is passed on, in bytes; a larger one becomes a dead letter.
    package let messageBytes: Int
    /// Batches that may wait for replies at the same time.
    package let window: Int
    /// Commands that one record may need: two channels and a stream at the most.
    static let commandsPerMessage = 3
    /// What a command and the envelope add to a value at the most: names of channel, key and topic (Kafka's limit is 249
    /// bytes) and the envelope's other members, twice the largest sum.
    static let overhead = 4096

    package init(messages: Int, bytes: Int, messageBytes: Int, window: Int) {
        self.messages = messages
        self.bytes = bytes
        self.messageBytes = messageBytes
        self.window = window
    }

    package static let standard = BatchLimits(messages: 1024, bytes: 256 << 10, messageBytes: 1 << 20, window: 4)

    var largestCommand: Int { messageBytes + Self.overhead }
    /// Room for `bytes`, and for the one record that goes past it.
    var bodyCapacity: Int { bytes + Self.commandsPerMessage * largestCommand }
    /// SETs: at most each channel's newest payload, never more than the body's own payloads; a key is a little longer than
    /// its channel.
    var prologueCapacity: Int { bodyCapacity + prologueCommands * 16 }
    var bodyCommands: Int { messages * Self.commandsPerMessage }
    var prologueCommands: Int { messages * (Self.commandsPerMessage - 1) }

    /// What the window's buffers may come to, in bytes: memory that is touched only as far as batches fill it.
    package var windowBytes: Int {
        let commands = unsafe (bodyCommands + prologueCommands) * MemoryLayout<Batch.CommandRecord>.stride
        let entries = unsafe messages * MemoryLayout<Batch.Entry>.stride
        return window * (bodyCapacity + prologueCapacity + commands + entries)
    }
}
