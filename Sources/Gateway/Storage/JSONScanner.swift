/// Reads one JSON document (RFC 8259) member by member: no tree, no copy. Strict, nothing is repaired or guessed; whether a
/// name may occur twice is its user's business.
struct JSONScanner {
    /// What stands where something else was expected.
    struct Fault: Error, Equatable, CustomStringConvertible {
        let expected: String
        /// Bytes before it.
        let offset: Int
        var description: String { "\(expected) expected at byte \(offset)" }
    }

    /// Arrays and objects in each other: each is a call in a call.
    static let depthLimit = 32

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Calls `member` for each, which must read exactly one value.
    mutating func object(_ member: (inout JSONScanner, String) throws(Fault) -> Void) throws(Fault) {
        try list("{", "}", "object") { scanner throws(Fault) in
            let name = try scanner.string("a member's name")
            try scanner.expect(":", "a colon")
            try member(&scanner, name)
        }
    }

    /// Calls `item` for each, which must read exactly one value.
    mutating func array(_ item: (inout JSONScanner) throws(Fault) -> Void) throws(Fault) {
        try list("[", "]", "array", item)
    }

    mutating func string(_ what: String = "a string") throws(Fault) -> String {
        try expect("\"", what)
        // What stands before the last escape, and where the rest begins.
        var text: [UInt8] = []
        var start = position
        var bits: UInt8 = 0
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                let whole = text.isEmpty ? bytes[start..<position] : (text + bytes[start..<position])[...]
                // Nothing has to be validated in ASCII, which nearly all is.
                let string =
                    bits < 0x80 ? String(decoding: whole, as: UTF8.self) : String(validating: whole, as: UTF8.self)
                guard let string else { throw fault("a string in UTF-8") }
                position += 1
                return string
            case UInt8(ascii: "\\"):
                text += bytes[start..<position]
                position += 1
                text += try escape().utf8
                start = position
            case 0..<0x20: throw fault("a string without control characters")
            default:
                bits |= byte
                position += 1
            }
        }
        throw fault("the string's end")
    }

    /// A number as it is written.
    mutating func number() throws(Fault) -> String {
        skipBlanks()
        let start = position
        _ = takeByte("-")
        if !takeByte("0") { try digits() }
        if takeByte(".") { try digits() }
        if takeByte("e") || takeByte("E") {
            if !takeByte("-") { _ = takeByte("+") }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func integer() throws(Fault) -> Int64 {
        skipBlanks()
        let start = position
        guard let value = Int64(try number()) else { throw Fault(expected: "a whole number below 2^63", offset: start) }
        return value
    }

    mutating func boolean() throws(Fault) -> Bool {
        if takeWord("true") { return true }
        guard takeWord("false") else { throw fault("true or false") }
        return false
    }

    /// `nil` for null.
    mutating func optional<Value>(_ read: (inout JSONScanner) throws(Fault) -> Value) throws(Fault) -> Value? {
        takeWord("null") ? nil : try read(&self)
    }

    /// The byte that the next value begins with, which tells its kind; `nil` at the document's end.
    mutating func beginning() -> UInt8? {
        skipBlanks()
        return next
    }

    /// Passes over one value.
    mutating func skip() throws(Fault) {
        switch beginning() {
        case UInt8(ascii: "{"): try object { scanner, _ throws(Fault) in try scanner.skip() }
        case UInt8(ascii: "["): try array { scanner throws(Fault) in try scanner.skip() }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try boolean()
        default: _ = try optional { scanner throws(Fault) in try scanner.number() }
        }
    }

    /// Nothing but blanks may follow.
    mutating func end() throws(Fault) {
        skipBlanks()
        guard next == nil else { throw fault("the document's end") }
    }

    func fault(_ expected: String) -> Fault { Fault(expected: expected, offset: position) }
}

extension JSONScanner {
    private mutating func list(
        _ first: Unicode.Scalar, _ last: Unicode.Scalar, _ name: StaticString,
        _ item: (inout JSONScanner) throws(Fault) -> Void
    ) throws(Fault) {
        try expect(first, "an \(name)")
        guard depth < Self.depthLimit else { throw fault("at most \(Self.depthLimit) levels") }
        depth += 1
        if !take(last) {
            repeat { try item(&self) } while take(",")
            try expect(last, "a comma or the \(name)'s end")
        }
        depth -= 1
    }

    private mutating func escape() throws(Fault) -> Unicode.Scalar {
        guard let byte = next else { throw fault("the string's end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw fault("a known escape")
        }
    }

    /// Half of a surrogate pair is no character.
    private mutating func unicodeEscape() throws(Fault) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00, takeByte("\\"), takeByte("u"), case let second = try hexadecimal(),
            (0xdc00..<0xe000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else { throw fault("both halves of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fault("four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func digits() throws(Fault) {
        guard let first = next, isDigit(first) else { throw fault("a value") }
        while let byte = next, isDigit(byte) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func expect(_ sign: Unicode.Scalar, _ what: @autoclosure () -> String) throws(Fault) {
        guard take(sign) else { throw fault(what()) }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        skipBlanks()
        return takeByte(sign)
    }

    private mutating func takeByte(_ sign: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: sign) else { return false }
        position += 1
        return true
    }

    private mutating func takeWord(_ word: StaticString) -> Bool {
        skipBlanks()
        let word = word.description.utf8
        guard bytes[position...].starts(with: word) else { return false }
        position += word.count
        return true
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }
}
