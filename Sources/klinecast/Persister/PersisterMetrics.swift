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

    private static let lane = "persist"

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
        consumer(snapshot, &page)
        rows(snapshot.counters, &page)
        database(report.store.snapshot, &page)
    }

    private func consumer(_ snapshot: PersistSnapshot, _ page: inout MetricsPage) {
        let counters = snapshot.counters
        page.counter(
            "klinecast_messages_received_total", "Records taken from Kafka.", counters.received, ["lane": Self.lane])
        page.counter(
            "klinecast_received_bytes_total", "Bytes of the values taken from Kafka.", counters.receivedBytes,
            ["lane": Self.lane])
        for (reason, count) in zip(PersistRefusal.allCases, counters.refusedByReason) {
            page.counter(
                "klinecast_dead_letters_total", "Records that could not be delivered.", count,
                ["lane": Self.lane, "reason": reason.rawValue])
        }
        page.counter(
            "klinecast_dead_letters_written_total", "Dead letters that Kafka has acknowledged.",
            counters.deadLettersWritten, ["lane": Self.lane])
        page.gauge(
            "klinecast_dead_letters_unwritten", "Dead letters on their way.", snapshot.unwrittenDeadLetters,
            ["lane": Self.lane])
        page.counter(
            "klinecast_kafka_rebalances_total", "Assignments and revocations.", counters.rebalances,
            ["lane": Self.lane])
        page.counter(
            "klinecast_kafka_failures_total", "Errors that the consumer reported.", counters.sourceFailures,
            ["lane": Self.lane])
        page.counter(
            "klinecast_kafka_position_resets_total", "Positions that lay outside the log.", counters.positionResets,
            ["lane": Self.lane])
        page.gauge(
            "klinecast_kafka_joined", "Whether the lane is in its group.", snapshot.isJoined ? 1 : 0,
            ["lane": Self.lane])
        page.gauge(
            "klinecast_kafka_assigned_partitions", "Partitions the lane owns.", snapshot.partitions.count,
            ["lane": Self.lane])
        var sums: [String: UInt64] = [:]
        for partition in snapshot.partitions {
            sums[partition.source.topic, default: 0] += UInt64(max(0, partition.lag ?? 0))
        }
        for series in SeriesLimit(seriesLimit).apply(sums.map { (label: $0.key, value: $0.value) }) {
            page.gauge(
                "klinecast_kafka_consumer_lag", "Records between the position and the end of the topic.", series.value,
                ["lane": Self.lane, "topic": series.label])
        }
        page.gauge(
            "klinecast_kafka_lag_seconds", "The oldest partition's lag.",
            Double(snapshot.partitions.compactMap(\.lagMilliseconds).max() ?? 0) / 1000, ["lane": Self.lane])
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
