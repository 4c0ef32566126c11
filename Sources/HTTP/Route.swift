/// What answers a method on a path.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Request) -> Response

    package let method: String
    package let path: String
    let handler: Handler
    let isDeferred: Bool

    /// The handler runs on the server's one thread: short, without waiting, without locks that a slow thread may hold.
    package init(_ method: String, _ path: String, _ handler: @escaping Handler) {
        self.init(method, path, handler, isDeferred: false)
    }

    /// The handler runs on one of a few threads of its own, several at a time, and may wait: for seconds, and not once
    /// `Request.isServerStopping`. Its connection rests meanwhile and holds up no other.
    package init(_ method: String, _ path: String, deferred handler: @escaping Handler) {
        self.init(method, path, handler, isDeferred: true)
    }

    private init(_ method: String, _ path: String, _ handler: @escaping Handler, isDeferred: Bool) {
        self.method = method
        self.path = path
        self.handler = handler
        self.isDeferred = isDeferred
    }
}

/// Literal paths and their methods.
struct RouteTable: Sendable {
    enum Match {
        case route(Route)
        /// The path is there; these are its methods, as Allow lists them.
        case otherMethods(String)
        case unknownPath
    }

    private let routes: [String: [Route]]

    init(_ routes: [Route]) { self.routes = Dictionary(grouping: routes, by: \.path) }

    var needsThreads: Bool { routes.values.contains { $0.contains(where: \.isDeferred) } }

    /// HEAD is served where GET is.
    func match(_ method: String, _ path: String) -> Match {
        guard let found = routes[path] else { return .unknownPath }
        let wanted = method == "HEAD" ? "GET" : method
        if let route = found.first(where: { $0.method == wanted }) { return .route(route) }
        let methods = Set(found.flatMap { $0.method == "GET" ? ["GET", "HEAD"] : [$0.method] })
        return .otherMethods(methods.sorted().joined(separator: ", "))
    }
}
