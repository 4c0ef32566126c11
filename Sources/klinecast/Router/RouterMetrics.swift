import Records
import Router
import Telemetry

/// The lanes' snapshots as Prometheus series.
struct RouterMetrics: MetricSource {
    let lanes: [LaneStatus]
    /// Series with a label of their own a topic or channel; what is above shares one.
    let seriesLimit: Int

    func write(to page: inout MetricsPage) {
        let health = RouterHealth(lanes.map { ($0.lane, $0.snapshot) }, now: .now)
        page.gauge(
            "klinecast_up", "Whether the router is ready to take and deliver records.", health.unready.isEmpty ? 1 : 0)
        for status in HealthReport.Status.allCases {
            page.gauge(
                "klinecast_health", "1 for what /health says, 0 for the other words.", health.status == status ? 1 : 0,
                ["status": status.rawValue])
        }
        for lane in lanes {
            let snapshot = lane.snapshot
            snapshot.write(to: &page, lane: lane.lane.rawValue, limit: SeriesLimit(seriesLimit))
            counters(snapshot.counters, lane.lane.rawValue, &page)
            gauges(snapshot, lane.lane.rawValue, &page)
            receivers(snapshot, lane.lane.rawValue, &page)
        }
    }

    private func counters(_ counters: LaneCounters, _ lane: String, _ page: inout MetricsPage) {
        page.counter(
            "klinecast_messages_routed_total", "Records whose commands Redis answered.", counters.routed,
            ["lane": lane])
        page.counter(
            "klinecast_high_priority_routed_total", "Closed candles and trade records among them.",
            counters.highPriorityRouted, ["lane": lane])
        page.counter("klinecast_batches_total", "Batches encoded.", counters.batches, ["lane": lane])
        page.counter(
            "klinecast_redis_commands_answered_total", "Commands with an answer.", counters.commandsAnswered,
            ["lane": lane])
        page.counter(
            "klinecast_redis_reconnects_total", "Connections to Redis after the first.",
            max(0, counters.connections - 1),
            ["lane": lane])
        page.counter(
            "klinecast_redis_commands_resent_total", "Commands sent again after a lost connection.", counters.resent,
            ["lane": lane])
        page.counter(
            "klinecast_redis_receivers_dropped_total", "Subscribers that left a channel between two PUBLISHes.",
            counters.receiversDropped, ["lane": lane])
        page.counter(
            "klinecast_deliveries_total", "Receivers that Redis reported, over all PUBLISHes.", counters.receivers,
            ["lane": lane])
        page.counter(
            "klinecast_stream_duplicates_total", "Entries that the stream had already.", counters.duplicatesInStream,
            ["lane": lane])
        page.counter("klinecast_last_written_total", "Last values set.", counters.lastWritten, ["lane": lane])
        page.counter("klinecast_last_refused_total", "Last values refused.", counters.lastRefused, ["lane": lane])
        page.counter(
            "klinecast_last_restored_total", "Last values written again to an empty Redis.", counters.lastRestored,
            ["lane": lane])
        page.histogram(
            "klinecast_latency_seconds", "From a record's time to Redis' answer.",
            bounds: (0..<counters.latencyBuckets.count - 1).map { Double(1 << $0) / 1000 },
            counts: counters.latencyBuckets, sumSeconds: Double(counters.latencyMilliseconds) / 1000, ["lane": lane])
    }

    private func gauges(_ snapshot: LaneSnapshot, _ lane: String, _ page: inout MetricsPage) {
        page.gauge(
            "klinecast_redis_ready", "Whether the lane's connection takes commands.", snapshot.isSinkReady ? 1 : 0,
            ["lane": lane])
        page.gauge(
            "klinecast_redis_inflight", "Commands without an answer.", snapshot.commandsInWindow, ["lane": lane])
        page.gauge("klinecast_window_records", "Records in the window.", snapshot.recordsInWindow, ["lane": lane])
        page.gauge(
            "klinecast_kafka_waiting_partitions", "Partitions that wait for a dead letter.",
            snapshot.partitions.count { $0.isWaiting }, ["lane": lane])
        page.gauge(
            "klinecast_last_cache_bytes", "Copies of last values.", snapshot.lastCacheBytes, ["lane": lane])
    }

    private func receivers(_ snapshot: LaneSnapshot, _ lane: String, _ page: inout MetricsPage) {
        let receivers = snapshot.receiversByChannel.filter { $0.receivers >= 0 }
        for series in SeriesLimit(seriesLimit).apply(receivers.map { (label: $0.channel, value: UInt64($0.receivers)) })
        {
            page.gauge(
                "klinecast_redis_receivers", "Subscribers that the last PUBLISH reached.", series.value,
                ["lane": lane, "channel": series.label])
        }
    }
}
