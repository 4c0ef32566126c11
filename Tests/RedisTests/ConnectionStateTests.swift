import Redis
import Testing

import struct Configuration.Secret

@Suite struct ConnectionStates {
    private typealias Phase = ConnectionState.Phase
    private static let start = ContinuousClock.now
    private static func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    private static func machine(tls: Bool = false, password: Bool = false) -> ConnectionState {
        var settings = RedisSettings()
        settings.usesTLS = tls
        if password { settings.password = Secret("x") }
        return ConnectionState(ConnectionState.Limits(settings), now: start)
    }

    /// A machine that has come this far, at time 0.
    private static func ready() -> ConnectionState {
        var machine = machine()
        for event in [ConnectionState.Event.tick, .resolved(addresses: 1), .connected, .answered, .answered, .answered]
        {
            _ = machine.on(event, now: start)
        }
        return machine
    }

    @Test func theWayToReadyAsksEverythingInOrder() {
        var machine = Self.machine(tls: true, password: true)
        let steps: [(ConnectionState.Event, ConnectionState.Action)] = [
            (.tick, .resolve), (.resolved(addresses: 2), .connect(address: 0)), (.connected, .secure),
            (.secured, .send(.authenticate)), (.answered, .send(.ping)), (.answered, .send(.role)),
            (.answered, .send(.server)), (.answered, .nothing),
        ]
        for (event, action) in steps { #expect(machine.on(event, now: Self.start) == action) }
        #expect(machine.phase == .ready(nextProbe: Self.at(1000)))
    }

    @Test func aReadyConnectionIsProbedEverySecond() {
        var machine = Self.ready()
        #expect(machine.on(.tick, now: Self.at(999)) == .nothing)
        #expect(machine.on(.tick, now: Self.at(1000)) == .probe)
        #expect(machine.on(.tick, now: Self.at(1999)) == .nothing)
        #expect(machine.on(.tick, now: Self.at(2500)) == .probe)
        #expect(machine.deadline == Self.at(3500))
    }

    @Test func everyAddressIsTriedBeforeWaiting() {
        var machine = Self.machine()
        _ = machine.on(.tick, now: Self.start)
        _ = machine.on(.resolved(addresses: 3), now: Self.start)
        #expect(machine.on(.failed(.closedByServer, jitter: 0), now: Self.at(1)) == .connect(address: 1))
        #expect(machine.phase == .connecting(address: 1, of: 3, until: Self.at(3001)))
        #expect(machine.on(.failed(.closedByServer, jitter: 0), now: Self.at(2)) == .connect(address: 2))
        #expect(machine.on(.failed(.closedByServer, jitter: 0), now: Self.at(3)) == .abandon)
        #expect(machine.phase == .disconnected(until: Self.at(53)))
        #expect(machine.lastFailure?.at == Self.at(3))
    }

    /// 50 ms, doubled a failure, at most 2 s; the jitter picks between the lower bound and that.
    @Test func waitingTimesGrowWithJitterAndStartAnewAfterASuccess() {
        func wait(_ machine: inout ConnectionState, _ jitter: Double) -> Duration? {
            _ = machine.on(.tick, now: Self.at(100_000))
            _ = machine.on(.failed(.closedByServer, jitter: jitter), now: Self.at(100_000))
            guard case .disconnected(let until) = machine.phase else { return nil }
            _ = machine.on(.tick, now: until)
            return until - Self.at(100_000)
        }
        var highest = Self.machine()
        var lowest = Self.machine()
        var times: [Duration] = []
        for _ in 0..<8 {
            times.append(wait(&highest, 1)!)
            #expect(wait(&lowest, 0) == .milliseconds(50))
        }
        #expect(times == [100, 200, 400, 800, 1600, 2000, 2000, 2000].map { .milliseconds($0) })
        for event in [ConnectionState.Event.resolved(addresses: 1), .connected, .answered, .answered, .answered] {
            _ = highest.on(event, now: Self.at(200_000))
        }
        _ = highest.on(.failed(.closedByServer, jitter: 1), now: Self.at(200_000))
        #expect(highest.phase == .disconnected(until: Self.at(200_100)))
    }

    @Test func everyPhaseEndsByItsOwnDeadline() {
        var machine = Self.machine(tls: true)
        let limit = Duration.seconds(3)
        let reach: [(ConnectionState.Event, RedisError)] = [
            (.tick, .connectTimeout(endpoint: "Redis", phase: "looking up the name", limit: limit)),
            (.resolved(addresses: 1), .connectTimeout(endpoint: "Redis", phase: "connecting", limit: limit)),
            (.connected, .connectTimeout(endpoint: "Redis", phase: "the TLS handshake", limit: limit)),
            (.secured, .replyDeadline(limit)),
        ]
        for (event, error) in reach {
            _ = machine.on(event, now: Self.start)
            var late = machine
            #expect(late.on(.tick, now: Self.at(2999)) == .nothing)
            #expect(late.on(.tick, now: Self.at(3000)) == .expire(error))
        }
    }

    /// Each event in each phase: late or foreign ones change nothing, a failure or a close always ends the connection.
    @Test func everyEventInEveryPhaseIsHarmless() {
        let way: [ConnectionState.Event] = [
            .tick, .resolved(addresses: 1), .connected, .secured, .answered, .answered, .answered,
        ]
        let belongs: [Int: ConnectionState.Event] = [
            1: .resolved(addresses: 1), 2: .connected, 3: .secured, 4: .answered, 5: .answered, 6: .answered,
        ]
        for reached in 0...way.count {
            var machine = Self.machine(tls: true)
            for event in way[..<reached] { _ = machine.on(event, now: Self.start) }
            for event in [ConnectionState.Event.resolved(addresses: 1), .connected, .secured, .answered]
            where event != belongs[reached] {
                var copy = machine
                #expect(
                    copy.on(event, now: Self.start) == .nothing && copy.phase == machine.phase, "\(event) at \(reached)"
                )
            }
            var failed = machine
            let action = failed.on(.failed(.surplusReply, jitter: 0), now: Self.start)
            #expect(action == (reached == 0 ? .nothing : .abandon))
            if case .disconnected = failed.phase {
            } else {
                Issue.record("a failure at \(reached) leads to \(failed.phase)")
            }
            var closed = machine
            #expect(closed.on(.close, now: Self.start) == .abandon && closed.phase == .closed && closed.deadline == nil)
            for event in way + [.failed(.surplusReply, jitter: 0)] {
                #expect(closed.on(event, now: Self.at(99_999)) == .nothing && closed.phase == .closed)
            }
        }
    }
}
