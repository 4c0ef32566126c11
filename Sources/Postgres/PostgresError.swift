/// Everything that can go wrong between us and a PostgreSQL. No description holds a password.
package enum PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
    /// libpq cannot read the URL; its words, without what they quote (that may be the password).
    case url(words: String)
    /// No connection. `state` is the server's SQLSTATE when it was the server that refused.
    case connect(state: String?, words: String)
    case connectTimeout(Duration)
    /// The connection broke, or its other side ended it.
    case broken(words: String)
    /// No answer within the deadline: the connection was closed.
    case silent(Duration)
    /// The server refused a statement and keeps the connection.
    case refused(ServerRefusal)
    /// Not what the statement asked for: a mistake of ours, or of something between us and the server.
    case unexpected(words: String)
    /// `close` was called, or an error closed it before.
    case closed

    /// The server's code, when it has said one.
    package var state: String? {
        switch self {
        case .connect(let state, _): state
        case .refused(let refusal): refusal.state
        case .url, .connectTimeout, .broken, .silent, .unexpected, .closed: nil
        }
    }

    package var description: String {
        switch self {
        case .url(let words): "the URL cannot be read: \(words); write postgresql://user@host/database"
        case .connect(let state, let words): state.map { "\(words) (\($0))" } ?? words
        case .connectTimeout(let limit):
            "no connection within \(limit); is the address right, does a firewall drop packets?"
        case .broken(let words): "the connection broke: \(words)"
        case .silent(let limit): "no answer within \(limit): the server hangs or is overloaded; connecting again"
        case .refused(let refusal): "\(refusal)"
        case .unexpected(let words): words
        case .closed: "the connection is closed"
        }
    }
}

/// One error of the server, in its own words.
package struct ServerRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// SQLSTATE: five characters, appendix A of PostgreSQL's manual.
    package let state: String
    package let message: String
    package let detail: String?
    /// Where it happened, for example `COPY candles, line 12, column open`; in the server's language.
    package let context: String?

    package init(state: String, message: String, detail: String? = nil, context: String? = nil) {
        self.state = state
        self.message = message
        self.detail = detail
        self.context = context
    }

    package var description: String {
        var text = "\(message) (\(state))"
        if let detail { text += ": \(detail)" }
        if let context { text += " [\(context.prefix { $0 != "\n" })]" }
        return text
    }
}
