import Assignment
import MarketData
import TestRigs
import Testing

@Suite struct RebalanceTests {
    private let contracts = Bench.contracts

    private func documented() throws -> AssignmentState {
        var state = Bench.workers(5)
        try state.dispatch(contracts, .modulo)
        return state
    }

    @Test func theDocumentedCaseTakesThreeMovesAndThenNone() throws {
        var state = try documented()
        let plan = try state.carryOut(try state.plan(Rebalance()))
        #expect(plan.moves.count == 3 && plan.moves.allSatisfy { $0.from == Bench.name(3) && $0.reason == .level })
        #expect(plan.before.map(\.symbols) == [1, 1, 5, 2, 1] && plan.after.map(\.symbols) == [2, 2, 2, 2, 2])
        #expect(state.counts == [2, 2, 2, 2, 2])
        let again = try state.plan(Rebalance())
        #expect(!again.isChange && again.stays.count == 10)
    }

    /// All ways to spread up to six symbols over four workers: the fewest moves there are, by trying all ends.
    @Test func noPlanHasFewerMoves() throws {
        let symbols = Array(contracts.prefix(6))
        for first in 0...6 {
            for second in 0...(6 - first) {
                for third in 0...(6 - first - second) {
                    let loads = [first, second, third, 6 - first - second - third]
                    var state = Bench.workers(4)
                    var rest = symbols[...]
                    for (index, load) in loads.enumerated() where load > 0 {
                        try state.dispatch(Array(rest.prefix(load)), .worker(Bench.name(index + 1)))
                        rest = rest.dropFirst(load)
                    }
                    let plan = try state.carryOut(try state.plan(Rebalance(unpins: true)))
                    // Six on four: two workers end with two, two with one. The fullest two keep two.
                    let ends = zip(loads.sorted(by: >), [2, 2, 1, 1])
                    let fewest = ends.map { max(0, $0 - $1) }.reduce(0, +)
                    #expect(plan.moves.count == fewest, "\(loads)")
                    #expect(state.counts.max()! - state.counts.min()! <= 1)
                }
            }
        }
    }

    @Test(arguments: 0...4) func aLimitOfMovesIsKeptAndNamesWhatWaits(limit: Int) throws {
        var state = try documented()
        let plan = try state.carryOut(try state.plan(Rebalance(moveLimit: limit)))
        #expect(plan.moves.count == min(3, limit))
        #expect(plan.stays.count { $0.reason == .moveLimit } == max(0, 3 - limit))
        let rest = try state.plan(Rebalance())
        #expect(rest.moves.count == max(0, 3 - limit))
    }

    @Test func pinsStayAndTheRestIsLevelledAroundThem() throws {
        var state = try documented()
        let pinned = contracts.filter { state.placements[$0]?.worker == Bench.name(3) }
        try state.dispatch(pinned, .worker(Bench.name(3)))
        let plan = try state.carryOut(try state.plan(Rebalance()))
        #expect(plan.moves.isEmpty && plan.stays.count { $0.reason == .pinned } == 5)
        let freed = try state.plan(Rebalance(unpins: true))
        #expect(freed.moves.count == 3 && freed.updates.count == 2)
    }

    @Test func aDrainingWorkerIsEmptiedByARebalanceAlone() throws {
        var state = try documented()
        state.setState(.draining, of: Bench.name(3))
        #expect(try !state.plan(Rebalance(levels: false)).isChange)
        let plan = try state.carryOut(try state.plan(Rebalance()))
        #expect(plan.moves.count { $0.from == Bench.name(3) && $0.reason == .workerDraining } == 5)
        #expect(state.counts[2] == 0 && state.counts.filter { $0 > 0 }.sorted() == [2, 2, 3, 3])
        #expect(try !state.plan(Rebalance()).isChange)
    }

