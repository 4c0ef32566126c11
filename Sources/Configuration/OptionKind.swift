import MarketData

/// What a setting may hold, with its unit and limits.
package enum OptionKind: Sendable, Equatable {
    case boolean
    case integer(ClosedRange<Int>)
    case duration(ClosedRange<Duration>)
    /// Bytes; KB, MB and GB are powers of 1024.
    case byteCount(ClosedRange<Int>)
    case text
    case path
    /// One of these words, in any case.
    case choice([String])
    /// Some of these words, at least one.
    case choices([String])
    case list
    /// Lower-cased, see `Symbol`.
    case symbols
    case address
    /// The port is the example in a message.
    case addresses(like: UInt16)
    case secret
    case redisURL
    case databaseURL
    case start
    case map
    case routes

    package var isSecret: Bool { self == .secret }

    /// The shape in words, as help and documentation show it.
    package var shape: String {
        switch self {
        case .boolean: "on or off"
        case .integer(let range): "\(range.lowerBound)…\(range.upperBound)"
        case .duration(let range): "duration, \(range.lowerBound.text)…\(range.upperBound.text)"
        case .byteCount(let range): "bytes, \(ByteCount.text(range.lowerBound))…\(ByteCount.text(range.upperBound))"
        case .text: "text"
        case .path: "path"
        case .choice(let words): words.joined(separator: " or ")
        case .choices(let words): "list of " + words.joined(separator: ", ")
        case .list: "list"
        case .symbols: "list of symbols"
        case .address: "host:port"
        case .addresses: "list of host:port"
        case .secret: "secret"
        case .redisURL: "redis://, rediss:// or unix:// URL"
        case .databaseURL: "sqlite: or postgresql:// URL"
        case .start: "duration, earliest or a time"
        case .map: "map"
        case .routes: "list of rules"
        }
    }

    /// Reads the text of a variable, a flag or a scalar of the file.
    func value(of text: String) throws(ValueFault) -> OptionValue {
        switch self {
        case .boolean: .boolean(try Self.boolean(text))
        case .integer(let range): .integer(try Self.integer(text, in: range))
        case .duration(let range): .duration(try Self.duration(text, in: range))
        case .byteCount(let range): .integer(try Self.bytes(text, in: range))
        case .text, .path: .text(text)
        case .choice(let words): .text(try Self.word(text, of: words))
        case .choices, .list, .symbols, .addresses: try value(ofList: Self.items(of: text))
        case .address: .address(try Address(parsing: text))
        case .secret: .secret(Secret(text))
        case .redisURL: .redisURL(try RedisURL(parsing: text))
        case .databaseURL: .databaseURL(try DatabaseURL(parsing: text))
        case .start: .start(try StartPosition(parsing: text))
        case .map: .map(try Self.map(text))
        case .routes: throw ValueFault("is a list of rules, which only the configuration file can hold")
        }
    }

    /// Reads a sequence of scalars.
    func value(ofList items: [String]) throws(ValueFault) -> OptionValue {
        switch self {
        case .choices(let words):
            var chosen: [String] = []
            for item in items {
                let word = try Self.word(item, of: words)
                if !chosen.contains(word) { chosen.append(word) }
            }
            if chosen.isEmpty { throw ValueFault("must name at least one of \(words.joined(separator: ", "))") }
            return .list(chosen)
        case .list: return .list(items)
        case .symbols:
            var symbols: [String] = []
            for item in items { symbols.append(try Self.symbol(item)) }
            return .list(symbols)
        case .addresses(let port):
            var addresses: [Address] = []
            for item in items { addresses.append(try Address(parsing: item, like: port)) }
            return .addresses(addresses)
        case .boolean, .integer, .duration, .byteCount, .text, .path, .choice, .address, .secret, .redisURL,
            .databaseURL, .start, .map, .routes:
            throw ValueFault("must be one value (\(shape)), not a list")
        }
    }

    private static func items(of text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
    }

    private static func boolean(_ text: String) throws(ValueFault) -> Bool {
        switch text.lowercased() {
        case "1", "true", "on", "yes": return true
        case "0", "false", "off", "no": return false
        default: throw ValueFault("must be on or off", got: text)
        }
    }

    private static func integer(_ text: String, in range: ClosedRange<Int>) throws(ValueFault) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw ValueFault("must be \(range.lowerBound)…\(range.upperBound)", got: text)
        }
        return number
    }

    private static func duration(_ text: String, in range: ClosedRange<Duration>) throws(ValueFault) -> Duration {
        guard let duration = Duration(parsing: text) else {
            throw ValueFault("must be a number with a unit of ms, s, m, h, d, w or y, like 60s", got: text)
        }
        guard range.contains(duration) else {
            throw ValueFault("must be \(range.lowerBound.text)…\(range.upperBound.text)", got: text)
        }
        return duration
    }

    private static func bytes(_ text: String, in range: ClosedRange<Int>) throws(ValueFault) -> Int {
        guard let bytes = ByteCount.parse(text) else {
            throw ValueFault("must be bytes, like 4096, 256KB or 1MB", got: text)
        }
        guard range.contains(bytes) else {
            let limits = "\(ByteCount.text(range.lowerBound))…\(ByteCount.text(range.upperBound))"
            throw ValueFault("must be \(limits)", got: text)
        }
        return bytes
    }

    /// As it is written, else in another case: 1m and 1M are two words.
    private static func word(_ text: String, of words: [String]) throws(ValueFault) -> String {
        if words.contains(text) { return text }
        if let found = words.first(where: { $0.lowercased() == text.lowercased() }) { return found }
        let hint = Suggestion.nearest(to: text.lowercased(), among: words).map { "; did you mean \($0)?" } ?? ""
        throw ValueFault("must be \(words.joined(separator: " or "))", got: text, hint: hint)
    }

    private static func symbol(_ text: String) throws(ValueFault) -> String {
        guard let symbol = Symbol(text) else {
            throw ValueFault("must hold symbols such as btcusdt: \(Symbol.rule)", got: text)
        }
        return symbol.name
    }

    private static func map(_ text: String) throws(ValueFault) -> [String: String] {
        var map: [String: String] = [:]
        for item in items(of: text) {
            let parts = item.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { throw ValueFault("must be name=value pairs with commas between", got: item) }
            guard map.updateValue(parts[1].trimmed, forKey: parts[0].trimmed) == nil else {
                throw ValueFault("names \(parts[0].trimmed) twice")
            }
        }
        return map
    }
}

/// Why a value was refused: the second half of the sentence that the option's name begins.
package struct ValueFault: Error, CustomStringConvertible {
    let sentence: String
    package var description: String { sentence }

    init(_ rule: String, got: String? = nil, hint: String = "") {
        sentence = rule + (got.map { " (got \($0.isEmpty ? "nothing" : $0.shown))" } ?? "") + hint
    }
}

extension StringProtocol {
    /// Without the spaces and tabs around it.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }

    /// For a message: one line, without control characters, at most 80 characters.
    var shown: String {
        let visible = prefix(80).unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "?" : String($0) }.joined()
        return count > 80 ? visible + "…" : visible
    }
}
