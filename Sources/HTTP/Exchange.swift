import Synchronization
import Telemetry

/// From a request to its answer. On the server's thread only, but for `deadlines`, the metrics and deferred handlers.
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
        var begin = Duration.zero
        /// The answer is made, or was made, on another thread.
        var deferral: Deferral?

        init(target: String) { self.target = RequestTarget(parsing: target) }
    }

    let deadlines: ConnectionDeadlines
    private let routes: RouteTable
    private let hosts: HostPolicy
    private let metrics: HTTPMetrics
    private let limits: ServerLimits
    /// `nil` for a server without deferred routes.
    private let pool: HandlerPool?
    private let deferred = Atomic<Int>(0)

    init(
        routes: RouteTable, hosts: HostPolicy, metrics: HTTPMetrics, limits: ServerLimits, pool: HandlerPool?
    ) {
        self.pool = pool
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

    /// Deferred requests that are not answered to the last byte.
    var deferredRequests: Int { deferred.load(ordering: .acquiring) }

    func completed(_ pending: Pending, on connection: Connection) {
        if pending.deferral != nil { deferred.subtract(1, ordering: .releasing) }
        deadlines.answered(connection.socket, now: LogWriter.monotonic())
    }

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

    /// The request is complete, or its deferred answer is made.
    func answer(_ pending: Pending, on connection: Connection) -> Bool {
        guard let target = pending.target else { return false }
        if let deferral = pending.deferral {
            // The library comes here only after the connection was resumed, which the answer does.
            guard let response = deferral.take() else { return false }
            return send(response, pending, route: target.path, on: connection)
        }
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
                headers: pending.headers, body: pending.body, remoteAddress: connection.remoteAddress,
                stop: pool?.isStopping)
            if route.isDeferred, let pool { return wait(for: route, request, pending, pool, on: connection) }
            return send(route.handler(request), pending, route: route.path, on: connection)
        }
    }

    /// The connection rests before its job can be done: nobody resumes what is not suspended.
    private func wait(
        for route: Route, _ request: Request, _ pending: Pending, _ pool: HandlerPool, on connection: Connection
    ) -> Bool {
        if let refusal = pool.reserve() { return send(refusal, pending, route: route.path, on: connection) }
        let deferral = Deferral(connection.suspend())
        pending.deferral = deferral
        pending.body = []
        deferred.add(1, ordering: .relaxed)
        pool.enqueue(
            HandlerPool.Job(
                request: request, handler: route.handler, deferral: deferral, queued: LogWriter.monotonic()))
        return true
    }

    private func send(_ response: Response, _ pending: Pending, route: String, on connection: Connection) -> Bool {
        let isQueued = connection.queue(response)
        let elapsed = (LogWriter.monotonic() - pending.begin).components
        let nanoseconds = elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000
        metrics.count(route: route, code: response.status, nanoseconds: UInt64(max(0, nanoseconds)))
        return isQueued
    }
}