    @Test func exactlyTheSymbolsOfAWorkerThatIsGoneMove() throws {
        var state = try documented()
        state.setState(.gone, of: Bench.name(3))
        let lost = contracts.filter { state.placements[$0]?.worker == Bench.name(3) }
        // The limit is for symbols that somebody serves.
        let plan = try state.carryOut(try state.plan(Rebalance(moveLimit: 0, levels: false)))
        #expect(Set(plan.moves.map(\.symbol)) == Set(lost))
        #expect(plan.moves.allSatisfy { $0.reason == .workerGone })
        #expect(try !state.plan(Rebalance(levels: false)).isChange)
    }

    @Test func withoutAnActiveWorkerNothingIsForgotten() throws {
        var state = try documented()
        for number in 1...5 { state.setState(.gone, of: Bench.name(number)) }
        let plan = try state.plan(Rebalance(levels: false))
        #expect(!plan.isChange && plan.unplaced.count == 10)
        #expect(plan.unplaced.allSatisfy { $0.reason == .noActiveWorker && $0.worker != nil })
        state.register(Bench.name(9), address: "127.0.0.1:8088")
        #expect(try state.plan(Rebalance(levels: false)).moves.count == 10)
    }

    /// The predecessor dropped what was not listed; here it neither moves nor goes.
    @Test func onlyListedSymbolsMoveAndNewOnesGetAWorker() throws {
        var state = try documented()
        let crowd = contracts.filter { state.placements[$0]?.worker == Bench.name(3) }
        let new = Symbol("DOGEUSDT")!
        let listed = [crowd[0], new]
        let plan = try state.carryOut(try state.plan(Rebalance(symbols: listed, timeframes: [.oneMinute])))
        #expect(Set(plan.moves.map(\.symbol)) == Set(listed) && plan.move(of: new)?.reason == .new)
        #expect(state.placements.count == 11)
        #expect(throws: PlanError.noTimeframes) { try state.plan(Rebalance(symbols: [Symbol("SOLUSDC")!])) }
    }

    /// Zipf's rates: above 1.10 of the mean only where no single move helps.
    @Test(arguments: 0..<40) func byWeightNoLoadStaysAboveTheBoundThatAMoveCouldLower(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let workers = Int.random(in: 2...9, using: &random)
        let symbols = Bench.symbols(80, seed: seed)
        let ranks = (1...80).shuffled(using: &random)
        let rates = Dictionary(uniqueKeysWithValues: zip(symbols, ranks.map { 100 / Double($0) }))
        var state = Bench.workers(workers)
        try state.dispatch(symbols, .hash)
        let plan = try state.carryOut(try state.plan(Rebalance(rates: rates)))
        let loads = plan.after.map(\.weight)
        let mean = Double(loads.reduce(0, +)) / Double(workers)
        for (index, load) in loads.enumerated() where Double(load) > 1.10 * mean + 1 {
            let lightest = loads.min()!
            for symbol in symbols where state.placements[symbol]?.worker == Bench.name(index + 1) {
                let weight = Int((rates[symbol]! * 1_000).rounded())
                #expect(lightest + weight >= load, "seed \(seed): \(symbol) could move")
            }
        }
        #expect(try !state.plan(Rebalance(rates: rates)).isChange)
        #expect(loads.max()! <= plan.before.map(\.weight).max()!)
    }

    @Test func aWorkerAboveItsCapacityGivesTheExcessAway() throws {
        var state = try documented()
        state.register(Bench.name(3), address: "127.0.0.1:8088", capacity: 1)
        let plan = try state.carryOut(try state.plan(Rebalance()))
        #expect(plan.moves.count == 4 && state.counts[2] == 1 && state.counts.max()! <= 3)
        #expect(try !state.plan(Rebalance()).isChange)
    }
}

@Suite struct EpochTests {
    private let symbol = Bench.contracts[0]

    @Test func everyChangeOfOwnerRaisesTheEpoch() throws {
        var state = Bench.workers(2)
        try state.dispatch([symbol], .worker(Bench.name(1)))
        #expect(state.placements[symbol]?.epoch.number == 1)
        try state.dispatch([symbol], .worker(Bench.name(2)))
        #expect(state.placements[symbol]?.epoch.number == 2)
        try state.dispatch([symbol], .worker(Bench.name(2)), timeframes: [.oneHour])
        #expect(state.placements[symbol]?.epoch.number == 2)
    }

