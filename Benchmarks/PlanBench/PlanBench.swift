import Assignment
import MarketData
import TestRigs

/// Prints how long plans and storing them take, and the figures of the strategies that docs/decisions quotes:
/// `swift run -c release PlanBench`, or with `times` the first alone. Sets and rates are seeded: the same figures on
/// every machine, times apart.
@main
struct PlanBench {
    static func main() throws {
        try printTimes()
        try printStoreTimes()
        if CommandLine.arguments.dropFirst().first == "times" { return }
        try printHashFigures()
        try printStickyFigures()
        try printWeightFigures()
    }

    static func workers(_ count: Int) -> AssignmentState {
        var state = AssignmentState()
        for number in 1...count { addWorker(number, to: &state) }
        return state
    }

    static func addWorker(_ number: Int, to state: inout AssignmentState) {
        state.register(WorkerName("tradingv3-ws-worker-\(number):8088")!, address: "127.0.0.1:8088")
    }

    static func symbols(_ count: Int, seed: UInt64) -> [Symbol] {
        var random = SeededRandom(seed: seed)
        var names: Set<Symbol> = []
        while names.count < count {
            let letters = (0..<Int.random(in: 3...5, using: &random)).map { _ in
                "abcdefghijklmnopqrstuvwxyz".randomElement(using: &random)!
            }
            names.insert(Symbol(String(letters) + "usdt")!)
        }
        return names.sorted(by: Symbol.isOrdered)
    }

    /// Zipf's law with exponent 1: the n-th symbol has 1/n of the first one's messages.
    static func rates(_ symbols: [Symbol], seed: UInt64) -> [Symbol: Double] {
        var random = SeededRandom(seed: seed)
        let ranks = (1...symbols.count).shuffled(using: &random)
        return Dictionary(uniqueKeysWithValues: zip(symbols, ranks.map { 1_000 / Double($0) }))
    }

    static func fixed(_ value: Double, _ digits: Int = 2) -> String {
        let scale = (0..<digits).reduce(1) { power, _ in power * 10 }
        let whole = Int((value * Double(scale)).rounded())
        let fraction = String(whole % scale)
        return "\(whole / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    static func row(_ cells: String...) { print("| " + cells.joined(separator: " | ") + " |") }
}

/// 10,000 symbols on 100 workers.
extension PlanBench {
    static func printTimes() throws {
        let symbols = symbols(10_000, seed: 1)
        let rates = rates(symbols, seed: 2)
        let empty = workers(100)
        func dispatch(_ strategy: Strategy, rates: [Symbol: Double] = [:]) -> Dispatch {
            Dispatch(symbols, by: strategy, timeframes: [.oneMinute], rates: rates)
        }
        var full = empty
        try full.apply(try full.plan(dispatch(.hash)), at: 0)
        var crowded = empty
        try crowded.apply(try crowded.plan(dispatch(.worker(crowded.registered[0].name))), at: 0)
        var grown = full
        addWorker(101, to: &grown)
        var shrunk = full
        shrunk.setState(.gone, of: shrunk.registered[50].name)

        print("## Plans for 10,000 symbols on 100 workers, milliseconds\n")
        row("plan", "moves", "best of 20", "worst of 20")
        row("---", "---", "---", "---")
        try time("hash, from nothing") { try empty.plan(dispatch(.hash)) }
        try time("least, from nothing") { try empty.plan(dispatch(.least)) }
        try time("least by rate, from nothing") { try empty.plan(dispatch(.least, rates: rates)) }
        try time("modulo, from nothing") { try empty.plan(dispatch(.modulo)) }
        try time("hash, a worker more") { try grown.plan(dispatch(.hash)) }
        try time("rebalance of a hash placement") { try full.plan(Rebalance()) }
        try time("rebalance, a worker more") { try grown.plan(Rebalance()) }
        try time("rebalance by rate") { try full.plan(Rebalance(rates: rates)) }
        try time("a worker's lease ran out") { try shrunk.plan(Rebalance(levels: false)) }
        try time("rebalance, all on one worker") { try crowded.plan(Rebalance(unpins: true)) }
        try time("the same by rate") { try crowded.plan(Rebalance(rates: rates, unpins: true)) }
    }

    static func time(_ name: String, _ plan: () throws -> Plan) throws {
        var times: [Double] = []
        var moves = 0
        for _ in 0..<20 {
            let begin = ContinuousClock.now
            moves = try plan().moves.count
            let taken = ContinuousClock.now - begin
            times.append(taken / .milliseconds(1))
        }
        row(name, "\(moves)", fixed(times.min()!, 1), fixed(times.max()!, 1))
    }
}

/// 1,000 sets of 200 symbols on 5 to 20 workers.
extension PlanBench {
    struct Figures {
        var ratio = 0.0
        var worstRatio = 0.0
        var joinMoves = 0.0
        var worstJoin = 0.0
        var needless = 0.0
        var needlessBySet: [Int] = []
    }

    static func printHashFigures() throws {
        print("\n## hash: 1,000 sets of 200 symbols on 5 to 20 workers, by c\n")
        row(
            "c", "highest load / mean: average, worst", "a worker more: moves / (k/(n+1)) average, worst",
            "a worker fewer: needless moves, share of the others", "sets with 0, 1, 2, 3, more needless moves")
        row("---", "---", "---", "---", "---")
        for percent in [105, 110, 125, 150, 200, 10_000] {
            let figures = try hashFigures(percent)
            let spread =
                (0...3).map { count in String(figures.needlessBySet.count { $0 == count }) }
                + [String(figures.needlessBySet.count { $0 > 3 })]
            row(
                percent == 10_000 ? "none" : fixed(Double(percent) / 100),
                "\(fixed(figures.ratio)), \(fixed(figures.worstRatio))",
                "\(fixed(figures.joinMoves, 3)), \(fixed(figures.worstJoin))", "\(fixed(figures.needless * 100, 3)) %",
                spread.joined(separator: ", "))
        }
    }

