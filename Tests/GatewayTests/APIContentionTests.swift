import Assignment
import Foundation
import Gateway
import HTTP
import MarketData
import Telemetry
import TestRigs
import Testing

/// Clients of two gateways write conditionally while their Redis is killed: each moves a symbol of its own, and one that all
/// have. With KLINECAST_TORTURE fifty of them write 200 times each.
@Suite(.timeLimit(.minutes(20))) struct APIContentionTests {
    private static let isTorture = ProcessInfo.processInfo.environment["KLINECAST_TORTURE"] != nil
    private static let clients = isTorture ? 50 : 8
    private static let writes = isTorture ? 200 : 8
    private static let kills = 3
    private static let workers = 3

    @Test func whatWasAcknowledgedIsInTheHistoryOnceWhateverRedisSuffers() throws {
        let redis = try RedisServer { $0.isDurable = true }
        let total = Self.clients * Self.writes
        var limits = RedisAssignments.HistoryLimits()
        limits.entries = total * 2 + 100
        limits.bytes = .max
        let rigs = [
            try APIRig(redis: redis, workers: Self.workers, history: limits), try APIRig(redis: redis, history: limits),
        ]
        let journal = Locked(Journal())
        let threads = (0..<Self.clients).map { client in
            let port = rigs[client % 2].server.port
            return Thread {
                for write in 0..<Self.writes {
                    do { try Self.write(client, write, port, journal) } catch {
                        journal.withLock { $0.failures.append("\(error)") }
                    }
                }
            }
        }
        for thread in threads { thread.start() }
        for kill in 1...Self.kills {
            try eventually("clients write on", within: .seconds(600)) {
                journal.withLock { $0.count } > total * kill / (Self.kills + 1)
            }
            try redis.restart()
        }
        try eventually("all clients have ended", within: .seconds(600), every: .milliseconds(20)) {
            threads.allSatisfy(\.isFinished)
        }

        let done = journal.withLock { $0 }
        #expect(done.failures == [])
        #expect(done.count == total)
        let storage = try StorageRig(server: redis).storage(history: limits)
        let history = Array(try storage.history(limit: total * 2 + 100).reversed())
        let final = try storage.read()
        print(
            "SUMMARY gateways n=\(done.count) lost=\(total - Int(final.tag.version) + Self.workers): \(done.count) writes, \(done.replays) replays, \(done.conflicts) conflicts, \(done.repetitions) repeated"
        )
        #expect(history.map(\.version) == Array(1...final.tag.version))
        #expect(final.tag.version == Int64(Self.workers + total), "no conflict was stored, and no write twice")

        var (owners, moves): ([String: String], [String: [Int64]]) = ([:], [:])
        for entry in history {
            for step in entry.steps {
                #expect(owners[step.symbol] == step.from, "\(step)")
                owners[step.symbol] = step.to
                moves[step.symbol, default: []].append(entry.version)
            }
        }
        #expect(
            owners
                == Dictionary(uniqueKeysWithValues: final.state.placements.map { ($0.key.name, $0.value.worker.text) }))
        #expect(Set(owners.keys) == Set((0..<Self.clients).map { "c\($0)" } + ["hot"]))
        for client in 0..<Self.clients {
            // Each of its writes moves its symbol on, in the order it wrote them.
            let moved = moves["c\(client)"] ?? []
            #expect(moved.count == Self.writes, "client \(client)")
            for (write, version) in moved.enumerated() {
                let told = done.versions[Self.name(client, write)]
                #expect(told == nil || told == version, "client \(client), write \(write)")
            }
            #expect(owners["c\(client)"] == "ws-worker-\((client + Self.writes - 1) % Self.workers + 1):8088")
        }
    }

    private struct Journal {
        var written: Set<String> = []
        /// By the answers that were not replays.
        var versions: [String: Int64] = [:]
        var (replays, conflicts, repetitions) = (0, 0, 0)
        var failures: [String] = []
        var count: Int { written.count }
    }

    private static func name(_ client: Int, _ write: Int) -> String { "C\(client)W\(write)" }

    /// Gives its own symbol, and the one that all have, to the next worker, until it is told that it did.
    private static func write(_ client: Int, _ write: Int, _ port: UInt16, _ journal: Locked<Journal>) throws {
        let name = name(client, write)
        let end = ContinuousClock.now + .seconds(300)
        // From a conflict's answer; where there is none, from a look.
        var known: String?
        while ContinuousClock.now < end {
            known = try known ?? header("ETag", ask("GET", "/ws/assignments", "", "", port))
            guard let tag = known else {
                journal.withLock { $0.repetitions += 1 }
                continue
            }
            let worker = "ws-worker-\((client + write) % workers + 1):8088"
            let body = "{\"symbols\":[\"C\(client)\",\"HOT\"],\"worker\":\"\(worker)\"}"
            let headers =
                "If-Match: \(tag)\r\nIdempotency-Key: \(name)\r\nContent-Type: application/json\r\n"
            let answer = try ask("POST", "/ws/dispatch", headers, body, port)
            switch status(of: answer) {
            case 200:
                let isReplayed = header("Idempotent-Replayed", answer) == "true"
                let version = header("ETag", answer)?.dropLast().split(separator: "-").last.flatMap { Int64($0) }
                journal.withLock { journal in
                    journal.written.insert(name)
                    if isReplayed { journal.replays += 1 } else { journal.versions[name] = version ?? -1 }
                }
                return
            case 412:
                known = header("ETag", answer)
                journal.withLock { $0.conflicts += 1 }
            case 503:
                known = nil
                journal.withLock { $0.repetitions += 1 }
            default: throw NeverHappened(description: "200, 412 or 503: \(answer.prefix(300))")
            }
        }
        throw NeverHappened(description: "\(name) is stored")
    }

    private static func ask(_ method: String, _ path: String, _ headers: String, _ body: String, _ port: UInt16) throws
        -> String
    {
        let client = try RawClient(port: port)
        client.send(
            "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(headers)"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return client.receiveAll()
    }

    private static func status(of answer: String) -> Int? { Int(answer.dropFirst(9).prefix(3)) }

    private static func header(_ name: String, _ answer: String) -> String? {
        answer.components(separatedBy: "\r\n\r\n").first?.components(separatedBy: "\r\n")
            .first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.utf8.count + 2)) }
    }
}
