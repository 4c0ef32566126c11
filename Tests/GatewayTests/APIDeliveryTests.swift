import Assignment
import Configuration
import Foundation
import Gateway
import HTTP
import Redis
import Telemetry
import TestRigs
import Testing

/// What a live change says of the workers.
@Suite(.timeLimit(.minutes(2))) struct APIDeliveryTests {
    /// Looks at each state as a controller does, and posts what it could not bring about.
    private final class StandIn {
        private let ends = Locked(false)
        private let ended = DispatchSemaphore(value: 0)

        init(_ redis: RedisServer, pending: [Reconciler.Pending]) throws {
            let url = try RedisURL(parsing: redis.url)
            Thread.detachNewThread { [ends, ended] in
                let storage = RedisAssignments(RedisSettings(url))
                _ = try? storage.acquire(.controller, token: "stand-in", for: .seconds(600))
                while !ends.withLock({ $0 }) {
                    if let stored = try? storage.read(), (try? storage.progress())??.tag != stored.tag {
                        try? storage.post(Progress(tag: stored.tag, pending: pending))
                    }
                    usleep(2_000)
                }
                ended.signal()
            }
        }

        /// Nothing is posted after its return.
        func stop() {
            ends.withLock { $0 = true }
            ended.wait()
        }

        deinit { ends.withLock { $0 = true } }
    }

    private static func pending(_ name: String) -> Reconciler.Pending {
        .init(
            symbol: symbol(name), worker: worker("ws-worker-1:8088"), verb: .subscribe, attempts: 3,
            error: "connection refused")
    }

    @Test func aChangeThatTheWorkersKnowIsAnsweredAtOnce() throws {
        let rig = try APIRig(patience: .seconds(60), workers: 1)
        let controller = try StandIn(rig.redis, pending: [])
        let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])
        #expect(answer.status == 200)
        #expect(answer["attended"] as? Bool == true)
        #expect((answer["pending"] as? [Any])?.isEmpty == true)
        withExtendedLifetime(controller) {}
    }

    @Test func whatAWorkerCouldNotBeToldIsPendingAndNothingElse() throws {
        let rig = try APIRig(patience: .milliseconds(500), workers: 1)
        let controller = try StandIn(rig.redis, pending: [Self.pending("A"), Self.pending("OTHER")])
        try eventually("the controller looks") { try rig.get("/ws/workers")["pending_count"] as? Int == 2 }
        for _ in 0..<2 {
            // The second time nothing has to change, and the worker still does not know.
            let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["A", "B"]])
            #expect(answer["attended"] as? Bool == true)
            let pending = try #require(answer["pending"] as? [[String: Any]])
            #expect(pending.map { $0["symbol"] as? String } == ["A"])
            #expect(pending.first?["worker"] as? String == "ws-worker-1:8088")
            #expect(pending.first?["error"] as? String == "connection refused")
        }
        withExtendedLifetime(controller) {}
    }

    @Test func withoutAControllerTheChangeIsStoredAndSaysSo() throws {
        let rig = try APIRig(workers: 1)
        let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])
        #expect(answer["stored"] as? Bool == true)
        #expect(answer["attended"] as? Bool == false)
        #expect(try rig.get("/ws/assignments").assignments == ["A": "ws-worker-1:8088"])
    }

    @Test func nobodyIsSaidToHaveLookedWithoutAController() throws {
        let rig = try APIRig(workers: 1)
        let key = ["Idempotency-Key": "1"]
        try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], key)
        let repeated = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], key)
        #expect(repeated.headers["idempotent-replayed"] == "true")
        #expect(repeated["attended"] as? Bool == false)
        let unchanged = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])
        #expect(unchanged["stored"] as? Bool == false)
        #expect(unchanged["attended"] as? Bool == false)
    }

    @Test func aLookBeforeTheNewestChangeDoesNotCount() throws {
        let rig = try APIRig(workers: 1)
        let key = ["Idempotency-Key": "1"]
        try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], key)
        var controller: StandIn? = try StandIn(rig.redis, pending: [])
        try eventually("the controller looks") { try rig.get("/ws/workers")["controlled_at"] is String }
        #expect(try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], key)["attended"] as? Bool == true)
        controller?.stop()
        controller = nil
        try rig.send("POST", "/ws/dispatch", ["symbols": ["B"]])
        #expect(try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], key)["attended"] as? Bool == false)
        #expect(try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])["attended"] as? Bool == false)
    }

    @Test func aLookAtAnotherLifeOfTheStateDoesNotCount() throws {
        let rig = try APIRig(redis: RedisServer { $0.isDurable = true }, workers: 1)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])
        let old = try rig.tag()
        let controller = try StandIn(rig.redis, pending: [])
        try eventually("the controller looks") {
            try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])["attended"] as? Bool == true
        }
        controller.stop()
        try rig.redis.restart()
        let unchanged = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])
        #expect(unchanged["stored"] as? Bool == false)
        #expect(unchanged["attended"] as? Bool == false)
        // The version is the same: only the life is another one.
        let parts = { (tag: String) in tag.filter { $0 != "\"" }.split(separator: "-") }
        let (before, after) = (parts(old), parts(try rig.tag()))
        #expect(before[0] != after[0])
        #expect(before[1] == after[1])
    }

    @Test func aRepetitionNamesWhatIsPendingOfItsMovesAndRemovals() throws {
        let rig = try APIRig(workers: 2)
        let file = Array("symbol,worker,assigned_at\nB,ws-worker-1:8088,\n".utf8)
        let (key, csv) = (["Idempotency-Key": "r"], ["Content-Type": "text/csv", "Idempotency-Key": "i"])
        try rig.send("POST", "/ws/dispatch", ["symbols": ["A"], "worker": "ws-worker-1:8088"])
        try rig.send("PUT", "/ws/assignments.csv", file, csv)
        try rig.send("POST", "/ws/workers", ["name": "ws-worker-1:8088", "state": "draining"])
        let first = try rig.send("POST", "/ws/rebalance", ["symbols": "all"], key)
        #expect((first["moves"] as? [String: Any])?.keys.sorted() == ["B"])
        let controller = try StandIn(rig.redis, pending: ["A", "B", "C"].map(Self.pending))
        try eventually("the controller looks") { try rig.get("/ws/workers")["pending_count"] as? Int == 3 }
        func pending(_ answer: APIRig.Answer) -> [String?] {
            #expect(answer.headers["idempotent-replayed"] == "true")
            return ((answer["pending"] as? [[String: Any]]) ?? []).map { $0["symbol"] as? String }
        }
        #expect(pending(try rig.send("POST", "/ws/rebalance", ["symbols": "all"], key)) == ["B"])
        #expect(pending(try rig.send("PUT", "/ws/assignments.csv", file, csv)) == ["A", "B"])
        withExtendedLifetime(controller) {}
    }

    @Test func waitingForWorkersAsksRedisNowAndThen() throws {
        let first = try APIRig(workers: 1)
        let rig = try APIRig(redis: first.redis, patience: .seconds(3))
        func reads() throws -> Int {
            let lines = try rig.redis.command("INFO", "commandstats").split(whereSeparator: \.isNewline)
            let line = try #require(lines.first { $0.hasPrefix("cmdstat_get:calls=") })
            return try #require(Int(line.dropFirst(18).prefix { $0 != "," }))
        }
        try first.send("POST", "/ws/dispatch", ["symbols": ["A"]])
        let before = try reads()
        try rig.send("POST", "/ws/dispatch", ["symbols": ["B"]])
        // At most five times a second once it has waited a little; scripts read a few times themselves.
        #expect(try reads() - before < 40)
    }

    @Test func aStopAnswersThoseWhoWaitForWorkers() throws {
        // The workers are registered by a gateway that waits for nobody.
        let first = try APIRig(workers: 1)
        let rig = try APIRig(redis: first.redis, patience: .seconds(100))
        let client = try RawClient(port: rig.server.port)
        let body = #"{"symbols":["A"]}"#
        client.send(
            "POST /ws/dispatch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        try eventually("the change is stored") { try first.get("/ws/assignments").assignments?.isEmpty == false }
        rig.server.stop()
        let answer = client.receiveAnswer()
        #expect(answer.hasPrefix("HTTP/1.1 200 "))
        #expect(answer.contains(#""attended":false"#))
    }
}
