import Foundation

/// One value of the Redis protocol, version 2: a reply, or a command, which is an array of texts.
indirect enum RedisReply: Equatable, Sendable {
    case text([UInt8])
    case status(String)
    case integer(Int64)
    case error(String)
    case null
    case array([RedisReply])

    var bytes: [UInt8]? { if case .text(let bytes) = self { bytes } else { nil } }
    var string: String? {
        switch self {
        case .text(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text), .error(let text): text
        case .integer, .null, .array: nil
        }
    }
    var elements: [RedisReply] { if case .array(let elements) = self { elements } else { [] } }
}

/// A second reader of the protocol, written for the tests alone.
struct RedisParser {
    private var bytes: [UInt8] = []
    private var at = 0

    mutating func append(_ more: [UInt8]) {
        if at > 0 {
            bytes.removeFirst(at)
            at = 0
        }
        bytes += more
    }

    /// The next whole value; `nil` until more bytes come.
    mutating func next() -> RedisReply? {
        var cursor = at
        guard let value = read(&cursor) else { return nil }
        at = cursor
        return value
    }

    private func read(_ cursor: inout Int) -> RedisReply? {
        guard cursor < bytes.count, let end = lineEnd(from: cursor) else { return nil }
        let kind = bytes[cursor]
        let first = cursor + 1
        func number() -> Int { Int(String(decoding: bytes[first..<end], as: UTF8.self)) ?? -1 }
        cursor = end + 2
        switch kind {
        case UInt8(ascii: ":"): return .integer(Int64(number()))
        case UInt8(ascii: "+"): return .status(String(decoding: bytes[first..<end], as: UTF8.self))
        case UInt8(ascii: "-"): return .error(String(decoding: bytes[first..<end], as: UTF8.self))
        case UInt8(ascii: "$"):
            let count = number()
            guard count >= 0 else { return .null }
            guard cursor + count + 2 <= bytes.count else { return nil }
            defer { cursor += count + 2 }
            return .text(Array(bytes[cursor..<cursor + count]))
        case UInt8(ascii: "*"):
            let count = number()
            guard count >= 0 else { return .null }
            var elements: [RedisReply] = []
            elements.reserveCapacity(count)
            for _ in 0..<count {
                guard let element = read(&cursor) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        default: return .error("not the Redis protocol: byte \(kind)")
        }
    }

    private func lineEnd(from start: Int) -> Int? {
        unsafe bytes.withUnsafeBytes { bytes in
            guard let found = unsafe memchr(bytes.baseAddress! + start, 13, bytes.count - start) else { return nil }
            let end = unsafe bytes.baseAddress!.distance(to: UnsafeRawPointer(found))
            return end + 1 < bytes.count ? end : nil
        }
    }
}
