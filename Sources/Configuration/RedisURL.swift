/// `redis://[user[:password]@]host[:port][/database]`; `rediss://` asks for TLS.
package struct RedisURL: Sendable, Equatable, CustomStringConvertible {
    package var usesTLS = false
    package var host = "127.0.0.1"
    package var port: UInt16 = 6379
    package var username: String?
    package var password: Secret?
    package var database: Int?

    package init() {}

    /// Its faults never repeat the text: a password may stand in it.
    init(parsing text: String) throws(ValueFault) {
        guard let scheme = text.firstRange(of: "://") else {
            throw ValueFault("must begin with redis:// or rediss://")
        }
        switch text[..<scheme.lowerBound].lowercased() {
        case "redis": usesTLS = false
        case "rediss": usesTLS = true
        case let other: throw ValueFault("must begin with redis:// or rediss:// (got \(other.shown)://)")
        }
        var rest = text[scheme.upperBound...]
        guard !rest.contains("?"), !rest.contains("#") else {
            throw ValueFault("must end with the database: ? and # in it are not read (write %3F and %23 in a password)")
        }
        // The last @ ends the user part: people leave an @ in a password as it is.
        if let at = rest.lastIndex(of: "@") {
            try readUser(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[rest.index(after: slash)...]
            if !path.isEmpty {
                guard let number = Int(path), (0...65_535).contains(number) else {
                    throw ValueFault("must end with a database number after the host (got /\(path.shown))")
                }
                database = number
            }
            rest = rest[..<slash]
        }
        try readHost(rest)
    }

    private mutating func readUser(_ part: Substring) throws(ValueFault) {
        let names = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let user = names[0].percentDecoded, let word = names.count > 1 ? names[1].percentDecoded : "" else {
            throw ValueFault("holds a % that no two hexadecimal digits of UTF-8 follow in its user or password")
        }
        username = user.isEmpty ? nil : user
        password = word.isEmpty ? nil : Secret(word)
    }

    private mutating func readHost(_ part: Substring) throws(ValueFault) {
        if part.isEmpty { return }
        let hasPort = part.hasSuffix("]") ? false : part.contains(":")
        let address = try Address(parsing: hasPort ? String(part) : "\(part):6379")
        (host, port) = (address.host, address.port)
    }

    package var address: Address { Address(host: host, port: port) }

    /// The URL with its password hidden.
    package var description: String {
        let user = (username ?? "") + (password == nil ? "" : ":" + Secret.mask)
        return (usesTLS ? "rediss://" : "redis://") + (user.isEmpty ? "" : user + "@") + address.description
            + (database.map { "/\($0)" } ?? "")
    }
}

extension StringProtocol {
    /// The text with `%41` read as `A`; `nil` for a broken escape or bytes that are not UTF-8.
    var percentDecoded: String? {
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ Character(UnicodeScalar($0)).hexDigitValue }),
                let low = rest.popFirst().flatMap({ Character(UnicodeScalar($0)).hexDigitValue })
            else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
