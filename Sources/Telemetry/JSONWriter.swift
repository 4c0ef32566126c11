/// Writes one JSON document into a byte array: for our own documents, whose shape the code already guarantees.
///
/// Commas are its business, order and nesting are the caller's. A number that JSON has no word for (NaN, infinite) is
/// written as null.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package mutating func object<Failure: Error>(_ members: (inout JSONWriter) throws(Failure) -> Void) throws(Failure)
    {
        open("{")
        try members(&self)
        close("}")
    }

    package mutating func array<Failure: Error>(_ items: (inout JSONWriter) throws(Failure) -> Void) throws(Failure) {
        open("[")
        try items(&self)
        close("]")
    }

    /// Begins a member: exactly one value must follow.
    package mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func string(_ text: String) {
        beginValue()
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 { appendEscaped(byte) }
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    package mutating func integer(_ number: some BinaryInteger) { raw(String(number).utf8) }
    package mutating func double(_ number: Double) { number.isFinite ? raw("\(number)".utf8) : null() }
    package mutating func boolean(_ flag: Bool) { raw((flag ? "true" : "false").utf8) }
    package mutating func null() { raw("null".utf8) }

    /// Bytes that are a JSON value already.
    package mutating func raw(_ value: some Sequence<UInt8>) {
        beginValue()
        bytes.append(contentsOf: value)
        needsComma = true
    }

    private mutating func open(_ bracket: Unicode.Scalar) {
        beginValue()
        bytes.append(UInt8(ascii: bracket))
        needsComma = false
    }

    private mutating func close(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(ascii: bracket))
        needsComma = true
    }

    private mutating func beginValue() { if needsComma { bytes.append(UInt8(ascii: ",")) } }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0x0a: bytes.append(contentsOf: "\\n".utf8)
        case 0x0d: bytes.append(contentsOf: "\\r".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0..<0x20:
            let digits = "0123456789abcdef".utf8.map(\.self)
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }
}

/// Members in one call.
extension JSONWriter {
    package mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }
    /// Null for `nil`.
    package mutating func member(_ name: String, _ value: String?) {
        key(name)
        if let value { string(value) } else { null() }
    }
    package mutating func member(_ name: String, _ value: some BinaryInteger) {
        key(name)
        integer(value)
    }
    package mutating func member(_ name: String, _ value: (some BinaryInteger)?) {
        key(name)
        if let value { integer(value) } else { null() }
    }
    package mutating func member(_ name: String, _ value: Double) {
        key(name)
        double(value)
    }
    package mutating func member(_ name: String, _ value: Bool) {
        key(name)
        boolean(value)
    }
    package mutating func member(_ name: String, _ value: [String]) {
        key(name)
        array { for item in value { $0.string(item) } }
    }
    package mutating func member(_ name: String, object members: (inout JSONWriter) -> Void) {
        key(name)
        object(members)
    }
    package mutating func member(_ name: String, array items: (inout JSONWriter) -> Void) {
        key(name)
        array(items)
    }
}
