package import Telemetry

/// What a server counts. Made before the server, so that a route can show it.
package final class HTTPMetrics: MetricSource {
    private struct Key: Hashable {
        let route: String
        let code: Int
    }

    private let requests = Locked<[Key: UInt64]>([:])
    private let durations = LatencyHistogram()
    private let deadlines = Locked<ConnectionDeadlines?>(nil)

    package init() {}

    func attach(_ deadlines: ConnectionDeadlines) { self.deadlines.withLock { $0 = deadlines } }

    /// On the server's thread. `route` is a declared path or one of a few words, never a client's text.
    func count(route: String, code: Int, nanoseconds: UInt64) {
        requests.withLock { $0[Key(route: route, code: code), default: 0] += 1 }
        durations.record(nanoseconds: nanoseconds)
    }

    package func write(to page: inout MetricsPage) {
        let counted = requests.withLock { $0 }.sorted { ($0.key.route, $0.key.code) < ($1.key.route, $1.key.code) }
        for (key, count) in counted {
            page.counter(
                "klinecast_http_requests_total", "HTTP requests answered.", count,
                ["route": key.route, "code": String(key.code)])
        }
        page.histogram(
            "klinecast_http_request_duration_seconds", "From the end of a request to its answer.", durations.snapshot)
        guard let deadlines = deadlines.withLock({ $0 }) else { return }
        page.gauge("klinecast_http_connections", "Open HTTP connections.", deadlines.openConnections)
        page.counter(
            "klinecast_http_connections_cut_total", "HTTP connections ended because they were too slow.",
            deadlines.cutConnections)
    }
}
