/// Where a Redis is: `redis://[user[:password]@]host[:port][/database]`, `rediss://…` for TLS,
/// `unix://[user[:password]@]path[?db=n]`.
///
/// User, password, host and path may be percent-encoded; an IPv6 address stands in brackets.
package struct RedisURL: Sendable, Equatable, CustomStringConvertible {
    package enum Place: Sendable, Equatable {
        case tcp(Address)
        case unix(path: String)
    }

    package var place: Place
    package var usesTLS = false
    /// Without a password here, that of `redis.password` belongs to it.
    package var username: String?
    package var password: Secret?
    /// `nil` where the address names none.
    package var database: Int?

    /// Its faults begin with the part that is wrong, and never show the password.
    package init(parsing text: String) throws(ValueFault) {
        guard let mark = text.firstRange(of: "://") else {
            throw ValueFault("scheme is missing: write redis://host:port, rediss://host:port or unix:///path")
        }
        let rest = text[mark.upperBound...]
        let user: Substring?
        switch text[..<mark.lowerBound].lowercased() {
        case "redis", "rediss":
            let end = rest.firstIndex(of: "/") ?? rest.endIndex
            guard !rest[end...].contains("@") else { throw ValueFault("password holds a /; write %2F for it") }
            let host: Substring
            (user, host) = Self.split(rest, before: end)
            place = .tcp(try Self.address(host.prefix { $0 != "/" }))
            database = try Self.database(host.drop { $0 != "/" }.dropFirst())
            usesTLS = text[..<mark.lowerBound].utf8.count == "rediss".utf8.count
        case "unix":
            let path: Substring
            (user, path) = Self.split(rest, before: rest.firstIndex(of: "/") ?? rest.endIndex)
            let socket = try path.prefix { $0 != "?" }.percentDecoded(part: "path")
            guard !socket.isEmpty else { throw ValueFault("path is empty: write unix:///run/redis.sock") }
            place = .unix(path: socket)
            let query = path.drop { $0 != "?" }.dropFirst()
            guard query.isEmpty || query.hasPrefix("db=") else { throw ValueFault("query must be db=<number>") }
            database = try Self.database(query.dropFirst(3))
        case let other: throw ValueFault("scheme must be redis, rediss or unix", got: other.behindTheLastAt)
        }
        if let user { try readUser(user) }
    }

    /// What stands before the last @ ahead of `end`, and what behind it: people leave an @ in a password as it is.
    private static func split(_ text: Substring, before end: Substring.Index) -> (user: Substring?, place: Substring) {
        guard let at = text[..<end].lastIndex(of: "@") else { return (nil, text) }
        return (text[..<at], text[text.index(after: at)...])
    }

    private mutating func readUser(_ text: Substring) throws(ValueFault) {
        let name = try text.prefix { $0 != ":" }.percentDecoded(part: "user")
        let word = try text.drop { $0 != ":" }.dropFirst().percentDecoded(part: "password")
        username = name.isEmpty ? nil : name
        password = word.isEmpty ? nil : Secret(word)
    }

    private static func address(_ text: Substring) throws(ValueFault) -> Address {
        guard !text.contains("?"), !text.contains("#") else {
            throw ValueFault("query is not read: the address ends with the database")
        }
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { throw ValueFault("host has no closing bracket") }
            let host = text[..<bracket].dropFirst()
            guard host.contains(":") else { throw ValueFault("host in brackets must be an IPv6 address") }
            let rest = text[bracket...].dropFirst()
            guard rest.isEmpty || rest.hasPrefix(":") else {
                throw ValueFault("port must follow the bracket behind a colon")
            }
            return Address(host: String(host), port: try port(rest.isEmpty ? nil : rest.dropFirst()))
        }
        let colon = text.firstIndex(of: ":")
        let behind = colon.map { text[$0...].dropFirst() }
        guard behind?.contains(":") != true else {
            throw ValueFault("host with colons is an IPv6 address and must stand in brackets")
        }
        let host = try text[..<(colon ?? text.endIndex)].percentDecoded(part: "host")
        guard !host.isEmpty else { throw ValueFault("host is missing") }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw ValueFault("host holds a character that no host name has")
        }
        return Address(host: host, port: try port(behind))
    }

    private static func port(_ text: Substring?) throws(ValueFault) -> UInt16 {
        guard let text else { return 6_379 }
        // Where the @ behind it was forgotten, a password stands here: only a number is shown.
        guard text.isDigits else { throw ValueFault("port must be 1…65535") }
        guard let number = UInt16(text), number > 0 else { throw ValueFault("port must be 1…65535", got: String(text)) }
        return number
    }

    private static func database(_ text: Substring) throws(ValueFault) -> Int? {
        if text.isEmpty { return nil }
        guard text.isDigits, let number = Int(text), number <= 65_535 else {
            throw ValueFault("database must be 0…65535", got: String(text))
        }
        return number
    }

    /// The URL with its password hidden.
    package var description: String {
        let names = (username ?? "") + (password == nil ? "" : ":" + Secret.mask)
        let user = names.isEmpty ? "" : names + "@"
        switch place {
        case .tcp(let address):
            return (usesTLS ? "rediss://" : "redis://") + user + address.description + (database.map { "/\($0)" } ?? "")
        case .unix(let path): return "unix://" + user + path + (database.map { "?db=\($0)" } ?? "")
        }
    }
}

extension StringProtocol {
    fileprivate var isDigits: Bool { !isEmpty && allSatisfy { $0.isASCII && $0.isNumber } }

    /// An address that is cut at the wrong place may hold a password's part before an @.
    var behindTheLastAt: String {
        String(lastIndex(of: "@").map { self[index(after: $0)...] } ?? self[...])
    }

    /// The text with `%41` read as `A`.
    fileprivate func percentDecoded(part: String) throws(ValueFault) -> String {
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ Character(UnicodeScalar($0)).hexDigitValue }),
                let low = rest.popFirst().flatMap({ Character(UnicodeScalar($0)).hexDigitValue })
            else { throw ValueFault("\(part) has a % without two hexadecimal digits; write %25 for a %") }
            bytes.append(UInt8(high << 4 | low))
        }
        guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
            throw ValueFault("\(part) is not UTF-8 text")
        }
        return decoded
    }
}
