import Assignment
import Gateway
import MarketData
import Redis
import TestRigs

/// 10,000 symbols on 100 workers, stored in a real Redis and read from it.
extension PlanBench {
    static func printStoreTimes() throws {
        let server = try RedisServer { $0.isDurable = true }
        let settings = RedisSettings(endpoint: .tcp(host: "127.0.0.1", port: server.port))
        let storage = RedisAssignments(settings, patience: .seconds(30))
        let service = AssignmentService(storage: storage)
        let terms = AssignmentService.Terms(isLive: true, author: "PlanBench")
        for number in 1...100 {
            let name = WorkerName("tradingv3-ws-worker-\(number):8088")!
            _ = try service.register(name, address: "127.0.0.1:\(8000 + number)", capacity: nil, weight: 1, terms)
        }
        let symbols = symbols(10_000, seed: 1)
        func dispatch(_ strategy: Strategy) throws {
            _ = try service.dispatch(Dispatch(symbols, by: strategy, timeframes: [.oneMinute, .oneHour]), terms)
        }
        var times: [(name: String, times: [Duration])] = []
        func measure(_ name: String, _ body: () throws -> Void) rethrows {
            let clock = ContinuousClock()
            let time = try clock.measure(body)
            if let place = times.firstIndex(where: { $0.name == name }) {
                times[place].times.append(time)
            } else {
                times.append((name, [time]))
            }
        }
        for _ in 0..<9 {
            try measure("dispatch: read, plan, store 10,000 new symbols") { try dispatch(.hash) }
            try measure("dispatch: nearly all to other workers") { try dispatch(.modulo) }
            let fresh = RedisAssignments(settings)
            // Connected before the clock runs.
            _ = try fresh.progress()
            try measure("read, whole") { _ = try fresh.read() }
            try measure("read, unchanged") { _ = try fresh.read() }
            try measure("history, 10 entries") { _ = try fresh.history(limit: 10) }
            try measure("remove all") { _ = try service.remove(nil, terms) }
        }
        print("\n## storing 10,000 symbols on 100 workers, appendfsync always: ms\n")
        row("what", "best", "median", "worst")
        row("---", "---", "---", "---")
        for (name, times) in times {
            let sorted = times.map { $0 / .milliseconds(1) }.sorted()
            row(name, fixed(sorted[0]), fixed(sorted[sorted.count / 2]), fixed(sorted[sorted.count - 1]))
        }
    }
}
