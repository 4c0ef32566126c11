/// Reads one JSON document (RFC 8259) member by member, for the small documents that are stored: no tree, no copy.
struct JSONScanner {
    /// What stands where something else was expected.
    struct Fault: Error, Equatable, CustomStringConvertible {
        let expected: String
        /// Bytes before it.
        let offset: Int
        var description: String { "\(expected) expected at byte \(offset)" }
    }

    /// Nested arrays and objects of what is skipped.
    private static let depthLimit = 16

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Calls `member` for each, which must read exactly one value.
    mutating func object(_ member: (inout JSONScanner, String) throws(Fault) -> Void) throws(Fault) {
        try expect("{", "an object")
        guard !take("}") else { return }
        repeat {
            let name = try string()
            try expect(":", "a colon")
            try member(&self, name)
        } while take(",")
        try expect("}", "a comma or the object's end")
    }

    /// Calls `item` for each, which must read exactly one value.
    mutating func array(_ item: (inout JSONScanner) throws(Fault) -> Void) throws(Fault) {
        try expect("[", "an array")
        guard !take("]") else { return }
        repeat { try item(&self) } while take(",")
        try expect("]", "a comma or the array's end")
    }

    mutating func string() throws(Fault) -> String {
        try expect("\"", "a string")
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: bytes[start..<(position - 1)], as: UTF8.self)
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw fault("a string without control characters")
            default: position += 1
            }
        }
        throw fault("the string's end")
    }

    mutating func integer() throws(Fault) -> Int64 {
        skipBlanks()
        let start = position
        let isNegative = take("-")
        var value: Int64 = 0
        var digits = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(digit))
            guard !overflow, !carry else { throw Fault(expected: "a number below 2^63", offset: start) }
            value = sum
            digits += 1
            position += 1
        }
        let next = position < bytes.count ? bytes[position] : 0
        guard digits > 0, ![UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(next) else {
            throw Fault(expected: "a whole number", offset: start)
        }
        return isNegative ? -value : value
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

    /// Passes over one value.
    mutating func skip(depth: Int = 0) throws(Fault) {
        skipBlanks()
        guard depth < Self.depthLimit else { throw fault("fewer than \(Self.depthLimit) levels") }
        guard position < bytes.count else { throw fault("a value") }
        switch bytes[position] {
        case UInt8(ascii: "{"): try object { scanner, _ throws(Fault) in try scanner.skip(depth: depth + 1) }
        case UInt8(ascii: "["): try array { scanner throws(Fault) in try scanner.skip(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try boolean()
        case UInt8(ascii: "n"): guard takeWord("null") else { throw fault("a value") }
        default: try skipNumber()
        }
    }

    /// Nothing but blanks may follow.
    mutating func end() throws(Fault) {
        skipBlanks()
        guard position == bytes.count else { throw fault("the document's end") }
    }

    func fault(_ expected: String) -> Fault { Fault(expected: expected, offset: position) }

    private mutating func escapedString(from start: Int) throws(Fault) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += Array(String(try escape()).utf8)
            case 0..<0x20: throw fault("a string without control characters")
            default: text.append(byte)
            }
        }
        throw fault("the string's end")
    }

    private mutating func escape() throws(Fault) -> Unicode.Scalar {
        guard position < bytes.count else { throw fault("the string's end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw fault("an escape")
        }
    }

    /// Halves of a pair are put together; a half alone becomes the replacement character.
    private mutating func unicodeEscape() throws(Fault) -> Unicode.Scalar {
        let first = try hexadecimal()
        guard (0xd800..<0xdc00).contains(first), position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return Unicode.Scalar(first) ?? "\u{fffd}" }
        position += 2
        let second = try hexadecimal()
        guard (0xdc00..<0xe000).contains(second) else { return "\u{fffd}" }
        return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)) ?? "\u{fffd}"
    }

    private mutating func hexadecimal() throws(Fault) -> UInt32 {
        guard position + 4 <= bytes.count, case let digits = bytes[position..<(position + 4)],
            digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw fault("four hexadecimal digits") }
        position += 4
        return value
    }

    private mutating func skipNumber() throws(Fault) {
        let start = position
        while position < bytes.count, Self.isNumeric(bytes[position]) { position += 1 }
        guard Double(String(decoding: bytes[start..<position], as: UTF8.self)) != nil else { throw fault("a value") }
    }

    private static func isNumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func expect(_ sign: Unicode.Scalar, _ what: String) throws(Fault) {
        guard take(sign) else { throw fault(what) }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard position < bytes.count, bytes[position] == UInt8(ascii: sign) else { return false }
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
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0a, 0x0d, 0x09: position += 1
            default: return
            }
        }
    }
}