    @Test func aSymbolThatComesBackGoesOnAboveItsLastEpoch() throws {
        var state = Bench.workers(2)
        for number in [1, 2, 1] { try state.dispatch([symbol], .worker(Bench.name(number))) }
        state.remove([symbol])
        #expect(state.placements.isEmpty)
        try state.dispatch([symbol], .hash)
        #expect(state.placements[symbol]?.epoch.number == 4)
    }

    /// A storage that lost its last writes knows epoch 1; a worker serves under 7 already.
    @Test func epochsNeverGoBackBehindWhatAWorkerReports() throws {
        var state = Bench.workers(2)
        try state.dispatch([symbol], .worker(Bench.name(1)))
        let plan = try state.plan(Dispatch([symbol], by: .worker(Bench.name(2)), timeframes: [.oneMinute]))
        try state.apply(plan, at: 5, reported: [symbol: Epoch(reported: 7)!])
        #expect(state.placements[symbol]?.epoch.number == 8 && state.placements[symbol]?.assignedAt == 5)

        let other = Bench.contracts[1]
        #expect(state.raiseEpochs(above: [symbol: Epoch(reported: 20)!, other: Epoch(reported: 30)!]) == [symbol])
        #expect(state.placements[symbol]?.epoch.number == 21)
        #expect(state.raiseEpochs(above: [symbol: Epoch(reported: 20)!]).isEmpty)
        try state.dispatch([other], .hash)
        #expect(state.placements[other]?.epoch.number == 31)
    }

    @Test func noReportUsesTheNumbersUp() {
        #expect(Epoch(reported: -1) == nil && Epoch(reported: .max) == nil && Epoch(reported: (1 << 52) + 1) == nil)
        #expect(Epoch.following(Epoch(reported: 1 << 52)!, nil).number == (1 << 52) + 1)
        #expect(Epoch(stored: (1 << 52) + 1) != nil && Epoch(stored: 1 << 53) == nil)
    }

    @Test func aReportIsBelievedUpToAQuarterOfTheNumbers() throws {
        let (quarter, other) = (Int64(1) << 51, Bench.contracts[1])
        var state = Bench.workers(2)
        try state.dispatch([symbol], .worker(Bench.name(1)))
        let before = state
        for number in [quarter + 1, 2 * quarter] {
            let report = Epoch(reported: number)!
            #expect(state.raiseEpochs(above: [symbol: report, other: report]).isEmpty)
            #expect(state == before)
            try state.apply(
                try state.plan(Dispatch([symbol], by: .worker(Bench.name(2)), timeframes: [.oneMinute])), at: 0,
                reported: [symbol: report])
            #expect(state.placements[symbol]?.epoch.number == 2)
            state = before
        }
        #expect(state.raiseEpochs(above: [other: Epoch(reported: quarter)!]).isEmpty)
        #expect(state.epochFloor.number == quarter)
        try state.dispatch([other], .hash)
        let high = try #require(state.placements[other]?.epoch)
        #expect(high.number == quarter + 1)

        // The storage comes back without it, with a floor of 2^20 more: the worker's honest report counts.
        let floor = Epoch(stored: quarter + 1 << 20)!
        #expect(Epoch(reported: high.number) == high)
        var lesser = AssignmentState(placements: before.placements, workers: before.registered, epochFloor: floor)
        #expect(lesser.raiseEpochs(above: [symbol: high]) == [symbol])
        #expect(lesser.placements[symbol]!.epoch > floor)
    }

    @Test func aPlanOfAnOlderVersionChangesNothing() throws {
        var state = Bench.workers(2)
        let plan = try state.plan(Dispatch([symbol], by: .hash, timeframes: [.oneMinute]))
        state.setState(.draining, of: Bench.name(1))
        let before = state
        #expect(throws: PlanError.outdated(planned: 2, current: 3)) { try state.apply(plan, at: 0) }
        #expect(state == before)
    }
}