    static func hashFigures(_ percent: Int) throws -> Figures {
        var figures = Figures()
        let sets = 1_000
        for set in 0..<sets {
            let count = 5 + set % 16
            let symbols = symbols(200, seed: UInt64(set))
            var state = workers(count)
            try state.apply(try state.plan(hash: symbols, boundPercent: percent), at: 0)
            let ratio = Double(state.counts.max()!) * Double(count) / 200
            figures.ratio += ratio / Double(sets)
            figures.worstRatio = max(figures.worstRatio, ratio)

            var grown = state
            addWorker(count + 1, to: &grown)
            let share = Double(try grown.plan(hash: symbols, boundPercent: percent).moves.count * (count + 1)) / 200
            figures.joinMoves += share / Double(sets)
            figures.worstJoin = max(figures.worstJoin, share)

            let leaver = state.registered[set % count].name
            let others = state.placements.values.count { $0.worker != leaver }
            var shrunk = state
            shrunk.setState(.gone, of: leaver)
            let needless = try shrunk.plan(hash: symbols, boundPercent: percent).moves.count { $0.from != leaver }
            figures.needless += Double(needless) / Double(others) / Double(sets)
            figures.needlessBySet.append(needless)
        }
        return figures
    }

    static func printStickyFigures() throws {
        print("\n## least and rebalance against the predecessor's modulo: the same sets, averages\n")
        row("a change of the workers", "modulo: moves", "hash: moves", "sticky: moves", "sticky: highest − lowest load")
        row("---", "---", "---", "---", "---")
        for (name, joins) in [("one more", true), ("one fewer", false)] {
            var moves = [0, 0, 0]
            var worst = 0
            for set in 0..<1_000 {
                let count = 5 + set % 16
                let symbols = symbols(200, seed: UInt64(set))
                for (index, strategy) in [Strategy.modulo, .hash, .least].enumerated() {
                    let dispatch = Dispatch(symbols, by: strategy, timeframes: [.oneMinute])
                    var state = workers(count)
                    try state.apply(try state.plan(dispatch), at: 0)
                    if joins {
                        addWorker(count + 1, to: &state)
                    } else {
                        state.setState(.gone, of: state.registered[set % count].name)
                    }
                    let plan = try strategy == .least ? state.plan(Rebalance()) : state.plan(dispatch)
                    moves[index] += plan.moves.count
                    guard strategy == .least else { continue }
                    let loads = plan.after.filter { state.workers[$0.worker]?.state == .active }.map(\.symbols)
                    worst = max(worst, loads.max()! - loads.min()!)
                }
            }
            row(
                name, fixed(Double(moves[0]) / 1_000, 1), fixed(Double(moves[1]) / 1_000, 1),
                fixed(Double(moves[2]) / 1_000, 1), "\(worst)")
        }
    }

    static func printWeightFigures() throws {
        print("\n## by weight: 1,000 sets of 200 symbols on 5 workers, rates by Zipf's law\n")
        row("placement", "highest rate / mean: average, worst", "moves: average, worst")
        row("---", "---", "---")
        var ratios = [[Double]](repeating: [], count: 4)
        var moves: [Int] = []
        for set in 0..<1_000 {
            let symbols = symbols(200, seed: UInt64(set))
            let rates = rates(symbols, seed: UInt64(set))
            let empty = workers(5)
            func ratio(_ plan: Plan) -> Double {
                let sums = plan.after.map { load in
                    plan.moves.filter { $0.to == load.worker }.map { rates[$0.symbol]! }.reduce(0, +)
                }
                return sums.max()! * 5 / sums.reduce(0, +)
            }
            func dispatch(_ strategy: Strategy, _ rates: [Symbol: Double] = [:]) -> Dispatch {
                Dispatch(symbols, by: strategy, timeframes: [.oneMinute], rates: rates)
            }
            let hashed = try empty.plan(dispatch(.hash))
            ratios[0].append(ratio(hashed))
            ratios[1].append(ratio(try empty.plan(dispatch(.least))))
            ratios[2].append(ratio(try empty.plan(dispatch(.least, rates))))
            var state = empty
            try state.apply(hashed, at: 0)
            let plan = try state.plan(Rebalance(rates: rates))
            let loads = plan.after.map(\.weight)
            ratios[3].append(Double(loads.max()!) * 5 / Double(loads.reduce(0, +)))
            moves.append(plan.moves.count)
        }
        let names = ["hash", "least by count", "least by rate", "hash, then a rebalance by rate"]
        for (index, name) in names.enumerated() {
            let average = ratios[index].reduce(0, +) / 1_000
            row(
                name, "\(fixed(average)), \(fixed(ratios[index].max()!))",
                index == 3 ? "\(fixed(Double(moves.reduce(0, +)) / 1_000, 1)), \(moves.max()!)" : "")
        }
    }
}

extension AssignmentState {
    /// How many symbols each worker has that has any.
    fileprivate var counts: [Int] {
        Array(Dictionary(grouping: placements.values, by: \.worker).values.map(\.count))
    }
}
