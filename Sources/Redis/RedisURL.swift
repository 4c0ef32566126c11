/// Addresses of a Redis: `redis://[user[:password]@]host[:port][/db]`, `rediss://…` for TLS, `unix://[user[:password]@]path[?db=n]`.
///
/// User, password, host and path may be percent-encoded; an IPv6 address stands in brackets. Errors name the part and
/// never show the password.
package enum RedisURL {
    /// Settings with the address's endpoint, TLS, user, password and database; all else as by default.
    package static func parse(_ text: String) throws(RedisError) -> RedisSettings {
        guard let mark = text.firstRange(of: "://") else {
            throw .url(part: "scheme", problem: "is missing: redis://host:port, rediss://host:port or unix:///path")
        }
        let scheme = text[..<mark.lowerBound].lowercased()
        let rest = text[mark.upperBound...]
        switch scheme {
        case "redis": return try network(rest, usesTLS: false)
        case "rediss": return try network(rest, usesTLS: true)
        case "unix": return try unix(rest)
        default: throw .url(part: "scheme", problem: "must be redis, rediss or unix (got \(shown(scheme)))")
        }
    }

    private static func network(_ text: Substring, usesTLS: Bool) throws(RedisError) -> RedisSettings {
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        guard !text[slash...].contains("@") else {
            throw .url(part: "password", problem: "holds a /; write %2F for it")
        }
        var settings = RedisSettings()
        settings.usesTLS = usesTLS
        let place = try user(of: text[..<slash], into: &settings)
        let (host, port) = try split(place)
        settings.endpoint = .tcp(host: host, port: port)
        if slash < text.endIndex { settings.database = try database(text[text.index(after: slash)...]) }
        return settings
    }

    private static func unix(_ text: Substring) throws(RedisError) -> RedisSettings {
        var settings = RedisSettings()
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        var path = text
        if let at = text[..<slash].lastIndex(of: "@") {
            _ = try user(of: text[...at], into: &settings)
            path = text[text.index(after: at)...]
        }
        if let question = path.firstIndex(of: "?") {
            let query = path[path.index(after: question)...]
            guard query.hasPrefix("db=") else { throw .url(part: "query", problem: "must be db=<number>") }
            settings.database = try database(query.dropFirst(3))
            path = path[..<question]
        }
        let decoded = try decode(path, part: "path")
        guard !decoded.isEmpty else { throw .url(part: "path", problem: "is empty: unix:///run/redis.sock") }
        settings.endpoint = .unix(path: decoded)
        return settings
    }

    /// Takes `user:password@` off the front; what is behind it.
    private static func user(of text: Substring, into settings: inout RedisSettings) throws(RedisError) -> Substring {
        guard let at = text.lastIndex(of: "@") else { return text }
        let credentials = text[..<at]
        let colon = credentials.firstIndex(of: ":")
        let name = try decode(credentials[..<(colon ?? credentials.endIndex)], part: "user")
        if !name.isEmpty { settings.username = name }
        if let colon {
            let password = try decode(credentials[credentials.index(after: colon)...], part: "password")
            if !password.isEmpty { settings.password = Secret(password) }
        }
        guard settings.username == nil || settings.password != nil else {
            throw .url(part: "password", problem: "is missing behind the user")
        }
        return text[text.index(after: at)...]
    }

    private static func split(_ place: Substring) throws(RedisError) -> (String, UInt16) {
        if place.hasPrefix("[") {
            guard let bracket = place.firstIndex(of: "]") else {
                throw .url(part: "host", problem: "has no closing bracket")
            }
            let host = String(place[place.index(after: place.startIndex)..<bracket])
            guard host.contains(":") else { throw .url(part: "host", problem: "in brackets must be an IPv6 address") }
            let rest = place[place.index(after: bracket)...]
            guard rest.isEmpty || rest.hasPrefix(":") else {
                throw .url(part: "port", problem: "must follow the bracket behind a colon")
            }
            return (host, try port(rest.isEmpty ? nil : rest.dropFirst()))
        }
        let colon = place.firstIndex(of: ":")
        let behind = colon.map { place[place.index(after: $0)...] }
        guard behind?.contains(":") != true else {
            throw .url(part: "host", problem: "with colons is an IPv6 address and must stand in brackets")
        }
        let host = try decode(place[..<(colon ?? place.endIndex)], part: "host")
        guard !host.isEmpty else { throw .url(part: "host", problem: "is missing") }
        let isPlain = host.utf8.allSatisfy {
            $0 > 32 && $0 != 127 && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
        }
        guard isPlain else { throw .url(part: "host", problem: "holds a character that no host name has") }
        return (host, try port(behind))
    }

    private static func port(_ text: Substring?) throws(RedisError) -> UInt16 {
        guard let text else { return 6379 }
        guard let number = UInt16(text), number > 0, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else {
            throw .url(part: "port", problem: "must be 1…65535 (got \(shown(text)))")
        }
        return number
    }

    private static func database(_ text: Substring) throws(RedisError) -> Int {
        if text.isEmpty { return 0 }
        guard let number = Int(text), number >= 0, number <= Int(Int32.max), !text.hasPrefix("+") else {
            throw .url(part: "database", problem: "must be a number from 0 (got \(shown(text)))")
        }
        return number
    }

    private static func decode(_ text: Substring, part: String) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                throw .url(part: part, problem: "has a % without two hexadecimal digits; write %25 for a %")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw .url(part: part, problem: "is not UTF-8 text")
        }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init)
    }

    /// Enough of a wrong part to find it, and no terminal's control characters. An address that is cut at the wrong place
    /// may show a password's part here, so what stands before an `@` never is.
    private static func shown(_ text: some StringProtocol) -> String {
        let tail = text.lastIndex(of: "@").map { text[text.index(after: $0)...] } ?? text[...]
        return "“\(tail.prefix(20).filter { $0.isLetter || $0.isNumber || "._-:+".contains($0) })”"
    }
}
