import Configuration
import HTTP
import Kafka
import Records
import Router
import Telemetry

/// What the router answers over HTTP.
struct RouterPages: Sendable {
    let lanes: [LaneStatus]
    let settings: Settings
    let journal: ErrorJournal
    let libraries: [(name: String, version: String?)]
    let started: ContinuousClock.Instant
    let startedAt: Double

    private var now: ContinuousClock.Instant { .now }
    private var snapshots: [(lane: Lane, snapshot: LaneSnapshot)] { lanes.map { ($0.lane, $0.snapshot) } }
    private var uptime: Double { Double((now - started) / .milliseconds(1)) / 1000 }

    func routes(metrics: HTTPMetrics, version: String) -> [HTTP.Route] {
        let router = RouterMetrics(lanes: lanes, seriesLimit: settings.router.metricsSeries)
        let sources: [any MetricSource] = [router, metrics, ProcessMetrics()]
        return [
            Route("GET", "/health") { _ in health() },
            Route("GET", "/health/live") { _ in
                probe(ProbeReport(reasons: RouterHealth(snapshots, now: now).stuck))
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
        let report = HealthReport(status: health.status, reasons: health.reasons, uptime: uptime)
        let stats = RouterStats(lanes: snapshots, uptime: uptime, startedAt: startedAt)
        return Response(status: report.status.httpStatus, body: report.body { stats.write(to: &$0) })
    }

    private func probe(_ report: ProbeReport) -> Response { Response(status: report.httpStatus, body: report.body) }

    // MARK: Diagnostic

    private func diagnostic() -> Response {
        let snapshots = snapshots
        let health = RouterHealth(snapshots, now: now)
        return .json { json in
            json.object { json in
                json.member("status", health.status == .stopping ? "stopping" : "operational")
                json.member("timestamp", Timestamp.seconds())
                json.member("uptime", uptime)
                json.member(
                    "connections",
                    object: { json in
                        json.member("kafka", connection(snapshots, \.isJoined, \.sourceFailure))
                        json.member("redis", connection(snapshots, \.isSinkReady, \.sinkFailure))
                        json.member("database", "not used: this process has no persister")
                    })
                let topics = Set(snapshots.flatMap { $0.snapshot.partitions.map(\.source.topic) })
                json.member("topics", topics.sorted())
                let stats = RouterStats(lanes: snapshots, uptime: uptime, startedAt: startedAt)
                json.member("stats", object: { stats.write(to: &$0) })
                json.member("reasons", health.reasons)
                json.member(
                    "lanes",
                    object: { json in
                        for (lane, snapshot) in snapshots {
                            json.member(lane.rawValue, object: { describe(snapshot, &$0) })
                        }
                    })
                json.key("errors")
                journal.write(to: &json)
                json.member(
                    "libraries",
                    object: { json in
                        for library in libraries { json.member(library.name, library.version) }
                    })
                json.member(
                    "settings",
                    object: { json in
                        for value in settings.effectiveValues {
                            json.member(value.name, value.isSet ? value.value : nil)
                        }
                    })
            }
        }
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
        json.member(
            "partitions",
            array: { json in
                let sorted = snapshot.partitions.sorted {
                    ($0.source.topic, $0.source.partition) < ($1.source.topic, $1.source.partition)
                }
                for partition in sorted {
                    json.object { json in
                        json.member("topic", partition.source.topic)
                        json.member("partition", partition.source.partition)
                        json.member("position", partition.position)
                        json.member("committed", partition.committed)
                        json.member("high_watermark", partition.end)
                        json.member("lag", partition.lag)
                        json.key("lag_seconds")
                        if let lag = partition.lagMilliseconds { json.double(Double(lag) / 1000) } else { json.null() }
                        json.member("waits_for_dead_letter", partition.isWaiting)
                    }
                }
            })
    }
}
