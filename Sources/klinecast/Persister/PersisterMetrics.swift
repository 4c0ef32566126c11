import Persister
import Records
import Telemetry

/// The persister's snapshots as Prometheus series. What it has in common with the router's lanes has the lane `persist`.
struct PersisterMetrics: MetricSource {
    let report: PersisterReport
    /// Series with a label of their own a topic; what is above shares one.
    let seriesLimit: Int
    /// Whether this process is a persister and nothing else: then `klinecast_up` and `klinecast_health` are its own.
    let isAlone: Bool

    func write(to page: inout MetricsPage) {
        if isAlone {
            let health = report.health
            page.gauge(
                "klinecast_up", "Whether the process is ready to do its work.", health.unready.isEmpty ? 1 : 0)
            for status in HealthReport.Status.allCases {
                page.gauge(
                    "klinecast_health", "1 for what /health says, 0 for the other words.",
                    health.status == status ? 1 : 0, ["status": status.rawValue])
            }
        }
        let snapshot = report.status.snapshot
        snapshot.write(to: &page, lane: "persist", limit: SeriesLimit(seriesLimit))
        page.gauge(
            "klinecast_kafka_waiting_partitions", "Partitions that wait for a dead letter.", snapshot.heldPartitions,
            ["lane": "persist"])
        rows(snapshot.counters, &page)
        database(report.store.snapshot, &page)
    }

    private func rows(_ counters: PersistCounters, _ page: inout MetricsPage) {
        page.counter("klinecast_persisted_records_total", "Records whose rows are committed.", counters.committed)
        for (outcome, count) in [
            ("inserted", counters.candlesInserted), ("updated", counters.candlesUpdated),
            ("unchanged", counters.candlesUnchanged), ("coalesced", counters.candlesCoalesced),
        ] {
            page.counter(
                "klinecast_persisted_candles_total", "Candles by what became of them.", count, ["outcome": outcome])
        }
        page.counter(
            "klinecast_persisted_corrections_total", "Closed candles whose values changed.", counters.candlesCorrected)
        page.counter("klinecast_persisted_trades_total", "Signals, executions and orders.", counters.tradesInserted)
        page.counter("klinecast_candles_removed_total", "Candles that retention removed.", counters.candlesRemoved)
        page.counter("klinecast_kafka_hole_records_total", "Records that Kafka no longer had.", counters.recordsInHoles)
        page.counter("klinecast_topics_created_anew_total", "Topics that began again.", counters.topicsCreatedAnew)
        page.counter(
            "klinecast_fenced_writes_total", "Transactions refused because others had claimed a partition.",
            counters.fenced)
        page.histogram(
            "klinecast_database_batch_duration_seconds", "From handing a batch over to its commit.",
            bounds: (0..<counters.batchBuckets.count - 1).map { Double(1 << $0) / 1000 },
            counts: counters.batchBuckets, sumSeconds: Double(counters.batchMilliseconds) / 1000)
    }

    private func database(_ store: StoreSnapshot, _ page: inout MetricsPage) {
        page.gauge(
            "klinecast_database_ready", "Whether the database took the last request.",
            store.failure == nil && store.isOpen ? 1 : 0)
        page.counter("klinecast_database_failures_total", "Requests that failed and were tried again.", store.failures)
        page.counter("klinecast_database_reconnects_total", "Openings after the first.", max(0, store.opens - 1))
        if let last = store.lastCommit {
            page.gauge(
                "klinecast_database_last_commit_age_seconds", "Since the last commit.",
                Double((ContinuousClock.now - last) / .milliseconds(1)) / 1000)
        }
    }
}
