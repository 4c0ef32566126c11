import HTTP
import Persister
import Records
import Telemetry

/// What the persister says of itself over HTTP, in a process of its own or in the router's pages.
struct PersisterReport: Sendable {
    let status: PersistStatus
    let store: StoreThread
    let database: String

    init(_ persister: PersisterThread) {
        status = persister.status
        store = persister.store
        database = persister.database
    }

    var health: PersistHealth { PersistHealth(status.snapshot, store.snapshot, now: .now) }

    /// `connected` once the database took the last request; else what is wrong.
    var connection: String {
        let store = store.snapshot
        if let failure = store.failure { return "disconnected: \(failure)" }
        return store.isOpen ? "connected" : "disconnected: being opened"
    }

    func writeStats(to json: inout JSONWriter, uptime: Double) {
        let counters = status.snapshot.counters
        json.member("records_received", counters.received)
        json.member("records_committed", counters.committed)
        json.member("records_per_second", Double(counters.committed) / max(uptime, 0.001))
        json.member("batches_written", counters.batchesWritten)
        json.member("candles_inserted", counters.candlesInserted)
        json.member("candles_updated", counters.candlesUpdated)
        json.member("candles_unchanged", counters.candlesUnchanged)
        json.member("candles_corrected", counters.candlesCorrected)
        json.member("candles_coalesced", counters.candlesCoalesced)
        json.member("candles_removed", counters.candlesRemoved)
        json.member("trades_inserted", counters.tradesInserted)
        json.member(
            "dead_letters",
            object: { json in
                for refusal in counters.refusals {
                    json.member(refusal.reason, refusal.count)
                }
            })
        json.member("dead_letters_written", counters.deadLettersWritten)
        json.member("holes", counters.holes)
        json.member("records_in_holes", counters.recordsInHoles)
        json.member("topics_created_anew", counters.topicsCreatedAnew)
        json.member("fenced", counters.fenced)
        json.member("restarts", counters.restarts)
        json.member("rebalances", counters.rebalances)
        json.member("database_failures", store.snapshot.failures)
    }

    func describe(to json: inout JSONWriter) {
        let snapshot = status.snapshot
        let store = store.snapshot
        json.member("database", database)
        json.member("phase", snapshot.phase.rawValue)
        json.key("last_commit_seconds_ago")
        if let last = store.lastCommit {
            json.double(Double((ContinuousClock.now - last) / .milliseconds(1)) / 1000)
        } else {
            json.null()
        }
        json.member("database_opens", store.opens)
        json.member("records_waiting", snapshot.recordsWaiting)
        json.member("dead_letters_unwritten", snapshot.unwrittenDeadLetters)
        snapshot.writePartitions(to: &json) { partition, json in
            json.member("generation", partition.generation)
            json.member("fence", partition.fence)
            json.member("is_fenced", partition.isFenced)
            json.member("held_at", partition.heldAt)
        }
    }
}
