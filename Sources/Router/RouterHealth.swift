import Records
package import Telemetry

/// What the lanes' snapshots mean for the router's health: facts in, status and sentences out.
package struct RouterHealth: Equatable, Sendable {
    package let status: HealthReport.Status
    package let reasons: [String]
    /// What keeps it from taking or delivering records now; empty when it is ready.
    package let unready: [String]
    /// A thread that does not come round any more; only this calls for a restart.
    package let stuck: [String]

    /// Redis must have answered within this time; each second it is asked for its role at the least.
    package static let answerLimit: Duration = .seconds(5)
    /// Without one answer for this long, with records waiting, a sink is not just slow.
    package static let progressLimit: Duration = .seconds(60)
    /// A lane's loop comes round each second, but for calls to Kafka of at most five seconds each.
    package static let beatLimit: Duration = .seconds(30)
    /// Older than this, what a lane delivers is no longer live.
    package static let lagLimit: Int64 = 60_000

    package init(_ lanes: [(lane: Lane, snapshot: LaneSnapshot)], now: ContinuousClock.Instant) {
        var degraded: [String] = []
        var unhealthy: [String] = []
        var unready: [String] = []
        var stuck: [String] = []
        for (lane, snapshot) in lanes {
            let name = lane.rawValue
            if now - snapshot.beat > Self.beatLimit {
                stuck.append("lane \(name): its thread has not come round for \(seconds(now - snapshot.beat)) s")
            }
            unready += Self.unready(snapshot, name, now)
            degraded += Self.degraded(snapshot, name)
            if let since = snapshot.stalledSince, now - since > Self.progressLimit {
                unhealthy.append(
                    "lane \(name): \(snapshot.recordsInWindow) records wait, and Redis has answered for none in "
                        + "\(seconds(now - since)) s")
            }
        }
        unhealthy += stuck
        reasons = unhealthy + unready + degraded
        self.unready = unready + unhealthy
        self.stuck = stuck
        let isStopping = lanes.contains { $0.snapshot.phase == .draining || $0.snapshot.phase == .stopped }
        status =
            isStopping && lanes.allSatisfy { $0.snapshot.fatal == nil }
            ? .stopping : !unhealthy.isEmpty ? .unhealthy : reasons.isEmpty ? .healthy : .degraded
    }

    private static func unready(_ snapshot: LaneSnapshot, _ name: String, _ now: ContinuousClock.Instant) -> [String] {
        var reasons: [String] = []
        if let fatal = snapshot.fatal {
            reasons.append("lane \(name): begins anew with another consumer: \(fatal)")
        } else if !snapshot.isJoined {
            reasons.append("lane \(name): not in its Kafka group: \(snapshot.sourceFailure ?? "joining")")
        }
        if !snapshot.isSinkReady {
            reasons.append("lane \(name): Redis is not ready: \(snapshot.sinkFailure ?? "connecting")")
        } else if let last = snapshot.lastAnswer, now - last > answerLimit {
            reasons.append("lane \(name): Redis has not answered for \(seconds(now - last)) s")
        }
        return reasons
    }

    private static func degraded(_ snapshot: LaneSnapshot, _ name: String) -> [String] {
        var reasons: [String] = []
        if let failure = snapshot.deadLetterFailure {
            let waiting = snapshot.partitions.count { $0.isWaiting }
            reasons.append(
                "lane \(name): \(snapshot.unwrittenDeadLetters) dead letters can't be written, \(waiting) partitions "
                    + "wait: \(failure)")
        }
        if let refusal = snapshot.refusal, snapshot.recordsInWindow > 0 {
            reasons.append(
                "lane \(name): \(snapshot.recordsInWindow) records wait, Redis refuses the first: \(refusal)")
        }
        if snapshot.isLastDeferred { reasons.append("lane \(name): Redis has no memory for last values") }
        if let behind = snapshot.behind(over: lagLimit) { reasons.append("lane \(name): \(behind)") }
        return reasons
    }
}

private func seconds(_ duration: Duration) -> Int64 { duration.components.seconds }
