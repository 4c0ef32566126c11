internal import CPostgresShim
internal import Configuration
internal import Glibc

/// From a URL to a server that is ready.
extension Connection {
    static func connect(_ settings: Settings) throws(PostgresError) -> OpaquePointer {
        try check(settings.url)
        // Behind the URL, so that what it says itself stands only where a word may be said twice and the last one counts.
        let words = [
            ("dbname", settings.url.revealed), ("fallback_application_name", "klinecast"), ("client_encoding", "UTF8"),
            ("keepalives_idle", "15"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "\(settings.statementDeadline.pollMilliseconds)"),
        ]
        guard let open = unsafe start(words) else { throw .connect(state: nil, words: "out of memory") }
        unsafe postgres_shim_notices_ignore(open)
        // Before there is a connection its SQLSTATE stands in the verbose message only.
        unsafe PQsetErrorVerbosity(open, PQERRORS_VERBOSE)
        do {
            try unsafe complete(open, settings)
        } catch {
            unsafe PQfinish(open)
            throw error.masking(settings.url)
        }
        unsafe PQsetErrorVerbosity(open, PQERRORS_DEFAULT)
        return unsafe open
    }

    private static func start(_ words: [(String, String)]) -> OpaquePointer? {
        // One block of zero-ended texts, keyword and value in turn.
        var bytes: [CChar] = []
        var places: [Int] = []
        for word in words.flatMap({ [$0.0, $0.1] }) {
            places.append(bytes.count)
            bytes += word.utf8CString
        }
        return unsafe bytes.withUnsafeBufferPointer { block in
            func pointers(from first: Int) -> [UnsafePointer<CChar>?] {
                unsafe stride(from: first, to: places.count, by: 2).map { unsafe block.baseAddress! + places[$0] }
                    + [nil]
            }
            return unsafe PQconnectStartParams(pointers(from: 0), pointers(from: 1), 1)
        }
    }

    private static func complete(_ open: OpaquePointer, _ settings: Settings) throws(PostgresError) {
        let deadline = ContinuousClock.now + settings.connectDeadline
        guard unsafe PQstatus(open) != CONNECTION_BAD else { throw unsafe refusal(of: open) }
        var events = Int16(POLLOUT)
        while true {
            // Another host of the URL is another socket.
            var watched = pollfd(fd: unsafe PQsocket(open), events: events, revents: 0)
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw .connectTimeout(settings.connectDeadline) }
            guard unsafe poll(&watched, 1, left.pollMilliseconds) > 0 else { continue }
            switch unsafe PQconnectPoll(open) {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: events = Int16(POLLIN)
            case PGRES_POLLING_WRITING: events = Int16(POLLOUT)
            default: throw unsafe refusal(of: open)
            }
        }
    }

    private static func refusal(of open: OpaquePointer) -> PostgresError {
        let message = unsafe String(cString: PQerrorMessage(open))
        var state = SQLState.last(in: message)
        // libpq says so itself before it asks the server.
        if state == nil, unsafe PQconnectionNeedsPassword(open) == 1 { state = SQLState.wrongPassword }
        let lines = message.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
        return .connect(state: state, words: lines.joined(separator: "\n").trimmedLines)
    }

    /// Throws when libpq cannot read the URL.
    private static func check(_ url: Secret) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = unsafe PQconninfoParse(url.revealed, &message) else {
            let words = unsafe message.map { unsafe String(cString: $0) } ?? "out of memory"
            unsafe PQfreemem(message)
            // What stands in quotation marks is a piece of the URL.
            throw .url(words: String(words.prefix { $0 != "\"" }).trimmedLines)
        }
        unsafe PQconninfoFree(options)
    }
}

extension PostgresError {
    /// Once the URL was read, libpq's words hold host, port, user and database in quotation marks, and never the password:
    /// to look for that everywhere would show a short one by what is missing. But of a password with an `@` or a `/` that is
    /// not percent-encoded, a piece has become the host or the port.
    func masking(_ url: Secret) -> PostgresError {
        guard case .connect(let state, let words) = self else { return self }
        let text = url.revealed
        let credentials = text.lastIndex(of: "@").map { text[..<$0] } ?? ""
        var pieces = words.split(separator: "\"", omittingEmptySubsequences: false)
        for place in stride(from: 1, to: pieces.count, by: 2) {
            let piece = pieces[place]
            if let at = piece.lastIndex(of: "@"), text.contains("@\(piece)") {
                pieces[place] = Secret.mask + piece[at...]
            } else if !piece.isEmpty, credentials.contains(":\(piece)/") {
                pieces[place] = Secret.mask[...]
            }
        }
        return .connect(state: state, words: pieces.joined(separator: "\""))
    }
}

enum SQLState {
    static let wrongPassword = "28P01"

    /// The last code of a verbose message: `FATAL:  28P01: password authentication failed`.
    static func last(in message: String) -> String? {
        var found: String?
        for part in message.split(separator: ":") {
            let word = part.drop { $0 == " " }
            guard word.utf8.count == 5, part.hasPrefix("  "),
                word.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) })
            else { continue }
            found = String(word)
        }
        return found
    }
}
