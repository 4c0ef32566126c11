/// A status, error or bulk string as the reader holds it.
///
/// `bytes` stays valid until the next call of the reader or connection that gave it; copy with `string` to keep it.
@safe package struct ReplyText {
    package let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

    /// A copy; invalid UTF-8 becomes replacement characters.
    package var string: String { unsafe String(decoding: bytes, as: UTF8.self) }
}

/// One reply. Its texts are views, see `ReplyText`.
package enum Reply {
    case integer(Int64)
    case status(ReplyText)
    case error(ReplyText)
    case bulk(ReplyText)
    case null
    case array([ReplyTree])

    /// A copy that stays.
    package var tree: ReplyTree {
        switch self {
        case .integer(let value): .integer(value)
        case .status(let text): .status(text.string)
        case .error(let text): .error(text.string)
        case .bulk(let text): unsafe .bulk([UInt8](text.bytes))
        case .null: .null
        case .array(let elements): .array(elements)
        }
    }
}

/// A reply that owns its bytes: an array's elements, and what the blocking client gives.
package enum ReplyTree: Sendable, Equatable {
    case integer(Int64)
    case status(String)
    case error(String)
    case bulk([UInt8])
    case null
    case array([ReplyTree])

    /// The text of a status, error or bulk string.
    package var string: String? {
        switch self {
        case .status(let text), .error(let text): text
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer, .null, .array: nil
        }
    }

    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var elements: [ReplyTree]? { if case .array(let elements) = self { elements } else { nil } }
}
