import Assignment
import Foundation
import Gateway
import MarketData
import Telemetry
import TestRigs
import Testing

/// Fifty clients, two gateways, one Redis that is killed meanwhile. With KLINECAST_TORTURE each client writes 200 times.
@Suite(.timeLimit(.minutes(10))) struct StorageContentionTests {
    private static let clients = 50
    private static let writes = ProcessInfo.processInfo.environment["KLINECAST_TORTURE"] == nil ? 10 : 200
    private static let kills = 4

    @Test func noUpdateIsLostAndNoSymbolHasTwoOwnersByEpoch() throws {
        let rig = try StorageRig { $0.isDurable = true }
        try rig.service().registerWorkers(4)
        let total = Self.clients * Self.writes
        var limits = RedisAssignments.HistoryLimits()
        // The whole past is compared, so that all of it is kept.
        limits.entries = total * 2 + 100
        limits.bytes = .max
        let gateways = [Gateway(try rig.service(history: limits)), Gateway(try rig.service(history: limits))]
        let journal = Locked(Journal())
        let finished = DispatchGroup()
        for number in 0..<Self.clients {
            finished.enter()
            let client = Client(number: number, gateway: gateways[number % 2], journal: journal)
            let thread = Thread {
                client.run(Self.writes)
                finished.leave()
            }
            thread.start()
        }
        for kill in 1...Self.kills {
            try eventually("clients write on", within: .seconds(300)) {
                journal.withLock { $0.count } > total * kill / (Self.kills + 1)
            }
            try rig.server.restart()
        }
        finished.wait()

        let (acknowledged, unknown, conflicts, failures) = journal.withLock {
            ($0.acknowledged, $0.unknown, $0.conflicts, $0.failures)
        }
        #expect(failures == [])
        #expect(acknowledged.count + unknown.count == total)
        let storage = try rig.storage(history: limits)
        let history = Array(try storage.history(limit: total * 2).reversed())
        let final = try storage.read()
        // Every version once, every acknowledged write once, and nothing that nobody asked for.
        #expect(history.map(\.version) == Array(1...final.tag.version))
        let authors = history.dropFirst(4).map(\.author)
        let twice = authors.count - Set(authors).count
        let lost = Set(acknowledged.map(\.author)).subtracting(authors).count
        print(
            "SUMMARY assignments n=\(acknowledged.count) lost=\(lost) duplicates_max=\(twice) unknown=\(unknown.count)",
            "stored=\(authors.count) conflicts=\(conflicts) kills=\(Self.kills)")
        #expect(lost == 0 && twice == 0)
        #expect(Set(authors).isSubset(of: acknowledged.map(\.author) + unknown))

        // The past played once more ends where we are.
        var replayed: [String: String] = [:]
        for step in history.flatMap(\.steps) {
            #expect(replayed[step.symbol] == step.from, "\(step)")
            replayed[step.symbol] = step.to
        }
        #expect(
            replayed
                == Dictionary(
                    uniqueKeysWithValues: final.state.placements.map { ($0.key.name, $0.value.worker.text) }))

        // Later owners have higher epochs, so that no epoch has two.
        var epochs: [String: Int64] = [:]
        for write in acknowledged.sorted(by: { $0.version < $1.version }) {
            #expect(write.epoch > epochs[write.symbol] ?? 0)
            epochs[write.symbol] = write.epoch
        }
        for (symbol, placement) in final.state.placements {
            #expect(placement.epoch.number >= epochs[symbol.name] ?? 0)
        }
    }
}

private struct Acknowledged {
    let author: String
    let version: Int64
    let symbol: String
    let epoch: Int64
}

private struct Journal {
    var acknowledged: [Acknowledged] = []
    /// Writes whose answer got lost, by those who do not ask again.
    var unknown: [String] = []
    var conflicts = 0
    var failures: [String] = []
    var count: Int { acknowledged.count + unknown.count }
}

/// One process: a connection that its threads share.
private final class Gateway: Sendable {
    private let service: Locked<AssignmentService>

    init(_ service: sending AssignmentService) { self.service = Locked(service) }

    func read() throws(StorageError) -> StoredState {
        try service.withLock { service throws(StorageError) in try service.storage.read() }
    }

    func dispatch(_ request: Dispatch, _ terms: AssignmentService.Terms) throws(AssignmentError)
        -> AssignmentService.Result
    {
        try service.withLock { service throws(AssignmentError) in try service.dispatch(request, terms) }
    }
}

/// Sees a state, and moves one symbol under the condition that it is still so. Every other one names its requests, and repeats
/// one whose answer got lost.
private struct Client: Sendable {
    let number: Int
    let gateway: Gateway
    let journal: Locked<Journal>

    func run(_ writes: Int) {
        var random = SeededRandom(seed: UInt64(number))
        for write in 0..<writes {
            do {
                try self.write("client \(number) write \(write)", &random)
            } catch {
                journal.withLock { $0.failures.append("\(error)") }
                return
            }
        }
    }

    private func write(_ author: String, _ random: inout SeededRandom) throws {
        for attempt in 0... {
            guard let seen = try? gateway.read() else { continue }
            let name = "s\(Int.random(in: 0..<20, using: &random))"
            let current = seen.worker(of: name)
            let others: [String] = (1...4).map { "ws-\($0)" }.filter { $0 != current }
            let target = others.randomElement(using: &random)!
            let request = Dispatch([symbol(name)], by: .worker(worker(target)), timeframes: [.oneMinute])
            let key = number % 2 == 0 ? "\(author) attempt \(attempt)" : nil
            let terms = AssignmentService.Terms(
                isLive: true, condition: seen.tag, author: author, key: key.map { ($0, "f") },
                answer: { Array("\($0.after.tag.version) \($0.after.epoch(of: name) ?? -1)".utf8) })
            if try carryOut(request, terms, name) { return }
        }
    }

    /// Whether it is done; else the state has changed.
    private func carryOut(_ request: Dispatch, _ terms: AssignmentService.Terms, _ name: String) throws -> Bool {
        while true {
            do throws(AssignmentError) {
                let (version, epoch): (Int64, Int64)
                switch try gateway.dispatch(request, terms) {
                case .done(let outcome):
                    (version, epoch) = (outcome.after.tag.version, outcome.after.epoch(of: name) ?? -1)
                case .repeated(let answer):
                    let parts = String(decoding: answer, as: UTF8.self).split(separator: " ").compactMap { Int64($0) }
                    (version, epoch) = (parts[0], parts[1])
                }
                let done = Acknowledged(author: terms.author, version: version, symbol: name, epoch: epoch)
                journal.withLock { $0.acknowledged.append(done) }
                return true
            } catch {
                switch error {
                case .storage(.conflict):
                    journal.withLock { $0.conflicts += 1 }
                    return false
                case .storage(.unavailable):
                    guard terms.key == nil else { continue }
                    journal.withLock { $0.unknown.append(terms.author) }
                    return true
                default: throw error
                }
            }
        }
    }
}
