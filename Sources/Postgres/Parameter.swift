/// A parameter of a statement.
package enum Parameter: Sendable, Equatable {
    case null
    /// The server reads it as it would a literal of the parameter's type. Without a zero byte.
    case text(String)
    case integer(Int64)
    /// Sent in binary form, for bytea.
    case bytes([UInt8])

    /// `{"a","b"}`: the text form of an array of anything.
    package static func array(_ values: some Sequence<String>) -> Parameter {
        var text = "{"
        for value in values {
            if text.utf8.count > 1 { text += "," }
            text += "\""
            for character in value.unicodeScalars {
                if character == "\"" || character == "\\" { text += "\\" }
                text.unicodeScalars.append(character)
            }
            text += "\""
        }
        return .text(text + "}")
    }

    package static func array(_ values: some Sequence<some BinaryInteger>) -> Parameter {
        .text("{" + values.map { "\($0)" }.joined(separator: ",") + "}")
    }
}

/// What one call of libpq wants of its parameters: pointers into one block of bytes.
struct ParameterBlock {
    private(set) var bytes: [UInt8] = []
    private(set) var offsets: [Int?] = []
    private(set) var lengths: [Int32] = []
    private(set) var formats: [Int32] = []

    init(_ parameters: [Parameter]) {
        for parameter in parameters {
            switch parameter {
            case .null: append([UInt8]?.none, isBinary: false)
            case .text(let text): append(text.utf8, isBinary: false)
            case .integer(let value): append("\(value)".utf8, isBinary: false)
            case .bytes(let value): append(value, isBinary: true)
            }
        }
        // So that the block is never empty, and has an address.
        bytes.append(0)
    }

    private mutating func append(_ value: (some Collection<UInt8>)?, isBinary: Bool) {
        offsets.append(value == nil ? nil : bytes.count)
        if let value { bytes.append(contentsOf: value) }
        lengths.append(Int32(value?.count ?? 0))
        formats.append(isBinary ? 1 : 0)
        // libpq takes a text's end from its zero byte.
        bytes.append(0)
    }
}
