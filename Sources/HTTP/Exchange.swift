import Telemetry

/// From a request to its answer. On the server's thread only, but for `deadlines` and the metrics.
final class Exchange: Sendable {
    /// A request on its way in.
    final class Pending {
        let target: RequestTarget?
        var hasBegun = false
        var method = ""
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
        /// Bytes of the body that came, kept or not.
        var received = 0
        var route: Route?
        var begin = Duration.zero

        init(target: String) { self.target = RequestTarget(parsing: target) }
    }

    let deadlines: ConnectionDeadlines
    private let routes: RouteTable
    private let hosts: HostPolicy
    private let metrics: HTTPMetrics
    private let limits: ServerLimits

    init(routes: RouteTable, hosts: HostPolicy, metrics: HTTPMetrics, limits: ServerLimits) {
        self.routes = routes
        self.hosts = hosts
        self.metrics = metrics
        self.limits = limits
        deadlines = ConnectionDeadlines(limits: limits)
    }

    func connection(_ connection: Connection, isOpen: Bool) {
        if isOpen {
            deadlines.connected(connection.socket, now: LogWriter.monotonic())
        } else {
            deadlines.closed(connection.socket)
        }
    }

    func completed(on connection: Connection) { deadlines.answered(connection.socket, now: LogWriter.monotonic()) }

    /// The headers are complete. What is refused now is answered before its body is read, and the connection closed.
    /// False cuts the connection.
    func begin(_ pending: Pending, method: String, version: String, on connection: Connection) -> Bool {
        pending.hasBegun = true
        pending.begin = LogWriter.monotonic()
        deadlines.headersComplete(connection.socket, now: pending.begin)
        pending.method = method
        pending.headers = connection.headers
        let refusal = RequestCheck.refusal(
            target: pending.target, version: version, headers: pending.headers, hosts: hosts,
            bodyLimit: limits.bodyBytes)
        if let refusal { return send(refusal, pending, route: "refused", on: connection) }
        return true
    }

    /// A piece of the body. Beyond the limit it is thrown away, so that the client may hear why; at twice the limit the
    /// connection is cut.
    func take(_ bytes: UnsafeRawBufferPointer, _ pending: Pending) -> Bool {
        pending.received += bytes.count
        if pending.received > limits.bodyBytes {
            pending.body = []
            return pending.received <= 2 * limits.bodyBytes
        }
        unsafe pending.body.append(contentsOf: bytes)
        return true
    }

    /// The request is complete.
    func answer(_ pending: Pending, on connection: Connection) -> Bool {
        guard let target = pending.target else { return false }
        switch routes.match(pending.method, target.path) {
        case .unknownPath:
            let failure = Response.failure(
                404, "not_found", "nothing is served at this path; GET /openapi.json lists what is")
            return send(failure, pending, route: "unknown", on: connection)
        case .otherMethods(let allowed):
            let failure = Response.failure(
                405, "method_not_allowed", "this path takes \(allowed)", headers: [Response.Header("Allow", allowed)])
            return send(failure, pending, route: target.path, on: connection)
        case .route(let route):
            if pending.received > limits.bodyBytes {
                return send(RequestCheck.tooLarge(limits.bodyBytes), pending, route: route.path, on: connection)
            }
            let request = Request(
                method: route.method, path: target.path, query: target.parameters.map { ($0.name, $0.value) },
                headers: pending.headers, body: pending.body)
            return send(route.handler(request), pending, route: route.path, on: connection)
        }
    }

    private func send(_ response: Response, _ pending: Pending, route: String, on connection: Connection) -> Bool {
        let isQueued = connection.queue(response)
        let elapsed = (LogWriter.monotonic() - pending.begin).components
        let nanoseconds = elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000
        metrics.count(route: route, code: response.status, nanoseconds: UInt64(max(0, nanoseconds)))
        return isQueued
    }
}
