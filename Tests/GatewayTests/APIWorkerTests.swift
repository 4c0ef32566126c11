import Foundation
import Gateway
import HTTP
import Telemetry
import TestRigs
import Testing

/// What operators say of the same worker does not undo each other.
@Suite(.timeLimit(.minutes(2))) struct APIWorkerTests {
    /// The worker as the API shows it.
    private static func worker(_ rig: APIRig) throws -> [String: Any] {
        let workers = try #require(try rig.get("/ws/workers")["workers"] as? [[String: Any]])
        return try #require(workers.first)
    }

    @Test func whatAChangeDoesNotNameIsKeptAlsoFromAChangeAtTheSameTime() throws {
        let rig = try APIRig(workers: 1)
        let name = "ws-worker-1:8088"
        let (isDone, failures) = (Locked(false), Locked<[String]>([]))
        let other = Thread { [port = rig.server.port] in
            var weight = 1
            while !isDone.withLock({ $0 }) {
                weight = weight % 100 + 1
                let body = "{\"name\":\"\(name)\",\"weight\":\(weight)}"
                guard let client = try? RawClient(port: port) else { continue }
                client.send(
                    "POST /ws/workers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                        + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                let answer = client.receiveAll()
                if !answer.hasPrefix("HTTP/1.1 200 ") { failures.withLock { $0.append(answer) } }
            }
        }
        other.start()
        defer { isDone.withLock { $0 = true } }
        for capacity in 1...150 {
            let answer = try rig.send("POST", "/ws/workers", ["name": name, "capacity": capacity])
            #expect(answer.status == 200)
            // Two of the other's changes later it is still there.
            let weight = try Self.worker(rig)["weight"] as? Int
            try eventually("the other changes the worker", every: .milliseconds(1)) {
                try Self.worker(rig)["weight"] as? Int != weight
            }
            #expect(try Self.worker(rig)["capacity"] as? Int == capacity)
        }
        isDone.withLock { $0 = true }
        try eventually("the other has ended") { other.isFinished }
        #expect(failures.withLock { $0 } == [])
    }

    @Test func aNullCapacityLiftsTheLimitAndAnAbsentOneKeepsIt() throws {
        let rig = try APIRig(workers: 1)
        let name = "ws-worker-1:8088"
        try rig.send("POST", "/ws/workers", ["name": name, "capacity": 5, "weight": 2])
        try rig.send("POST", "/ws/workers", ["name": name, "weight": 3])
        #expect(try Self.worker(rig)["capacity"] as? Int == 5)
        let drained = try rig.send("POST", "/ws/workers", ["name": name, "state": "draining", "capacity": NSNull()])
        #expect(drained.status == 200)
        #expect(try Self.worker(rig)["capacity"] as? Int == 5)
        let lifted = try rig.send("POST", "/ws/workers", ["name": name, "capacity": NSNull()])
        #expect(lifted.status == 200)
        #expect(try Self.worker(rig)["capacity"] is NSNull)
        #expect(try Self.worker(rig)["weight"] as? Int == 3)
    }

    @Test func aRepeatedChangeOfWorkersDoesNothing() throws {
        let rig = try APIRig(workers: 2)
        let name = "ws-worker-1:8088"
        let key = { (text: String) in ["Idempotency-Key": text] }
        try rig.send("POST", "/ws/workers", ["name": name, "capacity": 5], key("set"))
        try rig.send("POST", "/ws/workers", ["name": name, "capacity": 6])
        let again = try rig.send("POST", "/ws/workers", ["name": name, "capacity": 5], key("set"))
        #expect(again.status == 200)
        #expect(again.headers["idempotent-replayed"] == "true")
        #expect(try Self.worker(rig)["capacity"] as? Int == 6)
        #expect(try rig.send("DELETE", "/ws/workers?name=\(name)", [], key("gone")).status == 200)
        try rig.send("POST", "/ws/workers", ["name": name])
        let tag = try rig.tag()
        let gone = try rig.send("DELETE", "/ws/workers?name=\(name)", [], key("gone"))
        #expect(gone.status == 200)
        #expect(gone.headers["idempotent-replayed"] == "true")
        #expect(try rig.tag() == tag)
        #expect(try rig.send("DELETE", "/ws/workers?name=ws-worker-2:8088", [], key("gone")).status == 422)
    }
}
