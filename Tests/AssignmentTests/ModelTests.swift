import Assignment
import MarketData
import TestRigs
import Testing

/// Random operations against a model that knows only who has what, and does everything the slow and obvious way.
private struct NaiveModel {
    var workers: [(name: WorkerName, capacity: Int, state: Worker.State)] = []
    var owners: [Symbol: WorkerName] = [:]
    var pins: Set<Symbol> = []
    var epochs: [Symbol: Int64] = [:]
    /// The highest epoch ever seen of a symbol.
    var seen: [Symbol: Int64] = [:]

    var active: [WorkerName] { workers.filter { $0.state == .active }.map(\.name) }
    func load(_ worker: WorkerName) -> Int { owners.values.count { $0 == worker } }
    func room(_ worker: WorkerName) -> Int { workers.first { $0.name == worker }!.capacity - load(worker) }
    func isFixed(_ symbol: Symbol) -> Bool { pins.contains(symbol) && owners[symbol].map(active.contains) == true }

    /// Every pair of a symbol and a worker, best score first; a pair is taken while both are free.
    func hashed(_ symbols: [Symbol]) -> [Symbol: WorkerName] {
        let free = symbols.filter { !isFixed($0) }
        let others = owners.filter { !free.contains($0.key) && active.contains($0.value) }
        let total = others.count + free.count
        let bound = Int((1.25 * Double(total) / Double(active.count)).rounded(.up))
        var seats = Dictionary(
            uniqueKeysWithValues: active.map { worker in
                let capacity = workers.first { $0.name == worker }!.capacity
                return (worker, min(bound, capacity) - others.values.count { $0 == worker })
            })
        let pairs = free.flatMap { symbol in active.map { (Rendezvous.score(symbol, $0), symbol, $0) } }
        var result: [Symbol: WorkerName] = [:]
        for (_, symbol, worker) in pairs.sorted(by: { $0.0 > $1.0 }) where result[symbol] == nil && seats[worker]! > 0 {
            result[symbol] = worker
            seats[worker]! -= 1
        }
        return result
    }
}

@Suite struct ModelTests {
    private static let sequences = 1_200 * Bench.torture

    @Test(.timeLimit(.minutes(60)), arguments: 0..<4)
    func randomOperationsKeepEveryPromise(part: UInt64) throws {
        for sequence in 0..<Self.sequences / 4 {
            var run = ModelRun(seed: part << 32 + UInt64(sequence))
            try run.go(operations: 12)
        }
    }
}

private struct ModelRun {
    private let seed: UInt64
    private var random: SeededRandom
    private var model = NaiveModel()
    private var state = AssignmentState()
    private let pool = Bench.symbols(14, seed: 99)
    private var nextWorker = 1

