import Router
import Telemetry

/// The sum of the lanes' counters in the predecessor's words, and by reason.
struct RouterStats {
    let lanes: [(lane: Lane, snapshot: LaneSnapshot)]
    /// Seconds since the process started; and when that was, in seconds since 1970.
    let uptime: Double
    let startedAt: Double

    private func sum(_ value: (LaneSnapshot) -> Int) -> Int { lanes.reduce(0) { $0 + value($1.snapshot) } }

    func write(to json: inout JSONWriter) {
        let received = sum { $0.counters.received }
        let routed = sum { $0.counters.routed }
        let high = sum { $0.counters.highPriorityRouted }
        let span = max(uptime, 0.001)
        json.member("messages_received", received)
        json.member("messages_routed", routed)
        json.member("high_priority_routed", high)
        json.member("messages_queued", sum { $0.counters.received - $0.counters.routed })
        json.member("queue_processed", routed)
        json.member("errors", sum { $0.counters.deadLetters + $0.counters.lastRefused + $0.counters.sourceFailures })
        json.member("messages_per_second", Double(routed) / span)
        json.member("high_priority_per_second", Double(high) / span)
        json.member("success_rate", received == 0 ? 100 : min(100, Double(routed) / Double(received) * 100))
        json.member("queue_size", queueSize(of: .market))
        json.member("high_priority_queue_size", queueSize(of: .trade))
        json.member("uptime", uptime)
        json.member("last_reset", startedAt)
        json.member(
            "dead_letters",
            object: { json in
                for (index, reason) in RefusalReason.allCases.enumerated() {
                    json.member(reason.rawValue, sum { $0.counters.refusedByReason[index] })
                }
            })
        json.member("dead_letters_written", sum { $0.counters.deadLettersWritten })
        json.member("redis_reconnects", sum { max(0, $0.counters.connections - 1) })
        json.member("commands_resent", sum { $0.counters.resent })
        json.member("stream_duplicates", sum { $0.counters.duplicatesInStream })
        json.member("last_refused", sum { $0.counters.lastRefused })
        json.member("last_deferred", sum { $0.counters.lastDeferred })
        json.member("last_restored", sum { $0.counters.lastRestored })
        json.member("receivers_dropped", sum { $0.counters.receiversDropped })
        json.member("records_returned", sum { $0.counters.returned })
        json.member("rebalances", sum { $0.counters.rebalances })
        json.member("position_resets", sum { $0.counters.positionResets })
        json.member("topics_created_anew", sum { $0.counters.topicsCreatedAnew })
    }

    private func queueSize(of lane: Lane) -> Int {
        lanes.first { $0.lane == lane }?.snapshot.recordsInWindow ?? 0
    }
}
