/// The target of a request line, decoded: `/path?name=value`.
struct RequestTarget: Equatable {
    struct Parameter: Equatable {
        let name: String
        let value: String
    }

    let path: String
    let parameters: [Parameter]

    /// `nil` for what is refused with 400: no leading slash, a broken percent escape, control characters (NUL among
    /// them), bytes that are not UTF-8.
    init?(parsing target: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard target.hasPrefix("/"), let path = Self.decoded(parts[0], plusIsSpace: false) else { return nil }
        var parameters: [Parameter] = []
        if parts.count == 2 {
            for pair in parts[1].split(separator: "&") {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = Self.decoded(sides[0], plusIsSpace: true),
                    let value = sides.count == 2 ? Self.decoded(sides[1], plusIsSpace: true) : ""
                else { return nil }
                parameters.append(Parameter(name: name, value: value))
            }
        }
        self.path = path
        self.parameters = parameters
    }

    private static func decoded(_ text: Substring, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            var decoded = byte
            if byte == UInt8(ascii: "%") {
                guard let high = digit(rest.popFirst()), let low = digit(rest.popFirst()) else { return nil }
                decoded = high << 4 | low
            } else if plusIsSpace, byte == UInt8(ascii: "+") {
                decoded = 0x20
            }
            if decoded < 0x20 || decoded == 0x7f { return nil }
            bytes.append(decoded)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8?) -> UInt8? {
        switch byte {
        case .some(let byte) where (0x30...0x39).contains(byte): byte - 0x30
        case .some(let byte) where (0x41...0x46).contains(byte): byte - 0x37
        case .some(let byte) where (0x61...0x66).contains(byte): byte - 0x57
        default: nil
        }
    }
}
