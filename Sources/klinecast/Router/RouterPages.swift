import Configuration
import HTTP
import Kafka
import Persister
import Records
import Router
import Telemetry

/// What the router answers over HTTP.
struct RouterPages: Sendable {
    let lanes: [LaneStatus]
    /// `nil` with PERSIST=off.
    let persister: PersisterReport?
    let settings: Settings
    let diagnosticPage: DiagnosticPage
    let started: ContinuousClock.Instant
    let startedAt: Double

    private var now: ContinuousClock.Instant { .now }
    private var snapshots: [(lane: Lane, snapshot: LaneSnapshot)] { lanes.map { ($0.lane, $0.snapshot) } }
    private var uptime: Double { Double((now - started) / .milliseconds(1)) / 1000 }

    func routes(metrics: HTTPMetrics, version: String) -> [HTTP.Route] {
        let router = RouterMetrics(lanes: lanes, seriesLimit: settings.router.metricsSeries)
        let rows = persister.map {
            PersisterMetrics(report: $0, seriesLimit: settings.router.metricsSeries, isAlone: false)
        }
        let sources: [any MetricSource] = [router] + (rows.map { [$0] } ?? []) + [metrics, ProcessMetrics()]
        return [
            Route("GET", "/health") { _ in health() },
            Route("GET", "/health/live") { _ in
                probe(ProbeReport(reasons: RouterHealth(snapshots, now: now).stuck + (persister?.health.stuck ?? [])))
            },
            Route("GET", "/health/ready") { _ in
                probe(ProbeReport(reasons: RouterHealth(snapshots, now: now).unready))
            },
            Route("GET", "/diagnostic") { _ in diagnostic() },
            Route("GET", "/metrics") { _ in .metrics(MetricsPage(of: sources)) },
            Route("GET", "/openapi.json") { _ in Response(body: OpenAPIDocument.router(version: version)) },
        ]
    }

    private func health() -> Response {
        let snapshots = snapshots
        let health = RouterHealth(snapshots, now: now)
        let rows = persister?.health
        let report = HealthReport(
            status: Self.status(health.status, rows?.status), reasons: health.reasons + (rows?.reasons ?? []),
            uptime: uptime)
        let stats = RouterStats(lanes: snapshots, uptime: uptime, startedAt: startedAt)
        return Response(
            status: report.status.httpStatus,
            body: report.body { json in
                stats.write(to: &json)
                if let persister {
                    json.member("persister", object: { persister.writeStats(to: &$0, uptime: uptime) })
                }
            })
    }

    /// Rows that can't be written make a router degraded, not unhealthy: subscribers have all they need, and a balancer
    /// that went elsewhere would only take that away.
    private static func status(_ router: HealthReport.Status, _ persister: HealthReport.Status?) -> HealthReport.Status
    {
        switch (router, persister) {
        case (.healthy, .degraded?), (.healthy, .unhealthy?): .degraded
        default: router
        }
    }

    private func probe(_ report: ProbeReport) -> Response { Response(status: report.httpStatus, body: report.body) }

    // MARK: Diagnostic

    private func diagnostic() -> Response {
        let snapshots = snapshots
        let health = RouterHealth(snapshots, now: now)
        let report = HealthReport(
            status: health.status, reasons: health.reasons + (persister?.health.reasons ?? []), uptime: uptime)
        let stats = RouterStats(lanes: snapshots, uptime: report.uptime, startedAt: startedAt)
        return diagnosticPage.response(
            report, kafka: connection(snapshots, \.isJoined, \.sourceFailure),
            redis: connection(snapshots, \.isSinkReady, \.sinkFailure),
            database: persister?.connection ?? "not used: this process has no persister",
            topics: Set(snapshots.flatMap { $0.snapshot.partitions.map(\.source.topic) }),
            stats: { stats.write(to: &$0) },
            own: { json in
                json.member(
                    "lanes",
                    object: { json in
                        for (lane, snapshot) in snapshots {
                            json.member(lane.rawValue, object: { describe(snapshot, &$0) })
                        }
                    })
                if let persister { json.member("persister", object: { persister.describe(to: &$0) }) }
            })
    }

    /// `connected` when every lane is; else what keeps the first that is not.
    private func connection(
        _ lanes: [(lane: Lane, snapshot: LaneSnapshot)], _ isUp: KeyPath<LaneSnapshot, Bool>,
        _ failure: KeyPath<LaneSnapshot, String?>
    ) -> String {
        guard let down = lanes.first(where: { !$0.snapshot[keyPath: isUp] }) else { return "connected" }
        return "disconnected: lane \(down.lane.rawValue): \(down.snapshot[keyPath: failure] ?? "connecting")"
    }

    private func describe(_ snapshot: LaneSnapshot, _ json: inout JSONWriter) {
        json.member("phase", snapshot.phase.rawValue)
        json.member("redis_inflight", snapshot.commandsInWindow)
        json.member("records_in_window", snapshot.recordsInWindow)
        json.member("dead_letters_unwritten", snapshot.unwrittenDeadLetters)
        json.member("last_cache_bytes", snapshot.lastCacheBytes)
        json.member("last_cache_unkept", snapshot.lastCacheUnkept)
        json.member(
            "receivers",
            object: { json in
                for channel in snapshot.receiversByChannel where channel.receivers >= 0 {
                    json.member(channel.channel, channel.receivers)
                }
            })
        snapshot.writePartitions(to: &json) { $1.member("waits_for_dead_letter", $0.isWaiting) }
    }
}
