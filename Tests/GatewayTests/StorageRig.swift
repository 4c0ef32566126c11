import Assignment
import Configuration
import Gateway
import MarketData
import Redis
import TestRigs

/// A real Redis and what the tests of the storage need beside it.
struct StorageRig {
    let server: RedisServer

    init(server: RedisServer) { self.server = server }

    init(_ change: (inout RedisServer.Options) -> Void = { _ in }) throws { server = try RedisServer(change) }

    func storage(history: RedisAssignments.HistoryLimits = .init()) throws -> sending RedisAssignments {
        RedisAssignments(RedisSettings(try RedisURL(parsing: server.url)), patience: .seconds(20), history: history)
    }

    func service(history: RedisAssignments.HistoryLimits = .init()) throws -> sending AssignmentService {
        AssignmentService(storage: try storage(history: history))
    }

    func storage(user: String, password: String, history: RedisAssignments.HistoryLimits = .init()) throws
        -> sending RedisAssignments
    {
        var settings = RedisSettings(try RedisURL(parsing: server.url))
        settings.username = user
        settings.password = Secret(password)
        return RedisAssignments(settings, patience: .seconds(20), history: history)
    }

    /// Hears of changes.
    func listener() throws -> Client {
        let client = Client(RedisSettings(try RedisURL(parsing: server.url)))
        try client.subscribe(["{klinecast}:assignments:changes"])
        return client
    }

    /// All that Redis holds and that a refused change must leave as it is.
    func dump() throws -> [String] {
        try [
            server.command("HGETALL", "{klinecast}:assignments"),
            server.command("GET", "{klinecast}:assignments:version"),
            server.command("HGETALL", "{klinecast}:workers"), server.command("HGETALL", "{klinecast}:assignments:meta"),
            server.command("XRANGE", "{klinecast}:assignments:history", "-", "+"),
            server.command("KEYS", "{klinecast}:assignments:keys:*"),
        ]
    }
}

func symbol(_ name: String) -> Symbol { Symbol(name)! }
func worker(_ name: String) -> WorkerName { WorkerName(name)! }

extension AssignmentService.Terms {
    static func live(_ author: String = "test", if condition: StateTag? = nil, key: String? = nil, print: String = "f")
        -> Self
    {
        Self(
            isLive: true, condition: condition, author: author, key: key.map { ($0, print) },
            answer: { outcome in Array("\(outcome.after.tag.version) \(outcome.plan.moves.count)".utf8) })
    }

    static let planOnly = Self(isLive: false, author: "test")
}

extension AssignmentService {
    /// Registers `ws-1`, `ws-2`, … without a limit.
    func registerWorkers(_ count: Int) throws {
        for number in 1...count {
            _ = try register(
                worker("ws-\(number)"), address: "127.0.0.1:\(8000 + number)", capacity: nil, weight: 1, .live())
        }
    }

    @discardableResult
    func dispatch(_ names: [String], by strategy: Strategy = .least, _ terms: Terms = .live()) throws -> Outcome? {
        let request = Dispatch(names.map(symbol), by: strategy, timeframes: [.oneMinute])
        guard case .done(let outcome) = try dispatch(request, terms) else { return nil }
        return outcome
    }
}

extension StoredState {
    func worker(of name: String) -> String? { state.placements[symbol(name)]?.worker.text }
    func epoch(of name: String) -> Int64? { state.placements[symbol(name)]?.epoch.number }
}
