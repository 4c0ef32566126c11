import CSimdjsonShim

/// Reads one JSON object at a time and hands out the members that a row is made of, as they were sent. Confined to its
/// decoder's thread; allocates nothing after `init`.
///
/// Of a name that occurs twice the last counts, and a null is a member that is not there.
@safe struct ObjectReader: ~Copyable {
    /// Bytes of a value at most.
    let messageLimit: Int
    private let reader: OpaquePointer
    /// A value with the padding that the reader needs behind it.
    private let scratch: UnsafeMutableRawPointer
    private let tokens: UnsafeMutablePointer<simdjson_shim_token>

    init(messageLimit: Int) {
        precondition(messageLimit > 0 && messageLimit < 1 << 30, "a limit that simdjson can take")
        self.messageLimit = messageLimit
        guard let made = unsafe simdjson_shim_reader_create(messageLimit) else {
            preconditionFailure("no memory for a JSON reader at start")
        }
        unsafe reader = made
        unsafe scratch = .allocate(byteCount: messageLimit + Int(simdjson_shim_padding), alignment: 64)
        unsafe tokens = .allocate(capacity: Int(simdjson_shim_members))
        unsafe tokens.initialize(repeating: simdjson_shim_token(), count: Int(simdjson_shim_members))
    }

    deinit {
        unsafe simdjson_shim_reader_destroy(reader)
        unsafe scratch.deallocate()
        unsafe tokens.deallocate()
    }

    /// Whether the value, at most `messageLimit` bytes, is one JSON object in UTF-8. What was read before is gone.
    @inline(__always)
    mutating func read(_ value: UnsafeRawBufferPointer, isTrade: Bool) -> Bool {
        guard let start = value.baseAddress, value.count > 0 else { return false }
        unsafe scratch.copyMemory(from: start, byteCount: value.count)
        // A document that breaks off is told by what stands behind it, which must not be the one before.
        unsafe (scratch + value.count).initializeMemory(
            as: UInt8.self, repeating: 0, count: Int(simdjson_shim_padding))
        return unsafe simdjson_shim_object_read(
            reader, scratch.assumingMemoryBound(to: UInt8.self), value.count, isTrade, tokens)
    }

    /// One of `simdjson_shim_kind_…`.
    @inline(__always)
    func kind(_ member: Int) -> Int { unsafe Int(tokens[member].kind) }

    @inline(__always)
    func has(_ member: Int) -> Bool { kind(member) != simdjson_shim_kind_missing }

    /// The text of a number or a string, valid until the next `read`; `nil` for any other value.
    @inline(__always)
    func text(_ member: Int) -> UnsafeRawBufferPointer? {
        let kind = kind(member)
        guard kind == simdjson_shim_kind_number || kind == simdjson_shim_kind_string else { return nil }
        return unsafe UnsafeRawBufferPointer(start: tokens[member].start, count: Int(tokens[member].count))
    }

    /// The same of a string alone.
    @inline(__always)
    func string(_ member: Int) -> UnsafeRawBufferPointer? {
        kind(member) == simdjson_shim_kind_string ? unsafe text(member) : nil
    }

    /// What stands at a member, for a sentence: a string in quotes, what is long cut.
    func excerpt(_ member: Int) -> String {
        switch kind(member) {
        case simdjson_shim_kind_true: return "true"
        case simdjson_shim_kind_false: return "false"
        case simdjson_shim_kind_container: return "an object or an array"
        case simdjson_shim_kind_missing: return "nothing"
        default:
            guard let bytes = unsafe text(member) else { return "nothing" }
            let start = unsafe String(decoding: bytes.prefix(60), as: UTF8.self)
            let shown = bytes.count > 60 ? "\(start)… of \(bytes.count) bytes" : start
            return kind(member) == simdjson_shim_kind_string ? "\"\(shown)\"" : shown
        }
    }
}
