import Records
package import Telemetry

/// What the persister's snapshots mean for health: facts in, status and sentences out.
package struct PersistHealth: Equatable, Sendable {
    package let status: HealthReport.Status
    package let reasons: [String]
    /// What keeps it from taking or writing records now; empty when it is ready.
    package let unready: [String]
    /// A thread that does not come round any more; only this calls for a restart.
    package let stuck: [String]

    /// With records waiting and none committed for this long, the database is not just slow.
    package static let progressLimit: Duration = .seconds(60)
    /// The loop comes round each second, but for calls to Kafka of at most five seconds each.
    package static let beatLimit: Duration = .seconds(30)
    /// A transaction takes milliseconds.
    package static let answerLimit: Duration = .seconds(5)
    /// Older than this, what is written is no longer live.
    package static let lagLimit: Int64 = 60_000

    package init(_ snapshot: PersistSnapshot, _ store: StoreSnapshot, now: ContinuousClock.Instant) {
        var stuck: [String] = []
        if now - snapshot.beat > Self.beatLimit {
            stuck.append("persister: its thread has not come round for \(seconds(now - snapshot.beat)) s")
        }
        var unhealthy = stuck
        if let since = snapshot.stalledSince, now - since > Self.progressLimit {
            unhealthy.append(
                "persister: \(snapshot.recordsWaiting) records wait, and the database has committed none in "
                    + "\(seconds(now - since)) s")
        }
        let unready = Self.unready(snapshot, store, now)
        reasons = unhealthy + unready + Self.degraded(snapshot)
        self.unready = unready + unhealthy
        self.stuck = stuck
        let isStopping = snapshot.fatal == nil && (snapshot.phase == .draining || snapshot.phase == .stopped)
        status = isStopping ? .stopping : !unhealthy.isEmpty ? .unhealthy : reasons.isEmpty ? .healthy : .degraded
    }

    private static func unready(_ snapshot: PersistSnapshot, _ store: StoreSnapshot, _ now: ContinuousClock.Instant)
        -> [String]
    {
        var reasons: [String] = []
        if let fatal = snapshot.fatal {
            reasons.append("persister: begins anew with another consumer: \(fatal)")
        } else if !snapshot.isJoined {
            reasons.append("persister: not in its Kafka group: \(snapshot.sourceFailure ?? "joining")")
        }
        if let failure = store.failure {
            let remedy = store.needsPerson ? " (it needs a person)" : ""
            reasons.append("persister: the database takes no rows\(remedy): \(failure)")
        } else if !store.isOpen {
            reasons.append("persister: the database is being opened")
        } else if let since = store.busySince, now - since > answerLimit {
            reasons.append("persister: the database has not answered for \(seconds(now - since)) s")
        }
        return reasons
    }

    private static func degraded(_ snapshot: PersistSnapshot) -> [String] {
        var reasons: [String] = []
        if let failure = snapshot.deadLetterFailure {
            reasons.append(
                "persister: \(snapshot.heldPartitions) partitions wait for dead letters that can't be written: \(failure)"
            )
        }
        if snapshot.fencedPartitions > 0 {
            reasons.append(
                "persister: \(snapshot.fencedPartitions) partitions were claimed by another process; its group decides")
        }
        if let behind = snapshot.behind(over: lagLimit) { reasons.append("persister: \(behind)") }
        return reasons
    }
}

private func seconds(_ duration: Duration) -> Int64 { duration.components.seconds }
