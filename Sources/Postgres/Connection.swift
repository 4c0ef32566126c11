internal import CPostgresShim
package import Configuration
internal import Glibc

/// One connection to PostgreSQL. Confined to one thread; every call blocks, never longer than its deadline: then the
/// connection is closed, and what was under way is the server's to roll back.
///
/// libpq runs non-blocking below, so that a server that takes no bytes is noticed like one that gives none.
@safe package final class Connection {
    package struct Settings: Sendable {
        package var url: Secret
        /// From the first packet to a server that is ready, all hosts of the URL together. Looking a name up blocks
        /// inside libpq and is limited by the resolver only.
        package var connectDeadline: Duration
        /// Of one statement, or one COPY, without any byte taken or given.
        package var statementDeadline: Duration

        package init(
            url: Secret, connectDeadline: Duration = .seconds(10), statementDeadline: Duration = .seconds(30)
        ) {
            self.url = url
            self.connectDeadline = connectDeadline
            self.statementDeadline = statementDeadline
        }
    }

    let settings: Settings
    // The one owner of libpq's handle; nil once closed.
    private(set) var handle: OpaquePointer?

    package init(_ settings: Settings) throws(PostgresError) {
        self.settings = settings
        unsafe handle = try Self.connect(settings)
        unsafe PQsetnonblocking(handle, 1)
    }

    deinit { close() }

    package var isOpen: Bool { unsafe handle != nil }

    /// For example 150020 for 15.20; 0 when closed.
    package var serverVersion: Int { unsafe handle.map { unsafe Int(PQserverVersion($0)) } ?? 0 }

    /// The server's process for this connection; 0 when closed.
    package var backendIdentifier: Int32 { unsafe handle.map { unsafe PQbackendPID($0) } ?? 0 }

    package func close() {
        if let open = unsafe handle { unsafe PQfinish(open) }
        unsafe handle = nil
    }

    /// One statement or several, without parameters; the last one's rows. Several are one transaction to the server,
    /// unless they say otherwise.
    @discardableResult package func execute(_ sql: String) throws(PostgresError) -> QueryResult {
        let open = unsafe try ready()
        try sent(unsafe PQsendQuery(open, sql))
        return try lastResult()
    }

    /// One statement with parameters.
    @discardableResult package func execute(_ sql: String, _ parameters: [Parameter]) throws(PostgresError)
        -> QueryResult
    {
        try unsafe send(ParameterBlock(parameters)) { open, count, values, lengths, formats in
            unsafe PQsendQueryParams(open, sql, count, nil, values, lengths, formats, 0)
        }
        return try lastResult()
    }

    /// Has the server parse a statement once, for this connection.
    package func prepare(_ name: String, _ sql: String) throws(PostgresError) {
        let open = unsafe try ready()
        try sent(unsafe PQsendPrepare(open, name, sql, 0, nil))
        _ = try lastResult()
    }

    @discardableResult package func execute(prepared name: String, _ parameters: [Parameter] = [])
        throws(PostgresError) -> QueryResult
    {
        try unsafe send(ParameterBlock(parameters)) { open, count, values, lengths, formats in
            unsafe PQsendQueryPrepared(open, name, count, values, lengths, formats, 0)
        }
        return try lastResult()
    }

    private typealias Values = UnsafePointer<UnsafePointer<CChar>?>

    private func send(
        _ block: ParameterBlock,
        _ call: (OpaquePointer, Int32, Values?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Int32
    ) throws(PostgresError) {
        let open = unsafe try ready()
        let answer = unsafe block.bytes.withUnsafeBytes { bytes in
            let start = unsafe bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
            let values: [UnsafePointer<CChar>?] = unsafe block.offsets.map { place in
                unsafe place.map { unsafe start + $0 }
            }
            return unsafe call(open, Int32(values.count), values, block.lengths, block.formats)
        }
        try sent(answer)
    }

    func ready() throws(PostgresError) -> OpaquePointer {
        guard let open = unsafe handle else { throw .closed }
        return unsafe open
    }

    func sent(_ answer: Int32) throws(PostgresError) {
        guard answer == 1 else { throw broken() }
        try flush()
    }

    /// Closes the connection; the error that says why.
    func broken() -> PostgresError {
        guard let open = unsafe handle else { return .closed }
        let words = unsafe String(cString: PQerrorMessage(open)).trimmedLines
        close()
        return .broken(words: words.isEmpty ? "the server ended it" : words)
    }
}

extension Connection {
    /// Hands all that libpq holds to the socket.
    func flush() throws(PostgresError) {
        let open = unsafe try ready()
        let deadline = ContinuousClock.now + settings.statementDeadline
        while true {
            let left = unsafe PQflush(open)
            if left == 0 { return }
            guard left > 0 else { throw broken() }
            try wait(for: Int16(POLLIN | POLLOUT), until: deadline)
            // The server may be waiting for us to read before it reads on.
            guard unsafe PQconsumeInput(open) == 1 else { throw broken() }
        }
    }

    /// The next result of what was sent; `nil` when all are read.
    func nextResult() throws(PostgresError) -> OpaquePointer? {
        let open = unsafe try ready()
        let deadline = ContinuousClock.now + settings.statementDeadline
        while unsafe PQisBusy(open) == 1 {
            try wait(for: Int16(POLLIN), until: deadline)
            guard unsafe PQconsumeInput(open) == 1 else { throw broken() }
        }
        return unsafe PQgetResult(open)
    }

    /// Reads all results; the last one, or the first error.
    func lastResult() throws(PostgresError) -> QueryResult {
        var last: QueryResult?
        var refusal: ServerRefusal?
        while let result = unsafe try nextResult() {
            let status = unsafe PQresultStatus(result)
            let owner = unsafe QueryResult(taking: result)
            switch status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK: last = owner
            case PGRES_EMPTY_QUERY: break
            case PGRES_FATAL_ERROR:
                if refusal == nil { refusal = unsafe ServerRefusal(result) }
            default:
                // A COPY that nobody is there to serve: only a new connection is in order again.
                close()
                throw .unexpected(words: "the server answered \(status.rawValue) to a plain statement")
            }
        }
        guard let open = unsafe handle else { throw .closed }
        // The server says goodbye with an error of its own (a backend terminated, a shutdown), then ends the connection.
        if unsafe PQstatus(open) == CONNECTION_BAD {
            let failure = broken()
            throw refusal.map { $0.state.isEmpty ? failure : .broken(words: "\($0)") } ?? failure
        }
        if let refusal { throw refusal.state.isEmpty ? broken() : .refused(refusal) }
        guard let last else { throw .unexpected(words: "the server answered nothing to a statement") }
        return last
    }

    private func wait(for events: Int16, until deadline: ContinuousClock.Instant) throws(PostgresError) {
        let open = unsafe try ready()
        var watched = pollfd(fd: unsafe PQsocket(open), events: events, revents: 0)
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else {
                close()
                throw .silent(settings.statementDeadline)
            }
            let answer = unsafe poll(&watched, 1, left.pollMilliseconds)
            if answer > 0 { return }
            guard answer == 0 || errno == EINTR else { throw broken() }
        }
    }
}

extension ServerRefusal {
    init(_ result: OpaquePointer) {
        func text(_ field: UnsafePointer<CChar>?) -> String? { unsafe field.map { unsafe String(cString: $0) } }
        unsafe self.init(
            state: text(postgres_shim_error_sqlstate(result)) ?? "",
            message: text(postgres_shim_error_primary(result)) ?? "",
            detail: text(postgres_shim_error_detail(result)), context: text(postgres_shim_error_context(result)))
    }
}

extension Duration {
    /// For `poll`: rounded up, so that a deadline is never found early.
    var pollMilliseconds: Int32 {
        let milliseconds = components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 + 1
        return Int32(clamping: max(0, milliseconds))
    }
}

extension String {
    /// libpq's messages end with a new line and may have several.
    var trimmedLines: String {
        split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " || $0 == "\t" } }.joined(separator: "; ")
    }
}
