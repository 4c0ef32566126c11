/// Where the rows go: `sqlite:<path>`, or `postgresql://…` as libpq reads it.
package enum DatabaseURL: Sendable, Equatable, CustomStringConvertible {
    /// A path that does not begin with `/` lies under the state folder.
    case sqlite(path: String)
    /// A URI for libpq, with whatever it allows: several hosts, `sslmode`, `host=/run/postgresql`. It may hold a password.
    case postgres(Secret)

    /// Its faults never show the password.
    package init(parsing text: String) throws(ValueFault) {
        guard let colon = text.firstIndex(of: ":") else {
            throw ValueFault("scheme is missing: write sqlite:klinecast.db or postgresql://user@host/database")
        }
        switch text[..<colon].lowercased() {
        case "sqlite":
            var path = text[text.index(after: colon)...]
            // sqlite:///absolute, as others write it.
            if path.hasPrefix("//") { path = path.dropFirst(2) }
            guard !path.isEmpty else { throw ValueFault("path is empty: write sqlite:klinecast.db") }
            guard path != ":memory:" else {
                throw ValueFault("a database in memory would be gone with the process", got: ":memory:")
            }
            self = .sqlite(path: String(path))
        case "postgresql", "postgres":
            guard text[colon...].hasPrefix("://") else {
                throw ValueFault("PostgreSQL is written postgresql://user@host/database")
            }
            self = .postgres(Secret(text))
        case let other: throw ValueFault("scheme must be sqlite or postgresql", got: other.behindTheLastAt)
        }
    }

    /// The password hidden.
    package var description: String {
        switch self {
        case .sqlite(let path): return "sqlite:\(path)"
        case .postgres(let secret):
            let text = secret.revealed
            guard let mark = text.firstRange(of: "://") else { return Secret.mask }
            let rest = text[mark.upperBound...]
            var shown = Substring(text[..<mark.upperBound])
            // A password with a `/` that is not percent-encoded ends at the `@` all the same.
            if let at = rest.prefix(while: { $0 != "?" }).lastIndex(of: "@") {
                let user = rest[..<at]
                shown += user.prefix { $0 != ":" }
                if user.contains(":") { shown += ":\(Secret.mask)" }
                shown += rest[at...]
            } else {
                shown += rest
            }
            // libpq also takes it as a parameter.
            guard let query = shown.firstIndex(of: "?") else { return String(shown) }
            let parameters = shown[shown.index(after: query)...].split(separator: "&").map { parameter in
                Secret.isSecret(property: String(parameter.prefix { $0 != "=" }))
                    ? "\(parameter.prefix { $0 != "=" })=\(Secret.mask)" : String(parameter)
            }
            return "\(shown[..<query])?\(parameters.joined(separator: "&"))"
        }
    }
}
