import CHiredisShim
import Glibc

/// Bytes in, replies out: a receive buffer, a fast path for integers, and hiredis's reader for all else.
///
/// Confined to one thread. A reply that is no array allocates nothing once the buffers have grown to the largest text.
/// What is no reply, and a reply larger than the limit, is an error after which the reader must not be used again.
@safe package final class ReplyReader {
    /// Longest line that may stay without an end: hiredis looks for the end from the start again each time.
    private static let lineLimit = 64 << 10

    private let limit: Int
    // Owned: freed in deinit, in this order: reader (it points to noted), noted's text, noted, buffer.
    private let buffer: UnsafeMutableRawBufferPointer
    private let noted: UnsafeMutablePointer<redis_shim_reply>
    private let reader: UnsafeMutablePointer<redisReader>
    /// The bytes of `buffer` that nobody has read yet.
    private var start = 0
    private var end = 0
    /// Bytes given to hiredis since its last whole reply, to bound a reply before it is whole.
    private var fed = 0
    private var isMidReply = false
    package let usesFastPath: Bool

    /// - Parameters:
    ///   - capacity: bytes of the receive buffer.
    ///   - limit: bytes one reply may take, on the wire and in memory.
    ///   - usesFastPath: `false` leaves integers to hiredis as well, to compare.
    package init(capacity: Int = 64 << 10, limit: Int = 64 << 20, usesFastPath: Bool = true) {
        precondition(capacity >= 64 && limit >= 1024, "a reply reader needs a buffer of 64 bytes and a limit of 1 KiB")
        self.limit = limit
        self.usesFastPath = usesFastPath
        unsafe buffer = .allocate(byteCount: capacity, alignment: 16)
        unsafe noted = .allocate(capacity: 1)
        unsafe noted.initialize(to: redis_shim_reply())
        unsafe noted.pointee.limit = limit
        guard let reader = unsafe redis_shim_reader_create(noted) else { fatalError("no memory for a reply reader") }
        unsafe self.reader = reader
    }

    deinit {
        unsafe redisReaderFree(reader)
        unsafe free(noted.pointee.text)
        unsafe noted.deallocate()
        unsafe buffer.deallocate()
    }

    /// Whether bytes wait that `next` has not used: whole replies or the part of one.
    package var hasUnread: Bool { end > start || isMidReply || holdsBytes }
    private var holdsBytes: Bool { unsafe reader.pointee.len > reader.pointee.pos }

    /// Room to receive into; never empty once `next` gave `nil`. Follow with `received`.
    package func space() -> UnsafeMutableRawBufferPointer {
        if start > 0 {
            if end > start { unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end])) }
            end -= start
            start = 0
        }
        return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[end...])
    }

    /// The first `count` bytes of `space()` now hold data.
    package func received(_ count: Int) {
        precondition(unsafe count >= 0 && count <= buffer.count - end, "more bytes received than there was room for")
        end += count
    }

    /// The next whole reply; `nil` when its bytes have not all come. Texts are valid until the next call.
    package func next() throws(RedisError) -> Reply? {
        if usesFastPath, !isMidReply, !holdsBytes {
            switch integer() {
            case .value(let value): return .integer(value)
            case .unfinished: return nil
            case .other: break
            }
        }
        return try slow()
    }

    /// Takes integer replies that lie whole in the buffer, at most `target.count`; stops at anything else.
    package func integers(into target: UnsafeMutableBufferPointer<Int64>) -> Int {
        guard usesFastPath, !isMidReply, !holdsBytes else { return 0 }
        var count = 0
        while count < target.count, case .value(let value) = integer() {
            unsafe target[count] = value
            count += 1
        }
        return count
    }

    private enum Integer {
        case value(Int64)
        /// `:` and digits so far, at most 18 of them; they stay in the buffer.
        case unfinished
        case other
    }

    /// `:<1 to 18 digits>\r\n` and nothing else, so that no value can overflow and hiredis sees every odd one.
    @inline(__always) private func integer() -> Integer {
        guard start < end else { return .unfinished }
        let base = unsafe UnsafeRawPointer(buffer.baseAddress!)
        guard unsafe base.load(fromByteOffset: start, as: UInt8.self) == UInt8(ascii: ":") else { return .other }
        var value: Int64 = 0
        var at = start + 1
        let last = min(end, at + 18)
        while at < last {
            let digit = unsafe base.load(fromByteOffset: at, as: UInt8.self) &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value &* 10 &+ Int64(digit)
            at += 1
        }
        guard at < end else { return .unfinished }
        // A leading zero is no integer to hiredis.
        let isZeroLed = value < 10 && at > start + 2
        guard at > start + 1, !isZeroLed, unsafe base.load(fromByteOffset: at, as: UInt8.self) == 13 else {
            return .other
        }
        guard at + 1 < end else { return .unfinished }
        guard unsafe base.load(fromByteOffset: at + 1, as: UInt8.self) == 10 else { return .other }
        start = at + 2
        return .value(value)
    }

    private func slow() throws(RedisError) -> Reply? {
        // Small pieces first: what hiredis holds behind a reply is moved with each reply, and misses the fast path.
        var piece = 512
        while true {
            if holdsBytes, let reply = try read() { return reply }
            guard end > start else { return nil }
            let count = min(piece, end - start)
            piece = min(piece * 4, 64 << 10)
            guard fed <= limit else { throw .replyTooLarge(limit: limit) }
            let text = unsafe buffer.baseAddress!.assumingMemoryBound(to: CChar.self) + start
            guard unsafe redisReaderFeed(reader, text, count) == REDIS_OK else { throw failure() }
            start += count
            fed += count
        }
    }

    private func read() throws(RedisError) -> Reply? {
        var object: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(reader, &object) == REDIS_OK else { throw failure() }
        guard let object = unsafe object else {
            isMidReply = true
            try boundUnfinished()
            return nil
        }
        isMidReply = false
        unsafe fed = reader.pointee.len - reader.pointee.pos
        unsafe noted.pointee.used = 0
        guard unsafe object != UnsafeMutableRawPointer(noted) else { return scalar() }
        defer { unsafe freeReplyObject(object) }
        let tree = unsafe try Self.tree(object.assumingMemoryBound(to: redisReply.self))
        guard case .array(let elements) = tree else { throw .protocolViolation("a reply type of a newer protocol") }
        return .array(elements)
    }

    private func scalar() -> Reply {
        let text = unsafe ReplyText(UnsafeRawBufferPointer(start: noted.pointee.text, count: noted.pointee.length))
        return switch unsafe noted.pointee.type {
        case REDIS_REPLY_INTEGER: unsafe .integer(noted.pointee.integer)
        case REDIS_REPLY_STATUS: .status(text)
        case REDIS_REPLY_ERROR: .error(text)
        case REDIS_REPLY_NIL: .null
        default: .bulk(text)
        }
    }

    /// Refuses a reply by what it announces, before it is whole.
    private func boundUnfinished() throws(RedisError) {
        let announced = unsafe redis_shim_reader_announced(reader)
        guard announced <= Int64(limit) else { throw .replyTooLarge(limit: limit) }
        guard unsafe announced >= 0 || reader.pointee.len - reader.pointee.pos <= Self.lineLimit else {
            throw .protocolViolation("a line of more than \(Self.lineLimit) bytes")
        }
    }

    private func failure() -> RedisError {
        if unsafe noted.pointee.refused != 0 { return .replyTooLarge(limit: limit) }
        return unsafe .protocolViolation(String(cString: redis_shim_reader_error(reader)))
    }

    /// Copies hiredis's tree, which is at most 9 deep.
    private static func tree(_ reply: UnsafeMutablePointer<redisReply>) throws(RedisError) -> ReplyTree {
        let bytes = unsafe UnsafeRawBufferPointer(
            start: reply.pointee.str, count: reply.pointee.str == nil ? 0 : reply.pointee.len)
        switch unsafe reply.pointee.type {
        case REDIS_REPLY_INTEGER: return unsafe .integer(reply.pointee.integer)
        case REDIS_REPLY_STATUS: return unsafe .status(String(decoding: bytes, as: UTF8.self))
        case REDIS_REPLY_ERROR: return unsafe .error(String(decoding: bytes, as: UTF8.self))
        case REDIS_REPLY_STRING: return unsafe .bulk([UInt8](bytes))
        case REDIS_REPLY_NIL: return .null
        case REDIS_REPLY_ARRAY:
            var elements: [ReplyTree] = []
            unsafe elements.reserveCapacity(reply.pointee.elements)
            for index in 0..<(unsafe Int(reply.pointee.elements)) {
                guard let element = unsafe reply.pointee.element[index] else {
                    throw .protocolViolation("an array with a hole")
                }
                elements.append(unsafe try tree(element))
            }
            return .array(elements)
        default: throw .protocolViolation("a reply type of a newer protocol")
        }
    }
}
