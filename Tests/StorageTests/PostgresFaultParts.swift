import Configuration
import Foundation
import Persister
import Postgres
import TestRigs

/// Ends the writer's backends again and again, from a thread of its own.
final class Killer: Sendable {
    private let state = Guard((kills: 0, isStopped: false))
    private let ended = DispatchSemaphore(value: 0)

    /// The connection is to another database: it does not end itself.
    init(_ place: PostgresPlace) throws {
        let box = Box(try Connection(.init(url: Secret(place.server.url()))))
        let database = place.database
        Thread.detachNewThread { [state, ended] in
            var random = SeededRandom(seed: 50)
            while !state.withLock({ $0.isStopped }) {
                let found = try? box.value.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1",
                    [.text(database)])
                let kills = Int(found?.integer(0, 0) ?? 0)
                state.withLock { $0.kills += kills }
                // Anywhere in a batch, which takes a few milliseconds, or in an opening.
                _ = try? box.value.execute("SELECT pg_sleep(\(Double.random(in: 0.005...0.06, using: &random)))")
            }
            ended.signal()
        }
    }

    var kills: Int { state.withLock { $0.kills } }

    func stop() {
        state.withLock { $0.isStopped = true }
        ended.wait()
        // For whoever asks again.
        ended.signal()
    }
}

/// A value handed from one thread to another, which alone uses it from then on.
struct Box<Value>: @unchecked Sendable {
    // Sendable by what its tests do: the maker waits until the other thread has said that it is done.
    let value: Value
    init(_ value: Value) { self.value = value }
}

final class Guard<Value>: @unchecked Sendable {
    // Sendable since the value is reached through the lock only.
    private let lock = NSLock()
    private var value: Value
    init(_ value: Value) { self.value = value }
    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try lock.withLock { try body(&value) }
    }
}

/// What a thread says at its end.
final class Outcome: Sendable {
    private let words = Guard<String?>(nil)
    var value: String? { words.withLock { $0 } }
    func set(_ text: String) { words.withLock { $0 = text } }
}

enum Timescale {
    static var isInstalled: Bool {
        let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/share/postgresql")) ?? []
        return folders.contains {
            FileManager.default.fileExists(atPath: "/usr/share/postgresql/\($0)/extension/timescaledb.control")
        }
    }
}

/// What a store's call says; `nil` when it succeeds.
func complaint<Value>(_ body: () throws -> Value) -> StoreError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? StoreError ?? .unusable(code: "test", sentence: "\(error)")
    }
}

extension StoreError {
    /// Kind, code and whether a new connection is asked for, in one word each.
    var summary: String {
        switch self {
        case .unavailable(let code, _, let mustReopen): "unavailable \(code)\(mustReopen ? " reopen" : "")"
        case .unusable(let code, _): "unusable \(code)"
        case .fenced: "fenced"
        case .refused: "refused"
        }
    }

    var sentence: String {
        switch self {
        case .unavailable(_, let sentence, _), .unusable(_, let sentence): sentence
        case .fenced, .refused: ""
        }
    }
}
