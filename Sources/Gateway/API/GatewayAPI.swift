import Assignment
import Glibc
package import HTTP
package import MarketData
import Telemetry

/// The assignments over HTTP: the predecessor's routes and shapes, and what they lack.
///
/// Handlers are deferred: they block for the storage's patience and, after a live change, for at most `Settings.patience`.
/// Each has a storage of its own meanwhile. All that changes something is checked by `WriteCheck` first, carries its
/// author into the history, and is logged.
package final class GatewayAPI: Sendable {
    package struct Settings: Sendable {
        /// Bearer token of writes; `nil`: none is asked for.
        package var token: String?
        /// Where a request names none.
        package var timeframes: [Timeframe] = [.oneMinute, .fiveMinutes, .fifteenMinutes, .oneHour, .fourHours]
        /// How long a live change waits until the workers were told.
        package var patience = Duration.seconds(5)

        package init(token: String? = nil) { self.token = token }
    }

    let settings: Settings
    private let check: WriteCheck
    private let storages: StoragePool
    private let pages = AssignmentPages()

    /// - Parameter storage: makes a connection of a request's own; few are made, and kept.
    package init(_ settings: Settings, storage: @escaping @Sendable () -> any AssignmentStorage) {
        self.settings = settings
        check = WriteCheck(token: settings.token)
        storages = StoragePool(storage)
    }

    /// They keep the API alive.
    package var routes: [Route] {
        [
            read("/ws/assignments") { [pages] request, service throws(Refusal) in
                let stored = try Self.stored(service)
                return Self.unlessKnown(stored.tag, to: request) { pages.json(of: stored) }
            },
            read("/ws/assignments.csv") { [pages] request, service throws(Refusal) in
                let stored = try Self.stored(service)
                return Self.unlessKnown(stored.tag, to: request) { pages.csv(of: stored) }
            },
            read("/ws/history", HistoryPage.answer),
            read("/ws/workers") { _, service throws(Refusal) in try WorkerRoutes.list(service) },
            write("POST", "/ws/dispatch", "application/json", Self.dispatch),
            write("POST", "/ws/rebalance", "application/json", Self.rebalance),
            write("POST", "/ws/subscribe", "application/json", Self.subscribe),
            write("POST", "/ws/unsubscribe", "application/json", Self.unsubscribe),
            write("PUT", "/ws/assignments.csv", "text/csv", Self.importFile),
            write("POST", "/ws/workers", "application/json", WorkerRoutes.change),
            write("DELETE", "/ws/workers", nil, WorkerRoutes.remove),
        ]
    }

    private func read(
        _ path: String, _ handler: @escaping @Sendable (Request, AssignmentService) throws(Refusal) -> Response
    ) -> Route {
        Route(
            "GET", path,
            deferred: { [self] request in
                answer { storage throws(Refusal) in try handler(request, AssignmentService(storage: storage)) }
            })
    }

    private func write(
        _ method: String, _ path: String, _ mediaType: String?,
        _ handler: @escaping @Sendable (WriteRequest) throws(Refusal) -> Response
    ) -> Route {
        Route(
            method, path,
            deferred: { [self] request in
                if let refusal = check.refusal(request, mediaType: mediaType) {
                    Log.warning(
                        "Write refused",
                        ["http.remote": request.remoteAddress, "http.status": String(refusal.response.status)],
                        per: String(refusal.response.status))
                    return refusal.response
                }
                return answer { storage throws(Refusal) in
                    _ = try Self.stored(AssignmentService(storage: storage))
                    return try handler(try WriteRequest(request, storage: storage, settings: settings))
                }
            })
    }

    private func answer(_ body: (any AssignmentStorage) throws(Refusal) -> Response) -> Response {
        do throws(Refusal) { return try storages.with(body) } catch { return error.response }
    }

    /// Each request begins with it: what only its storage knows of changes that Redis lost is made good before anything else.
    static func stored(_ service: AssignmentService) throws(Refusal) -> StoredState {
        do throws(StorageError) { return try service.recovered(by: "gateway") } catch { throw Refusal(error) }
    }

    private static func unlessKnown(_ tag: StateTag, to request: Request, _ make: () -> Response) -> Response {
        var response = EntityTag.isKnown(tag, to: request) ? Response(status: 304, body: []) : make()
        // Kept by whoever wants to, and asked for again each time.
        response.headers += [EntityTag.header(tag), Response.Header("Cache-Control", "no-cache")]
        return response
    }
}
