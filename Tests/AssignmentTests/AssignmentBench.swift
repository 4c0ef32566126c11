import Assignment
import Foundation
import MarketData
import TestRigs

/// Workers w1…wn, and short ways to ask for plans.
enum Bench {
    /// KLINECAST_TORTURE multiplies what takes long.
    static let torture = max(1, Int(ProcessInfo.processInfo.environment["KLINECAST_TORTURE"] ?? "") ?? 1)

    /// The ten contracts whose distribution the predecessor documented.
    static let contracts = [
        "BTCUSDT", "ETHUSDT", "ADAUSDT", "SOLUSDT", "DOTUSDT", "LINKUSDT", "UNIUSDT", "XRPUSDT", "LTCUSDT", "BNBUSDT",
    ].map { Symbol($0)! }

    static func name(_ number: Int) -> WorkerName { WorkerName("tradingv3-ws-worker-\(number):8088")! }

    static func workers(_ count: Int, capacity: Int? = nil) -> AssignmentState {
        var state = AssignmentState()
        for number in 1...count {
            state.register(name(number), address: "127.0.0.1:\(8000 + number)", capacity: capacity)
        }
        return state
    }

    static func symbols(_ count: Int, seed: UInt64) -> [Symbol] {
        var random = SeededRandom(seed: seed)
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        var symbols: Set<Symbol> = []
        while symbols.count < count {
            let base = (0..<Int.random(in: 3...5, using: &random)).map { _ in letters.randomElement(using: &random)! }
            symbols.insert(Symbol(String(base) + "usdt")!)
        }
        return symbols.sorted { $0.name < $1.name }
    }
}

extension AssignmentState {
    /// Applies a plan and gives it back.
    @discardableResult
    mutating func carryOut(_ plan: Plan, at now: Int64 = 0) throws -> Plan {
        try apply(plan, at: now)
        return plan
    }

    @discardableResult
    mutating func dispatch(
        _ symbols: [Symbol], _ strategy: Strategy, capacity: Int? = nil, rates: [Symbol: Double] = [:],
        timeframes: [Timeframe] = [.oneMinute], unpins: Bool = false
    ) throws -> Plan {
        try carryOut(
            try plan(
                Dispatch(
                    symbols, by: strategy, timeframes: timeframes, capacity: capacity, rates: rates, unpins: unpins)))
    }

    /// Symbols of each worker in the order of registration.
    var counts: [Int] {
        registered.map { worker in placements.values.count { $0.worker == worker.name } }
    }
}

extension Plan {
    func move(of symbol: Symbol) -> Move? { moves.first { $0.symbol == symbol } }
    func stay(of symbol: Symbol) -> StayReason? { stays.first { $0.symbol == symbol }?.reason }
}
