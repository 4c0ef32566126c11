import Configuration
import HTTP
import Persister
import Records
import Telemetry

/// What a persister alone answers over HTTP.
struct PersisterPages: Sendable {
    let report: PersisterReport
    let settings: Settings
    let diagnosticPage: DiagnosticPage
    let started: ContinuousClock.Instant

    private var uptime: Double { Double((ContinuousClock.now - started) / .milliseconds(1)) / 1000 }

    func routes(metrics: HTTPMetrics, version: String) -> [HTTP.Route] {
        let rows = PersisterMetrics(report: report, seriesLimit: settings.router.metricsSeries, isAlone: true)
        let sources: [any MetricSource] = [rows, metrics, ProcessMetrics()]
        return [
            Route("GET", "/health") { _ in health() },
            Route("GET", "/health/live") { _ in probe(ProbeReport(reasons: report.health.stuck)) },
            Route("GET", "/health/ready") { _ in probe(ProbeReport(reasons: report.health.unready)) },
            Route("GET", "/diagnostic") { _ in diagnostic() },
            Route("GET", "/metrics") { _ in .metrics(MetricsPage(of: sources)) },
            Route("GET", "/openapi.json") { _ in Response(body: OpenAPIDocument.persister(version: version)) },
        ]
    }

    private var page: HealthReport {
        let health = report.health
        return HealthReport(status: health.status, reasons: health.reasons, uptime: uptime)
    }

    private func health() -> Response {
        let page = page
        return Response(
            status: page.status.httpStatus, body: page.body { report.writeStats(to: &$0, uptime: uptime) })
    }

    private func probe(_ report: ProbeReport) -> Response { Response(status: report.httpStatus, body: report.body) }

    private func diagnostic() -> Response {
        let (page, snapshot) = (page, report.status.snapshot)
        return diagnosticPage.response(
            page, kafka: snapshot.isJoined ? "connected" : "disconnected: \(snapshot.sourceFailure ?? "joining")",
            redis: "not used: this process has no router", database: report.connection,
            topics: Set(snapshot.partitions.map(\.source.topic)),
            stats: { report.writeStats(to: &$0, uptime: page.uptime) },
            own: { $0.member("persister", object: { report.describe(to: &$0) }) })
    }
}
