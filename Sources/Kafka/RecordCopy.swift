internal import CKafkaShim

/// A record's bytes, owned: what outlives its handle. A null key, value or header value is `nil`.
package struct RecordCopy: Sendable, Equatable {
    package let key: [UInt8]?
    package let value: [UInt8]?
    package let headers: [Header]

    package struct Header: Sendable, Equatable {
        package let name: String
        package let value: [UInt8]?
    }
}

extension Consumer {
    /// Copies all of a record that was handed out and not released yet. Allocates.
    package func copy(_ handle: OpaquePointer) -> RecordCopy {
        unsafe RecordCopy(UnsafeMutablePointer<rd_kafka_message_t>(handle))
    }
}

extension RecordCopy {
    init(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        unsafe key = message.pointee.key.map { unsafe Self.bytes($0, message.pointee.key_len) }
        unsafe value = message.pointee.payload.map { unsafe Self.bytes($0, message.pointee.len) }
        unsafe headers = Self.headers(of: message)
    }

    private static func bytes(_ start: UnsafeRawPointer, _ count: Int) -> [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }

    private static func headers(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> [Header] {
        var list: OpaquePointer?
        guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [] }
        var headers: [Header] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var count = 0
        while unsafe rd_kafka_header_get_all(list, headers.count, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR {
            let text = unsafe name.map { unsafe String(cString: $0) } ?? ""
            unsafe headers.append(Header(name: text, value: value.map { unsafe bytes($0, count) }))
        }
        return headers
    }
}
