import Assignment
import MarketData
import TestRigs
import Testing

@Suite struct StrategyTests {
    /// A seat that is not given up costs somebody else one: the rule, word for word, tried until nothing changes.
    @Test func whoFindsNoSeatStaysAndCostsAnotherItsOwn() throws {
        for seed in 0..<300 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let workers = (1...4).map { number in
                Worker(
                    name: Bench.name(number), address: "127.0.0.1:8088",
                    capacity: Int.random(in: 2...8, using: &random),
                    order: number)
            }
            let symbols = Bench.symbols(24, seed: seed)
            var placements: [Symbol: Placement] = [:]
            for symbol in symbols where Int.random(in: 0..<4, using: &random) > 0 {
                placements[symbol] = Placement(
                    worker: workers.randomElement(using: &random)!.name, timeframes: [.oneMinute], epoch: .none,
                    isPinned: false, assignedAt: 0)
            }
            let targets = Dictionary(
                uniqueKeysWithValues: symbols.map { ($0, workers.randomElement(using: &random)!.name) })
            let state = AssignmentState(placements: placements, workers: workers)
            let rows = symbols.map { AssignmentFile.Row(symbol: $0, worker: targets[$0]!, assignedAt: nil) }
            let plan = try state.plan(rows: rows, timeframes: [.oneMinute])

            var stays = Set(symbols.filter { placements[$0]?.worker == targets[$0] })
            func stuck() -> Symbol? {
                var counts: [WorkerName: Int] = [:]
                for symbol in stays { counts[placements[symbol]!.worker, default: 0] += 1 }
                return symbols.first { symbol in
                    guard !stays.contains(symbol) else { return false }
                    counts[targets[symbol]!, default: 0] += 1
                    return counts[targets[symbol]!]! > state.workers[targets[symbol]!]!.capacity!
                        && placements[symbol] != nil
                }
            }
            while let symbol = stuck() { stays.insert(symbol) }
            let expected = Set(symbols.filter { !stays.contains($0) && placements[$0] != nil })
            #expect(Set(plan.moves.filter { $0.from != nil }.map(\.symbol)) == expected, "seed \(seed)")
        }
    }

    /// Half of the most symbols there may be find no seat: in time that grows with their number, not with its square (which
    /// is minutes).
    @Test(.timeLimit(.minutes(1))) func fiftyThousandWithoutASeatArePlannedAtOnce() throws {
        var state = Bench.workers(1)
        state.register(Bench.name(2), address: "127.0.0.1:8088", capacity: PlanError.symbolLimit / 2)
        let symbols = (0..<PlanError.symbolLimit).map { Symbol("s\($0)")! }
        try state.dispatch(symbols, .worker(Bench.name(1)))
        let plan = try state.plan(Dispatch(symbols, by: .worker(Bench.name(2)), timeframes: [.oneMinute]))
        #expect(plan.moves.count == PlanError.symbolLimit / 2 && plan.unplaced.count == PlanError.symbolLimit / 2)
    }

    private let contracts = Bench.contracts

    /// The predecessor's documented distribution, and the places that its own crc32 gives (1 = first worker).
    @Test func moduloGivesThePredecessorsDistribution() throws {
        var state = Bench.workers(5)
        try state.dispatch(contracts + ["DOGEUSDT", "BTCUSDC"].map { Symbol($0)! }, .modulo)
        let places = [
            "BTCUSDT": 3, "ETHUSDT": 4, "ADAUSDT": 3, "SOLUSDT": 1, "DOTUSDT": 3, "LINKUSDT": 2, "UNIUSDT": 5,
            "XRPUSDT": 3, "LTCUSDT": 4, "BNBUSDT": 3, "DOGEUSDT": 5, "BTCUSDC": 3,
        ]
        for (symbol, place) in places { #expect(state.placements[Symbol(symbol)!]?.worker == Bench.name(place)) }
        state.remove([Symbol("DOGEUSDT")!, Symbol("BTCUSDC")!])
        #expect(state.counts == [1, 1, 5, 2, 1])
    }

    /// Registration, not the alphabet: worker 10 comes after worker 9.
    @Test func moduloCountsWorkersInTheOrderOfTheirRegistration() throws {
        var state = AssignmentState()
        for name in ["z:1", "a:1", "m:1", "b:1", "y:1"] { state.register(WorkerName(name)!, address: name) }
        try state.dispatch(contracts, .modulo)
        #expect(state.counts == [1, 1, 5, 2, 1])
        #expect(state.placements[Symbol("BTCUSDT")!]?.worker.text == "m:1")
    }

    @Test func leastFillsFiveWorkersWithTwoEach() throws {
        var state = Bench.workers(5)
        let plan = try state.dispatch(contracts, .least, capacity: 2)
        #expect(state.counts == [2, 2, 2, 2, 2])
        #expect(plan.unplaced.isEmpty && plan.moves.allSatisfy { $0.reason == .new && $0.from == nil })
    }

    /// The predecessor began at zero each time.
    @Test func leastCountsWhatIsThereAlready() throws {
        var state = Bench.workers(2)
        try state.dispatch(Array(contracts.prefix(3)), .worker(Bench.name(1)))
        try state.dispatch(Array(contracts.dropFirst(3).prefix(3)), .least)
        #expect(state.counts == [3, 3])
    }

    @Test func leastLeavesWhatIsWellPlaced() throws {
        var state = Bench.workers(5)
        try state.dispatch(contracts, .modulo)
        let plan = try state.plan(Dispatch(contracts, by: .least, timeframes: [.oneMinute]))
        #expect(!plan.isChange && plan.stays.count == 10)
    }

    @Test func capacityIsHardAndNamesWhatFoundNoPlace() throws {
        var state = Bench.workers(3)
        let plan = try state.dispatch(contracts, .least, capacity: 3)
        #expect(state.counts == [3, 3, 3])
        // By count all weigh the same: names in order, so the last one is left.
        #expect(plan.unplaced.map(\.symbol.name) == ["xrpusdt"] && plan.unplaced[0].reason == .noCapacity)
        #expect(plan.unplaced[0].worker == nil)
    }

    /// One worker's own capacity binds as a request's does, with each strategy.
    @Test(arguments: [Strategy.hash, .least, .modulo, .worker(Bench.name(1))])
    func aWorkersCapacityBindsEveryStrategy(strategy: Strategy) throws {
        var state = Bench.workers(2, capacity: 1)
        let plan = try state.dispatch(contracts, strategy)
        #expect(state.counts.allSatisfy { $0 <= 1 })
        #expect(plan.moves.count + plan.unplaced.count == 10)
        #expect(plan.unplaced.allSatisfy { $0.reason == .noCapacity })
    }

    /// Heaviest first onto two workers: 7, 3 and 2 beside 5, 4 and 3.
    @Test func leastPlacesTheHeaviestFirst() throws {
        let symbols = Array(contracts.prefix(6))
        let rates = Dictionary(uniqueKeysWithValues: zip(symbols, [2.0, 3, 3, 4, 5, 7]))
        var state = Bench.workers(2)
        let plan = try state.dispatch(symbols, .least, rates: rates)
        #expect(plan.after.map(\.weight) == [12_000, 12_000])
        #expect(plan.before.map(\.weight) == [0, 0])
    }

    @Test func aSymbolThatWasNotMeasuredCountsAsTheMean() throws {
        let symbols = Array(contracts.prefix(3))
        var state = Bench.workers(3)
        let rates = [symbols[0]: 6.0, symbols[1]: 2.0, symbols[2]: -.infinity]
        let plan = try state.dispatch(symbols, .least, rates: rates)
        #expect(plan.after.map(\.weight).sorted() == [2_000, 4_000, 6_000])
    }

    @Test func whatIsNotListedStays() throws {
        var state = Bench.workers(5)
        try state.dispatch(contracts, .modulo)
        let others = state.placements.filter { $0.key != contracts[0] }
        for strategy in [Strategy.hash, .least, .worker(Bench.name(2)), .modulo] {
            let plan = try state.dispatch([contracts[0]], strategy, timeframes: [.oneHour])
            #expect(plan.stays.count { $0.reason == .notListed } == 9)
            #expect(state.placements.filter { $0.key != contracts[0] } == others)
        }
    }

    @Test func aPinSurvivesEveryOtherStrategyUntilItIsTakenBack() throws {
        var state = Bench.workers(5)
        let symbol = contracts[0]
        let plan = try state.dispatch([symbol], .worker(Bench.name(1)))
        #expect(plan.move(of: symbol)?.isPinned == true && plan.move(of: symbol)?.reason == .pinned)
        for strategy in [Strategy.hash, .least, .modulo] {
            let plan = try state.dispatch(contracts, strategy)
            #expect(plan.stay(of: symbol) == .pinned)
            #expect(state.placements[symbol]?.worker == Bench.name(1) && state.placements[symbol]?.isPinned == true)
        }
        try state.dispatch([symbol], .modulo, unpins: true)
        #expect(state.placements[symbol]?.worker == Bench.name(3) && state.placements[symbol]?.isPinned == false)
    }

    @Test func pinningWhatIsThereAlreadyMovesNothing() throws {
        var state = Bench.workers(5)
        try state.dispatch(contracts, .modulo)
        let epoch = state.placements[contracts[0]]?.epoch
        let plan = try state.dispatch([contracts[0]], .worker(Bench.name(3)))
        #expect(plan.moves.isEmpty && plan.updates.count == 1 && plan.updates[0].isPinned)
        #expect(state.placements[contracts[0]]?.isPinned == true && state.placements[contracts[0]]?.epoch == epoch)
    }

    @Test func otherTimeframesChangeThePlacementWithoutAMove() throws {
        var state = Bench.workers(2)
        try state.dispatch(contracts, .hash)
        let before = state
        let plan = try state.dispatch(contracts, .hash, timeframes: [.oneHour, .oneMinute, .oneHour])
        #expect(plan.moves.isEmpty && plan.updates.count == 10)
        for symbol in contracts {
            #expect(state.placements[symbol]?.timeframes == [.oneMinute, .oneHour])
            #expect(state.placements[symbol]?.epoch == before.placements[symbol]?.epoch)
        }
    }

    @Test func whatCantBePlannedIsNamed() throws {
        let state = Bench.workers(2)
        func failure(_ state: AssignmentState, _ dispatch: Dispatch) -> PlanError? {
            #expect(throws: PlanError.self) { try state.plan(dispatch) }
        }
        let unknown = WorkerName("nobody:1")!
        var draining = state
        draining.setState(.draining, of: Bench.name(1))
        #expect(failure(state, Dispatch([], by: .hash, timeframes: [.oneMinute])) == .noSymbols)
        #expect(failure(state, Dispatch(contracts, by: .hash, timeframes: [])) == .noTimeframes)
        #expect(failure(AssignmentState(), Dispatch(contracts, by: .hash, timeframes: [.oneMinute])) == .noWorkers)
        #expect(
            failure(state, Dispatch(contracts, by: .worker(unknown), timeframes: [.oneMinute]))
                == .unknownWorker(unknown, known: [Bench.name(1), Bench.name(2)]))
        #expect(
            failure(draining, Dispatch(contracts, by: .worker(Bench.name(1)), timeframes: [.oneMinute]))
                == .inactiveWorker(Bench.name(1), .draining))
    }

    @Test(arguments: ["", "a b", "a,b", "a|b", "\"a\"", "ä", "-a", ".a", "a\n", String(repeating: "a", count: 129)])
    func aWorkersNameNeedsNoQuotingAnywhere(text: String) { #expect(WorkerName(text) == nil) }

    @Test(arguments: ["ws-1", "tradingv3-ws-worker-1:8088", "[::1]:8089", "10.0.0.1:80", "A_b"])
    func hostAndPortAreAName(text: String) { #expect(WorkerName(text)?.text == text) }
}
