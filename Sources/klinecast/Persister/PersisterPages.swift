import Configuration
import HTTP
import Persister
import Records
import Telemetry

/// What a persister alone answers over HTTP.
struct PersisterPages: Sendable {
    let report: PersisterReport
    let settings: Settings
    let journal: ErrorJournal
    let libraries: [(name: String, version: String?)]
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

    private func health() -> Response {
        let health = report.health
        let page = HealthReport(status: health.status, reasons: health.reasons, uptime: uptime)
        return Response(
            status: page.status.httpStatus, body: page.body { report.writeStats(to: &$0, uptime: uptime) })
    }

    private func probe(_ report: ProbeReport) -> Response { Response(status: report.httpStatus, body: report.body) }

    private func diagnostic() -> Response {
        let health = report.health
        let snapshot = report.status.snapshot
        return .json { json in
            json.object { json in
                json.member("status", health.status == .stopping ? "stopping" : "operational")
                json.member("timestamp", Timestamp.seconds())
                json.member("uptime", uptime)
                json.member(
                    "connections",
                    object: { json in
                        let kafka =
                            snapshot.isJoined ? "connected" : "disconnected: \(snapshot.sourceFailure ?? "joining")"
                        json.member("kafka", kafka)
                        json.member("redis", "not used: this process has no router")
                        json.member("database", report.connection)
                    })
                json.member("topics", Set(snapshot.partitions.map(\.source.topic)).sorted())
                json.member("stats", object: { report.writeStats(to: &$0, uptime: uptime) })
                json.member("reasons", health.reasons)
                json.member("persister", object: { report.describe(to: &$0) })
                DiagnosticTail.write(to: &json, journal: journal, libraries: libraries, settings: settings)
            }
        }
    }
}
