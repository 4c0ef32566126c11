import Records
import Telemetry
import Testing

@testable import Persister

@Suite struct PersistHealthTests {
    private static let now = ContinuousClock.now

    private static func healthy() -> (PersistSnapshot, StoreSnapshot) {
        var snapshot = PersistSnapshot()
        snapshot.phase = .running
        snapshot.isJoined = true
        snapshot.beat = now
        var store = StoreSnapshot()
        store.isOpen = true
        return (snapshot, store)
    }

    private func health(_ change: (inout PersistSnapshot, inout StoreSnapshot) -> Void = { _, _ in }) -> PersistHealth {
        var (snapshot, store) = Self.healthy()
        change(&snapshot, &store)
        return PersistHealth(snapshot, store, now: Self.now)
    }

    @Test func anEmptyAssignmentIsHealthy() {
        #expect(health().status == .healthy)
        #expect(health().reasons.isEmpty)
    }

    @Test func aDatabaseThatFailsIsDegradedAndNotReadyInItsOwnWords() {
        let health = health { $1.failure = "database is locked" }
        #expect(health.status == .degraded)
        #expect(health.unready == ["persister: the database takes no rows: database is locked"])
        #expect(health.stuck.isEmpty)
    }

    @Test func whatNeedsAPersonSaysSo() {
        let health = health {
            $1.failure = "the schema is newer"
            $1.needsPerson = true
        }
        #expect(health.reasons == ["persister: the database takes no rows (it needs a person): the schema is newer"])
    }

    @Test func recordsThatWaitAMinuteWithoutACommitAreUnhealthy() {
        let waiting = health {
            $0.recordsWaiting = 12
            $0.stalledSince = Self.now - .seconds(61)
            $1.failure = "database is locked"
        }
        #expect(waiting.status == .unhealthy)
        let patient = health {
            $0.recordsWaiting = 12
            $0.stalledSince = Self.now - .seconds(59)
            $1.failure = "database is locked"
        }
        #expect(patient.status == .degraded)
    }

    @Test func onlyAThreadThatStandsStillCallsForARestart() {
        #expect(health { snapshot, _ in snapshot.beat = Self.now - .seconds(31) }.stuck.count == 1)
        #expect(health { _, store in store.busySince = Self.now - .seconds(600) }.stuck.isEmpty)
    }

    @Test func partitionsOfOthersAreNamed() {
        let health = health { snapshot, _ in snapshot.fencedPartitions = 2 }
        #expect(health.status == .degraded)
        #expect(health.reasons == ["persister: 2 partitions were claimed by another process; its group decides"])
    }

    @Test func aPersisterThatEndsSaysStopping() {
        #expect(health { snapshot, _ in snapshot.phase = .draining }.status == .stopping)
    }
}
