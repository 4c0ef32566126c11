/// What a client sent, as a tree.
enum JSONValue: Equatable {
    case null
    case boolean(Bool)
    /// As it was written.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// No name twice.
    case object([String: JSONValue])

    /// Each takes a few dozen bytes: the bound of what a small text can make of memory.
    static let valueLimit = 150_000

    init(_ bytes: [UInt8], valueLimit: Int = valueLimit) throws(JSONScanner.Fault) {
        var scanner = JSONScanner(bytes)
        var count = 0
        self = try JSONValue(&scanner, &count, limit: valueLimit)
        try scanner.end()
    }

    private init(_ scanner: inout JSONScanner, _ count: inout Int, limit: Int) throws(JSONScanner.Fault) {
        count += 1
        guard count <= limit else { throw scanner.fault("at most \(limit) values") }
        switch scanner.beginning() {
        case UInt8(ascii: "{"):
            var members: [String: JSONValue] = [:]
            try scanner.object { scanner, name throws(JSONScanner.Fault) in
                guard members.updateValue(try JSONValue(&scanner, &count, limit: limit), forKey: name) == nil else {
                    throw scanner.fault("a member that did not occur before")
                }
            }
            self = .object(members)
        case UInt8(ascii: "["):
            var items: [JSONValue] = []
            try scanner.array { scanner throws(JSONScanner.Fault) in
                items.append(try JSONValue(&scanner, &count, limit: limit))
            }
            self = .array(items)
        case UInt8(ascii: "\""): self = .string(try scanner.string())
        case UInt8(ascii: "t"), UInt8(ascii: "f"): self = .boolean(try scanner.boolean())
        default:
            self = try scanner.optional { scanner throws(JSONScanner.Fault) in .number(try scanner.number()) } ?? .null
        }
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
