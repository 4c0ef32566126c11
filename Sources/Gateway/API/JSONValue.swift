/// What a client sent, as strict JSON (RFC 8259): nothing is repaired or guessed.
enum JSONValue: Equatable {
    case null
    case boolean(Bool)
    /// As it was written.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// No name twice.
    case object([String: JSONValue])

    /// Why a text is not taken.
    struct Problem: Error, Equatable, CustomStringConvertible {
        let sentence: String
        /// Bytes before it.
        let offset: Int
        var description: String { "\(sentence) at byte \(offset)" }
    }

    /// Arrays and objects in each other.
    static let depthLimit = 32
    /// Each takes a few dozen bytes: the bound of what a small text can make of memory.
    static let valueLimit = 150_000

    init(_ bytes: [UInt8], valueLimit: Int = valueLimit) throws(Problem) {
        var parser = JSONParser(bytes, valueLimit: valueLimit)
        self = try parser.document()
    }

    /// For a sentence: `a string`.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// A short form of the value where it has one, else what it is.
    var excerpt: String {
        switch self {
        case .number(let text): String(text.prefix(40))
        case .boolean(let flag): flag ? "true" : "false"
        case .string(let text):
            "\"" + text.prefix(40).map { $0.isNewline || $0 == "\0" ? " " : String($0) }.joined() + "\""
        case .null, .array, .object: kind
        }
    }
}

private struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0
    private var values = 0
    private let valueLimit: Int

    init(_ bytes: [UInt8], valueLimit: Int) {
        self.bytes = bytes
        self.valueLimit = valueLimit
    }

    mutating func document() throws(JSONValue.Problem) -> JSONValue {
        skipBlanks()
        guard position < bytes.count else { throw problem("the text is empty") }
        let value = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw problem("something follows the value") }
        return value
    }

    private func problem(_ sentence: String) -> JSONValue.Problem { .init(sentence: sentence, offset: position) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = next, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { position += 1 }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: sign) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONValue.Problem) -> JSONValue {
        values += 1
        guard values <= valueLimit else { throw problem("more than \(valueLimit) values") }
        guard let byte = next else { throw problem("a value is missing") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONValue.Problem) -> JSONValue {
        let expected = word.description.utf8
        guard bytes[position...].starts(with: expected) else { throw problem("no value begins like this") }
        position += expected.count
        return value
    }

    private mutating func object(depth: Int) throws(JSONValue.Problem) -> JSONValue {
        try enter(depth)
        var members: [String: JSONValue] = [:]
        skipBlanks()
        if take("}") { return .object(members) }
        repeat {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw problem("a member's name is missing") }
            let name = try string()
            skipBlanks()
            guard take(":") else { throw problem("a colon is missing") }
            skipBlanks()
            let value = try value(depth: depth)
            guard members.updateValue(value, forKey: name) == nil else { throw problem("a member occurs twice") }
            skipBlanks()
        } while take(",")
        guard take("}") else { throw problem("a comma or the object's end is missing") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONValue.Problem) -> JSONValue {
        try enter(depth)
        var items: [JSONValue] = []
        skipBlanks()
        if take("]") { return .array(items) }
        repeat {
            skipBlanks()
            items.append(try value(depth: depth))
            skipBlanks()
        } while take(",")
        guard take("]") else { throw problem("a comma or the array's end is missing") }
        return .array(items)
    }

    private mutating func enter(_ depth: Int) throws(JSONValue.Problem) {
        guard depth <= JSONValue.depthLimit else { throw problem("more than \(JSONValue.depthLimit) levels") }
        position += 1
    }

    private mutating func number() throws(JSONValue.Problem) -> JSONValue {
        let start = position
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("-") { _ = take("+") }
            try digits()
        }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func digits() throws(JSONValue.Problem) {
        guard let first = next, isDigit(first) else { throw problem("no value looks like this") }
        while let byte = next, isDigit(byte) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private mutating func string() throws(JSONValue.Problem) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw problem("no UTF-8 before this")
                }
                return string
            case UInt8(ascii: "\\"): text += Array(String(Character(try escape())).utf8)
            case 0..<0x20: throw problem("a control character in a string")
            default: text.append(byte)
            }
        }
        throw problem("a string has no end")
    }

    private mutating func escape() throws(JSONValue.Problem) -> Unicode.Scalar {
        guard let byte = next else { throw problem("a string has no end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try scalar()
        default: throw problem("an unknown escape")
        }
    }

    /// Half of a surrogate pair is no character.
    private mutating func scalar() throws(JSONValue.Problem) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00, take("\\"), take("u") else { throw problem("half of a surrogate pair") }
        let second = try hexadecimal()
        guard (0xdc00..<0xe000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else { throw problem("half of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(JSONValue.Problem) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw problem("four hexadecimal digits are missing")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
