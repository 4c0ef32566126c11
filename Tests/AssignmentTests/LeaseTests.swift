import Assignment
import TestRigs
import Testing

@Suite struct LeaseTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .milliseconds(Int(seconds * 1_000)) }

    /// Ten seconds, three of margin, one renewal every two.
    private func held() -> Lease {
        var lease = Lease(.standard, now: start)
        #expect(lease.state == .unheld && lease.renewsAt == start)
        #expect(lease.on(.granted(sent: start), now: at(0.1)) == .start)
        return lease
    }

    @Test func aHolderStopsByItsOwnClockBeforeTheStorageForgetsIt() {
        var lease = held()
        #expect(lease.state == .held(until: at(7)))
        #expect(lease.on(.failed, now: at(2)) == .none && lease.state == .held(until: at(7)))
        #expect(lease.on(.tick, now: at(4)) == .none && lease.state == .atRisk(until: at(7)))
        #expect(lease.on(.failed, now: at(6.9)) == .none && lease.isHeld)
        #expect(lease.on(.tick, now: at(7)) == .stop && lease.state == .lost)
        #expect(lease.on(.tick, now: at(8)) == .none)
    }

    /// It counts from the request: the storage may have begun then.
    @Test func aSlowAnswerProlongsOnlyFromItsRequest() {
        var lease = held()
        #expect(lease.on(.granted(sent: at(2)), now: at(6.5)) == .none)
        #expect(lease.state == .held(until: at(9)))
        #expect(lease.on(.granted(sent: at(1)), now: at(6.6)) == .none && lease.isHeld)
        #expect(lease.on(.tick, now: at(8.9)) == .none && lease.on(.tick, now: at(9)) == .stop)
    }

    @Test func aHolderThatStoodStillStopsAtTheFirstEvent() {
        for event in [Lease.Event.tick, .failed, .refused, .granted(sent: at(2))] {
            var lease = held()
            #expect(lease.on(event, now: at(30)) == .stop && lease.state == .lost)
            #expect(lease.on(.granted(sent: at(31)), now: at(31.1)) == .start && lease.isHeld)
        }
    }

    /// Granted anew in the very event that finds it lost: what was served is let go first.
    @Test func aLeaseLostAndGrantedAtOnceStopsFirst() {
        var lease = held()
        #expect(lease.on(.granted(sent: at(29.9)), now: at(30)) == .stop && lease.state == .lost)
        #expect(lease.renewsAt <= at(30))
        #expect(lease.on(.granted(sent: at(30)), now: at(30.1)) == .start && lease.isHeld)
    }

    @Test func aRefusalStopsAtOnce() {
        var lease = held()
        #expect(lease.on(.refused, now: at(1)) == .stop && lease.state == .lost)
        #expect(lease.on(.refused, now: at(3)) == .none && lease.renewsAt == at(5))
        var fresh = Lease(.standard, now: start)
        #expect(fresh.on(.refused, now: at(0)) == .none && fresh.state == .unheld)
    }

    /// Whatever is answered when: nobody serves at a moment when the storage's lease may be over. A second holder begins
    /// only then, so there are never two. A holder that does what it is told, and no more, serves just while it holds.
    @Test func noTwoHoldersServeAtOnce() {
        for seed in 0..<UInt64(500 * Bench.torture) {
            var random = SeededRandom(seed: seed)
            var lease = Lease(.standard, now: start)
            var serves = false
            func happens(_ event: Lease.Event, _ now: Double) {
                switch lease.on(event, now: at(now)) {
                case .none: break
                case .start:
                    #expect(!serves, "seed \(seed)")
                    serves = true
                case .stop: serves = false
                }
                #expect(serves == lease.isHeld, "seed \(seed)")
            }
            var storedUntil = start
            var standsUntil = 0.0
            var waiting: [(sent: Double, arrives: Double)] = []
            for step in 0..<400 {
                let now = Double(step) / 10
                if Int.random(in: 0..<12, using: &random) == 0 {
                    // The storage takes it at once, its answer comes late or never.
                    storedUntil = at(now + 10)
                    if Bool.random(using: &random) {
                        waiting.append((now, now + Double.random(in: 0...12, using: &random)))
                    }
                }
                if Int.random(in: 0..<100, using: &random) == 0 {
                    standsUntil = now + Double.random(in: 0...12, using: &random)
                }
                if now < standsUntil { continue }
                for answer in waiting where answer.arrives <= now { happens(.granted(sent: at(answer.sent)), now) }
                waiting.removeAll { $0.arrives <= now }
                happens(.tick, now)
                if lease.isHeld { #expect(at(now) + .seconds(3) <= storedUntil, "seed \(seed)") }
            }
        }
    }
}

@Suite struct LeaseWatchTests {
    private let start = ContinuousClock.now
    private let one = Bench.name(1)
    private let two = Bench.name(2)
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .milliseconds(Int(seconds * 1_000)) }

    private func watch(oneIsGone: Bool = false) -> LeaseWatch {
        LeaseWatch(
            .seconds(10), stallLimit: .seconds(5), workers: [(one, oneIsGone), (two, false)], now: start)
    }

    @Test func aWorkerThatIsNotHeardIsGoneAfterItsLeaseAndOnce() {
        var watch = watch()
        for second in stride(from: 2.0, through: 8, by: 2) { #expect(watch.on(.heard(two), now: at(second)).isEmpty) }
        #expect(watch.nextDeadline == at(10))
        #expect(watch.on(.tick, now: at(9.99)).isEmpty)
        #expect(watch.on(.tick, now: at(10)) == [.gone(one)])
        #expect(watch.on(.tick, now: at(12)).isEmpty && watch.nextDeadline == at(18))
        #expect(watch.on(.heard(one), now: at(13)) == [.returned(one)])
        #expect(watch.on(.heard(one), now: at(14)).isEmpty)
    }

    @Test func aControllerThatStoodStillBlamesNobody() {
        var watch = watch()
        #expect(watch.on(.heard(one), now: at(2)).isEmpty)
        #expect(watch.on(.tick, now: at(60)).isEmpty && watch.nextDeadline == at(70))
        #expect(watch.on(.heard(two), now: at(64)).isEmpty && watch.on(.tick, now: at(69)).isEmpty)
        #expect(watch.on(.tick, now: at(70)) == [.gone(one)])
    }

    @Test func aWorkerThatWasGoneBeforeReturnsWhenItIsHeard() {
        var watch = watch(oneIsGone: true)
        #expect(watch.on(.tick, now: at(1)).isEmpty)
        #expect(watch.on(.heard(one), now: at(2)) == [.returned(one)])
    }

    @Test func aRemovedWorkerIsNeverGone() {
        var watch = watch()
        _ = watch.on(.removed(one), now: at(1))
        for second in [4.0, 8] { #expect(watch.on(.heard(two), now: at(second)).isEmpty) }
        #expect(watch.on(.tick, now: at(12)).isEmpty)
    }
}