    init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
    }

    mutating func go(operations: Int) throws {
        for _ in 0..<Int.random(in: 1...4, using: &random) { register() }
        for _ in 0..<operations {
            switch Int.random(in: 0..<11, using: &random) {
            case 0: register()
            case 1: turn()
            case 2: remove()
            case 3: try rebalance(levels: true)
            case 4: try rebalance(levels: false)
            case 5: try rebalanceWithinALimit()
            default: try dispatch()
            }
            check()
        }
    }

    private mutating func register() {
        let name = Bench.name(nextWorker)
        nextWorker += 1
        let capacity = Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 1...4, using: &random) : 1_000
        state.register(name, address: "127.0.0.1:1", capacity: capacity)
        model.workers.append((name, capacity, .active))
    }

    private mutating func turn() {
        guard let index = model.workers.indices.randomElement(using: &random) else { return }
        let turned = Worker.State.allCases.randomElement(using: &random)!
        model.workers[index].state = turned
        state.setState(turned, of: model.workers[index].name)
    }

    private mutating func remove() {
        let symbol = pool.randomElement(using: &random)!
        state.remove([symbol])
        model.owners[symbol] = nil
        model.pins.remove(symbol)
        model.epochs[symbol] = nil
    }

    private mutating func some() -> [Symbol] {
        Array(pool.shuffled(using: &random).prefix(Int.random(in: 1...pool.count, using: &random)))
    }

    private mutating func dispatch() throws {
        let symbols = some()
        let active = model.active
        guard let chosen = active.randomElement(using: &random) else {
            #expect(throws: PlanError.noWorkers) {
                try state.plan(Dispatch(symbols, by: .least, timeframes: [.oneMinute]))
            }
            return
        }
        let strategy = [Strategy.hash, .least, .modulo, .worker(chosen)].randomElement(using: &random)!
        let before = model
        let plan = try carryOut(try state.plan(Dispatch(symbols, by: strategy, timeframes: [.oneMinute])))
        #expect(plan.moves.allSatisfy { symbols.contains($0.symbol) }, "seed \(seed)")
        for move in plan.moves { #expect(active.contains(move.to), "seed \(seed)") }
        for symbol in symbols where before.isFixed(symbol) && strategy != .worker(chosen) {
            #expect(model.owners[symbol] == before.owners[symbol], "seed \(seed)")
        }
        switch strategy {
        case .hash:
            // What finds no seat keeps its own, which moves others on: the model knows the case where all find one.
            guard plan.unplaced.isEmpty else { break }
            for (symbol, worker) in before.hashed(symbols) { #expect(model.owners[symbol] == worker, "seed \(seed)") }
        case .modulo: checkModulo(plan, symbols, before)
        case .worker:
            for symbol in symbols where !plan.unplaced.contains(where: { $0.symbol == symbol }) {
                #expect(model.owners[symbol] == chosen && model.pins.contains(symbol), "seed \(seed)")
            }
        case .least: checkLeast(plan, symbols, before)
        }
    }

    private func checkModulo(_ plan: Plan, _ symbols: [Symbol], _ before: NaiveModel) {
        for symbol in symbols where !before.isFixed(symbol) && !plan.unplaced.contains(where: { $0.symbol == symbol }) {
            // Bit by bit, as the polynomial is defined.
            var sum: UInt32 = .max
            for byte in symbol.name.uppercased().utf8 {
                sum ^= UInt32(byte)
                for _ in 0..<8 { sum = sum & 1 == 1 ? (sum >> 1) ^ 0xedb8_8320 : sum >> 1 }
            }
            #expect(model.owners[symbol] == before.active[Int(~sum) % before.active.count], "seed \(seed)")
        }
    }

    private func checkLeast(_ plan: Plan, _ symbols: [Symbol], _ before: NaiveModel) {
        for symbol in symbols {
            guard let owner = before.owners[symbol], before.active.contains(owner) else { continue }
            let isCrowded = before.room(owner) < 0
            #expect(model.owners[symbol] == owner || isCrowded, "seed \(seed)")
        }
        // What was placed went to where least was: nowhere with room is two below a place that took something.
        for move in plan.moves {
            for other in before.active where model.room(other) > 0 {
                #expect(model.load(other) + 1 >= model.load(move.to), "seed \(seed)")
            }
        }
    }

    private mutating func rebalance(levels: Bool) throws {
        let before = model
        let plan = try carryOut(try state.plan(Rebalance(levels: levels)))
        if !levels {
            let lost = Set(
                before.owners.filter { owner in
                    !before.workers.contains { $0.name == owner.value && $0.state != .gone }
                }.keys)
            #expect(Set(plan.moves.map(\.symbol)).union(plan.unplaced.map(\.symbol)) == lost, "seed \(seed)")
        } else {
            for symbol in before.owners.keys where before.isFixed(symbol) {
                #expect(model.owners[symbol] == before.owners[symbol], "seed \(seed)")
            }
            // Who could give has at most one more than who could take.
            for giver in model.active
            where model.owners.contains(where: { $0.value == giver && !model.pins.contains($0.key) }) {
                for taker in model.active where model.room(taker) > 0 {
                    #expect(model.load(giver) - model.load(taker) <= 1, "seed \(seed)")
                }
            }
        }
        let again = try state.plan(Rebalance(levels: levels))
        #expect(again.moves.isEmpty && again.updates.isEmpty, "seed \(seed)")
    }

    private mutating func rebalanceWithinALimit() throws {
        let limit = Int.random(in: 0...3, using: &random)
        let rates = Dictionary(uniqueKeysWithValues: pool.map { ($0, Double.random(in: 0...9, using: &random)) })
        let isMeasured = Bool.random(using: &random)
        let plan = try carryOut(try state.plan(Rebalance(rates: isMeasured ? rates : [:], moveLimit: limit)))
        let served = plan.moves.filter { ![.new, .workerGone, .workerUnknown].contains($0.reason) }
        #expect(served.count <= limit, "seed \(seed)")
    }

    /// Applies a plan to both, and holds what every plan promises against the model.
    private mutating func carryOut(_ plan: Plan) throws -> Plan {
        let version = state.version
        try state.apply(plan, at: 1)
        #expect(state.version == version + (plan.isChange ? 1 : 0), "seed \(seed)")
        for move in plan.moves {
            #expect(move.from == model.owners[move.symbol] && move.from != move.to, "seed \(seed)")
            model.owners[move.symbol] = move.to
            if move.isPinned { model.pins.insert(move.symbol) } else { model.pins.remove(move.symbol) }
            let epoch = state.placements[move.symbol]?.epoch.number ?? 0
            #expect(epoch > model.seen[move.symbol] ?? 0, "seed \(seed)")
            model.epochs[move.symbol] = epoch
            model.seen[move.symbol] = epoch
        }
        for move in plan.moves { #expect(model.room(move.to) >= 0, "seed \(seed)") }
        for update in plan.updates {
            #expect(model.owners[update.symbol] == update.worker, "seed \(seed)")
            if update.isPinned { model.pins.insert(update.symbol) } else { model.pins.remove(update.symbol) }
        }
        for load in plan.after { #expect(load.symbols == model.load(load.worker), "seed \(seed)") }
        let named = plan.moves.map(\.symbol) + plan.stays.map(\.symbol) + plan.unplaced.map(\.symbol)
        #expect(Set(named).count == named.count && Set(named).isSuperset(of: model.owners.keys), "seed \(seed)")
        return plan
    }

    private func check() {
        #expect(state.placements.mapValues(\.worker) == model.owners, "seed \(seed)")
        #expect(Set(state.placements.filter(\.value.isPinned).keys) == model.pins, "seed \(seed)")
        #expect(state.placements.mapValues(\.epoch.number) == model.epochs, "seed \(seed)")
    }
}
