import Assignment
import Configuration
import Gateway
import HTTP
import Telemetry

/// What a gateway answers beside the assignments' API.
struct GatewayPages: Sendable {
    let watch: AssignmentWatch
    let controller: Controller
    let isStopping: Locked<Bool>
    let settings: Settings
    let diagnosticPage: DiagnosticPage
    let started: ContinuousClock.Instant

    private var uptime: Double { (ContinuousClock.now - started).inSeconds }

    var health: GatewayHealth {
        GatewayHealth(
            watch.snapshot, controller.status, isStopping: isStopping.withLock { $0 }, now: .now)
    }

    func routes(metrics: HTTPMetrics, version: String) -> [HTTP.Route] {
        let sources: [any MetricSource] = [GatewayMetrics(pages: self), metrics, ProcessMetrics()]
        let port = Int(settings.gateway.address.port)
        return [
            Route("GET", "/health") { _ in answer() },
            Route("GET", "/health/live") { _ in probe(ProbeReport(reasons: health.stuck)) },
            Route("GET", "/health/ready") { _ in probe(ProbeReport(reasons: health.unready)) },
            Route("GET", "/diagnostic") { _ in diagnostic() },
            Route("GET", "/metrics") { _ in .metrics(MetricsPage(of: sources)) },
            Route("GET", "/openapi.json") { _ in Response(body: GatewayAPI.document(version: version, port: port)) },
        ]
    }

    private func report(_ health: GatewayHealth) -> HealthReport {
        HealthReport(status: health.status, reasons: health.reasons, uptime: uptime)
    }

    private func answer() -> Response {
        let report = report(health)
        return Response(status: report.status.httpStatus, body: report.body { writeStats(to: &$0) })
    }

    private func probe(_ report: ProbeReport) -> Response { Response(status: report.httpStatus, body: report.body) }

    private func writeStats(to json: inout JSONWriter) {
        let snapshot = watch.snapshot
        let counts = controller.status.counts
        json.member("uptime", uptime)
        json.member("symbols", snapshot.stored?.state.placements.count ?? 0)
        json.member("workers", snapshot.stored?.state.workers.count ?? 0)
        json.member("pending", snapshot.progress?.pending.count ?? 0)
        json.member("worker_commands", counts.commandsTaken)
        json.member("worker_commands_failed", counts.commandsFailed)
        json.member("worker_status_failures", counts.statusFailures)
        json.member("workers_gone", counts.workersGone)
        json.member("symbols_replaced", counts.symbolsReplaced)
        json.member("redis_failures", snapshot.failures)
    }

    private func diagnostic() -> Response {
        let health = health
        let unused = "not used: this process is a gateway"
        return diagnosticPage.response(
            report(health), kafka: unused, redis: health.unready.first.map { "disconnected: \($0)" } ?? "connected",
            database: unused, stats: { writeStats(to: &$0) },
            own: { json in
                json.member("assignments", object: { Self.describe(watch.snapshot, to: &$0) })
                json.member("controller", object: { Self.describe(controller.status, to: &$0) })
            })
    }

    private static func describe(_ snapshot: AssignmentWatch.Snapshot, to json: inout JSONWriter) {
        json.member("version", snapshot.stored?.tag.description)
        json.member("attended", snapshot.hasController)
        json.member(
            "workers",
            array: { json in
                for share in snapshot.stored.map({ WorkerShare.all(of: $0.state) }) ?? [] {
                    json.object { json in share.write(to: &json) }
                }
            })
    }

    private static func describe(_ status: ControllerStatus, to json: inout JSONWriter) {
        json.member("holds_lease", status.holdsLease)
        json.member("version", status.tag?.description)
        json.member("settled", status.isSettled)
        json.member("pending_count", status.pendingCount)
        json.member("error", status.error)
        json.member(
            "workers",
            array: { json in
                for worker in status.workers {
                    json.object { json in
                        json.member("name", worker.name.text)
                        json.member("address", worker.address)
                        json.key("heard_seconds_ago")
                        if let heard = worker.lastHeard {
                            json.double((ContinuousClock.now - heard).inSeconds)
                        } else {
                            json.null()
                        }
                        json.member("symbols_served", worker.symbols)
                        json.member("error", worker.error)
                    }
                }
            })
    }
}
