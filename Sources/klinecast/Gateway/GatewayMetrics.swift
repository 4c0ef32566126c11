import Assignment
import Configuration
import Gateway
import Telemetry

/// The gateway's snapshots as Prometheus series. What it has in common with the router's lanes has the lane `gateway`.
struct GatewayMetrics: MetricSource {
    let pages: GatewayPages

    func write(to page: inout MetricsPage) {
        let health = pages.health
        page.gauge("klinecast_up", "Whether the process is ready to do its work.", health.unready.isEmpty ? 1 : 0)
        for status in HealthReport.Status.allCases {
            page.gauge(
                "klinecast_health", "1 for what /health says, 0 for the other words.", health.status == status ? 1 : 0,
                ["status": status.rawValue])
        }
        let snapshot = pages.watch.snapshot
        page.gauge(
            "klinecast_redis_ready", "Whether the connection takes commands.", snapshot.failure == nil ? 1 : 0,
            ["lane": "gateway"])
        assignments(snapshot, &page)
        controller(pages.controller.status, &page)
    }

    private func assignments(_ snapshot: AssignmentWatch.Snapshot, _ page: inout MetricsPage) {
        guard let state = snapshot.stored?.state else { return }
        page.gauge("klinecast_assigned_symbols", "Symbols that have a worker.", state.placements.count)
        for kind in Worker.State.allCases {
            page.gauge(
                "klinecast_workers", "Registered workers.", state.workers.values.count { $0.state == kind },
                ["state": kind.rawValue])
        }
        let shares = WorkerShare.all(of: state).map { (label: $0.name.text, value: UInt64($0.symbols)) }
        for series in SeriesLimit(pages.settings.router.metricsSeries).apply(shares) {
            page.gauge("klinecast_worker_symbols", "Symbols of a worker.", series.value, ["worker": series.label])
        }
        page.gauge(
            "klinecast_assignment_pending", "What workers could not be told yet.",
            snapshot.progress?.pending.count ?? 0)
    }

    private func controller(_ status: ControllerStatus, _ page: inout MetricsPage) {
        page.gauge("klinecast_controller_active", "Whether this gateway is in control.", status.holdsLease ? 1 : 0)
        page.counter("klinecast_controller_tenures_total", "Times that the lease was won.", status.counts.tenures)
        for (outcome, count) in [("taken", status.counts.commandsTaken), ("failed", status.counts.commandsFailed)] {
            page.counter(
                "klinecast_worker_commands_total", "Subscribe and unsubscribe at workers.", count,
                ["outcome": outcome])
        }
        page.counter(
            "klinecast_worker_status_failures_total", "Workers that did not tell their state when asked.",
            status.counts.statusFailures)
        page.counter("klinecast_workers_gone_total", "Leases of workers that ran out.", status.counts.workersGone)
        page.counter(
            "klinecast_symbols_replaced_total", "Symbols that got another worker because theirs was gone.",
            status.counts.symbolsReplaced)
        page.counter(
            "klinecast_assignment_conflicts_total", "Changes repeated since another was faster.",
            status.counts.conflicts)
    }
}
