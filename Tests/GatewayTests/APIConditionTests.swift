import Foundation
import Gateway
import HTTP
import Telemetry
import TestRigs
import Testing

/// Nobody's change is lost, and nothing is done twice.
@Suite(.timeLimit(.minutes(4))) struct APIConditionTests {
    @Test func aWriteOfAnOldStateIsRefused() throws {
        let rig = try APIRig(workers: 2)
        let old = try rig.tag()
        let body = { (name: String) in ["symbols": [name]] as [String: Any] }
        let first = try rig.send("POST", "/ws/dispatch", body("A"), ["If-Match": old])
        #expect(first.status == 200)
        let second = try rig.send("POST", "/ws/dispatch", body("B"), ["If-Match": old])
        #expect(second.status == 412)
        #expect(second.code == "conflict")
        #expect(second.tag == first.tag)
        #expect(try rig.get("/ws/assignments").assignments?.keys.sorted() == ["A"])
        #expect(try rig.send("POST", "/ws/workers", ["name": "c:1"], ["If-Match": old]).status == 412)
        #expect(try rig.send("DELETE", "/ws/workers?name=ws-worker-2:8088", [], ["If-Match": old]).status == 412)
        #expect(try rig.send("POST", "/ws/unsubscribe", ["symbol": "A"], ["If-Match": old]).status == 412)
        #expect(try rig.tag() == first.tag)
        #expect(try rig.send("POST", "/ws/dispatch", body("B"), ["If-Match": first.tag ?? ""]).status == 200)
    }

    @Test func aConditionThatNoStateCanMeetIs412AndOneThatIsNoneIs400() throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        for value in ["\"other\"", "W/\(tag)", "\"0000000000000000-1\""] {
            let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], ["If-Match": value])
            #expect(answer.status == 412, "\(value)")
            #expect(answer.tag == tag)
        }
        for value in ["", "other", tag.filter { $0 != "\"" }, "\(tag), \"b\"", "\"", "**"] {
            let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], ["If-Match": value])
            #expect(answer.status == 400, "\(value)")
            #expect(answer.code == "bad_if_match")
        }
        #expect(try rig.tag() == tag)
        #expect(try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], ["If-Match": "*"]).status == 200)
    }

    @Test func aRepeatedRequestIsAnsweredTheSameAndDoesNothing() throws {
        let rig = try APIRig(workers: 2)
        let key = ["Idempotency-Key": "2f1c-A"]
        let first = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], key)
        #expect(first.headers["idempotent-replayed"] == nil)
        let tag = try rig.tag()
        let other = try rig.send("POST", "/ws/unsubscribe", ["symbol": "A"])
        #expect(other.status == 200)
        let second = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], key)
        #expect(second.status == 200)
        #expect(second.headers["idempotent-replayed"] == "true")
        #expect(second.assignments == first.assignments)
        #expect(second["stored"] as? Bool == true)
        #expect(try rig.tag() != tag)
        #expect(try rig.get("/ws/assignments").assignments == [:])
        let wrong = try rig.send("POST", "/ws/dispatch", ["symbols": ["B"]], key)
        #expect(wrong.status == 422)
        #expect(wrong.code == "idempotency_key_reused")
        #expect(try rig.get("/ws/assignments").assignments == [:])
    }

    @Test func aRepeatedUnsubscribeIsAnsweredTheSame() throws {
        let rig = try APIRig(workers: 1)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]])
        let key = ["Idempotency-Key": "once"]
        #expect(try rig.send("POST", "/ws/unsubscribe", ["symbol": "A"], key).status == 200)
        let again = try rig.send("POST", "/ws/unsubscribe", ["symbol": "A"], key)
        #expect(again.status == 200)
        #expect(again.headers["idempotent-replayed"] == "true")
    }

    @Test(arguments: ["", "a b", String(repeating: "k", count: 129), "é"])
    func aKeyThatIsNoneIsRefused(key: String) throws {
        let rig = try APIRig(workers: 1)
        let tag = try rig.tag()
        let answer = try rig.send("POST", "/ws/dispatch", ["symbols": ["A"]], ["Idempotency-Key": key])
        #expect(answer.status == 400)
        #expect(answer.code == "bad_idempotency_key")
        #expect(try rig.tag() == tag)
    }

    /// Each client adds its own symbols, reading and writing conditionally until it gets through.
    @Test func concurrentConditionalWritesThroughTwoGatewaysLoseNothing() throws {
        let redis = try RedisServer()
        let rigs = [try APIRig(redis: redis, workers: 3), try APIRig(redis: redis)]
        let (clients, writes) = (8, 12)
        let conflicts = Locked(0)
        let failures = Locked<[String]>([])
        let threads = (0..<clients).map { client in
            let port = rigs[client % 2].server.port
            return Thread {
                for write in 0..<writes {
                    do {
                        while try !Self.write("C\(client)W\(write)", port: port) { conflicts.withLock { $0 += 1 } }
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                }
            }
        }
        for thread in threads { thread.start() }
        try eventually("all clients have ended", within: .seconds(180), every: .milliseconds(20)) {
            threads.allSatisfy(\.isFinished)
        }
        #expect(failures.withLock { $0 } == [])
        let stored = try rigs[0].get("/ws/assignments")
        #expect(stored.assignments?.count == clients * writes)
        // Three registrations, then one version a write: no conflict was stored, and no write twice.
        #expect(stored.tag?.hasSuffix("-\(3 + clients * writes)\"") == true, "\(stored.tag ?? "")")
        #expect(try rigs[1].tag() == stored.tag)
        #expect(conflicts.withLock { $0 } > 0)
    }

    /// False for a conflict.
    private static func write(_ symbol: String, port: UInt16) throws -> Bool {
        func ask(_ text: String) throws -> String {
            let client = try RawClient(port: port)
            client.send(text)
            return client.receiveAll()
        }
        let head = "Host: 127.0.0.1\r\nConnection: close\r\n"
        let read = try ask("GET /ws/assignments HTTP/1.1\r\n\(head)\r\n")
        let tag = read.components(separatedBy: "\r\n").first { $0.hasPrefix("ETag: ") }?.dropFirst(6) ?? ""
        let body = "{\"symbols\":[\"\(symbol)\"],\"strategy\":\"least\",\"capacity\":1000}"
        let answer = try ask(
            "POST /ws/dispatch HTTP/1.1\r\n\(head)If-Match: \(tag)\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        switch answer.dropFirst(9).prefix(3) {
        case "200": return true
        case "412": return false
        default: throw NeverHappened(description: "200 or 412: \(answer.prefix(300))")
        }
    }
}
