import Records
import Telemetry
import Testing

@testable import Router

@Suite struct RouterHealthTests {
    private static let now = ContinuousClock.now

    private static var well: LaneSnapshot {
        var snapshot = LaneSnapshot()
        snapshot.phase = .running
        snapshot.isJoined = true
        snapshot.isSinkReady = true
        snapshot.lastAnswer = now
        snapshot.beat = now
        return snapshot
    }

    private func health(_ change: (inout LaneSnapshot) -> Void) -> RouterHealth {
        var market = Self.well
        change(&market)
        return RouterHealth([(.market, market), (.trade, Self.well)], now: Self.now)
    }

    @Test func wellWhenBothLanesAre() {
        let health = health { _ in }
        #expect(health.status == .healthy)
        #expect(health.reasons.isEmpty && health.unready.isEmpty && health.stuck.isEmpty)
    }

    @Test func connectionThatIsDownDegradesAndIsNotReady() {
        for change: (inout LaneSnapshot) -> Void in [
            { $0.isJoined = false }, { $0.isSinkReady = false }, { $0.lastAnswer = Self.now - .seconds(6) },
        ] {
            let health = health(change)
            #expect(health.status == .degraded)
            #expect(health.unready.count == 1 && health.reasons.count == 1)
        }
    }

    @Test func sinkWithoutProgressForAMinuteIsUnhealthy() {
        #expect(health { $0.stalledSince = Self.now - .seconds(59) }.status == .healthy)
        #expect(health { $0.stalledSince = Self.now - .seconds(61) }.status == .unhealthy)
    }

    @Test func onlyAThreadThatStoppedIsStuck() {
        let stuck = health { $0.beat = Self.now - .seconds(31) }
        #expect(stuck.status == .unhealthy && stuck.stuck.count == 1)
        #expect(health { $0.isSinkReady = false }.stuck.isEmpty)
    }

    @Test func unwrittenDeadLettersAndLagDegradeButStayReady() {
        let letters = health { $0.deadLetterFailure = "topic refuses" }
        #expect(letters.status == .degraded && letters.unready.isEmpty)
        #expect(letters.reasons.first?.contains("topic refuses") == true)
        let behind = health {
            $0.partitions = [
                PartitionSnapshot(
                    source: SourcePartition(topic: "t", partition: 3), position: 1, committed: 1, end: 9, lag: 8,
                    lagMilliseconds: 61_000, isWaiting: false)
            ]
        }
        #expect(behind.status == .degraded && behind.unready.isEmpty)
        #expect(behind.reasons.first?.contains("t/3 by 61 s and 8 records") == true)
    }

    @Test func stoppingWinsButNotOverAFailure() {
        #expect(health { $0.phase = .draining }.status == .stopping)
        #expect(
            health {
                $0.phase = .stopped
                $0.fatal = "fenced"
            }.status == .degraded, "a lane whose consumer failed for good begins anew, and the router with it stays")
    }
}
