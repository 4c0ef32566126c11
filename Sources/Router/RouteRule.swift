/// A mapping of the configuration file: a regular expression over topic names and a channel template.
///
/// Every `{name}` of the template is a named group of the expression, `{prefix}` or `{topic}`.
package struct RouteRule: Sendable {
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case pattern(String, String)
        case template(String, unknown: String, known: [String])

        package var description: String {
            switch self {
            case .pattern(let pattern, let sentence): "routes.match: \(pattern): \(sentence)"
            case .template(let template, let unknown, let known):
                "routes.channel: \(template): {\(unknown)} is no group of the expression; "
                    + "it has \(known.map { "{\($0)}" }.joined(separator: " "))"
            }
        }
    }

    /// The expression as the file has it.
    package let pattern: String
    package let lane: Lane
    package let dataType: DataType
    let template: [Part]
    /// A regular expression of the kind that `Kafka` understands (POSIX, without names), anchored on both sides.
    let subscription: String
    private let groups: [String]

    enum Part: Equatable, Sendable {
        case text(String)
        case value(String)
    }

    package init(match pattern: String, channel: String, lane: Lane, dataType: DataType) throws(Failure) {
        self.pattern = pattern
        self.lane = lane
        self.dataType = dataType
        let translation = try Self.translate(pattern)
        groups = translation.names
        subscription = translation.posix
        template = try Self.parts(of: channel, known: ["prefix", "topic"] + translation.names)
        do { _ = try Regex(pattern) } catch { throw .pattern(pattern, "not a regular expression: \(error)") }
    }

    /// The channel for a topic; `nil` when the rule does not match all of its name.
    func channel(for topic: String, prefix: String) -> String? {
        // Compiled at each call: a rule is asked once for each topic, and a compiled `Regex` is not Sendable.
        guard let match = try? Regex(pattern).wholeMatch(in: topic) else { return nil }
        var values = ["prefix": prefix, "topic": topic]
        for name in groups { values[name] = match[name]?.substring.map(String.init) ?? "" }
        return template.map { part in
            switch part {
            case .text(let text): text
            case .value(let name): values[name] ?? ""
            }
        }.joined()
    }

    private static func parts(of template: String, known: [String]) throws(Failure) -> [Part] {
        var parts: [Part] = []
        var rest = Substring(template)
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            let name = String(rest[rest.index(after: open)..<close])
            guard known.contains(name) else { throw .template(template, unknown: name, known: known) }
            parts.append(.value(name))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        return parts
    }

    /// Kafka's client subscribes with POSIX extended expressions: names go, `\d` and `\w` are spelled out, and what has
    /// no counterpart there is refused here rather than never matching.
    private static func translate(_ pattern: String) throws(Failure) -> (posix: String, names: [String]) {
        var posix = ""
        var names: [String] = []
        var rest = Substring(pattern)
        while let character = rest.popFirst() {
            switch character {
            case "\\":
                switch rest.popFirst() {
                case "d": posix += "[0-9]"
                case "w": posix += "[A-Za-z0-9_]"
                case .some(let escaped) where !escaped.isLetter && !escaped.isNumber: posix += "\\\(escaped)"
                default: throw .pattern(pattern, "of the escapes only \\d, \\w and escaped punctuation are understood")
                }
            case "(" where rest.hasPrefix("?<") && !rest.hasPrefix("?<=") && !rest.hasPrefix("?<!"):
                guard let close = rest.firstIndex(of: ">") else { throw .pattern(pattern, "a group's name has no end") }
                names.append(String(rest[rest.index(rest.startIndex, offsetBy: 2)..<close]))
                rest = rest[rest.index(after: close)...]
                posix += "("
            case "(" where rest.hasPrefix("?:"):
                rest = rest.dropFirst(2)
                posix += "("
            case "(" where rest.hasPrefix("?"):
                throw .pattern(pattern, "look-around and options have no counterpart in a Kafka subscription")
            default: posix.append(character)
            }
        }
        if !posix.hasPrefix("^") { posix = "^" + posix }
        if !posix.hasSuffix("$") { posix += "$" }
        return (posix, names)
    }
}
