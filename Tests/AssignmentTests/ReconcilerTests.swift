import Assignment
import MarketData
import Testing

@Suite struct ReconcilerTests {
    private let start = ContinuousClock.now
    private let symbol = Bench.contracts[0]
    private let one = Bench.name(1)
    private let two = Bench.name(2)
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .milliseconds(Int(seconds * 1_000)) }
    private func report(_ worker: WorkerName, _ subscriptions: [Symbol: Set<Timeframe>] = [:]) -> Reconciler.Event {
        .fresh(WorkerReport(worker: worker, subscriptions: subscriptions))
    }

    private func state(_ worker: WorkerName?, _ timeframes: [Timeframe] = [.oneMinute]) throws -> AssignmentState {
        var state = Bench.workers(2)
        if let worker { try state.dispatch([symbol], .worker(worker), timeframes: timeframes) }
        return state
    }

    @Test func theOldWorkerLetsGoOnlyAfterTheNewOneReportsTheSymbol() throws {
        var reconciler = Reconciler()
        #expect(reconciler.on(.wanted(try state(two)), now: at(0), jitter: 0).isEmpty)
        #expect(reconciler.on(report(one, [symbol: [.oneMinute]]), now: at(0), jitter: 0).isEmpty)
        let make = reconciler.on(report(two), now: at(0), jitter: 0)
        #expect(make.map(\.verb) == [.subscribe] && make[0].worker == two && make[0].epoch.number == 1)
        // It answered, and does not serve yet: nothing is broken, and nothing said twice.
        #expect(reconciler.on(.succeeded(make[0]), now: at(0.1), jitter: 0).isEmpty)
        #expect(reconciler.on(report(two), now: at(2), jitter: 0).isEmpty)
        let cut = reconciler.on(report(two, [symbol: [.oneMinute]]), now: at(4), jitter: 0)
        #expect(cut.map(\.verb) == [.unsubscribe] && cut[0].worker == one)
        #expect(reconciler.on(.succeeded(cut[0]), now: at(4.1), jitter: 0).isEmpty && !reconciler.isSettled)
        #expect(reconciler.on(report(one), now: at(5), jitter: 0).isEmpty)
        #expect(reconciler.isSettled && reconciler.pending.isEmpty)
    }

    @Test func aNewWorkerThatIsSilentTakesNothingFromTheOldOne() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(two)), now: at(0), jitter: 0)
        #expect(reconciler.on(report(one, [symbol: [.oneMinute]]), now: at(0), jitter: 0).isEmpty)
        #expect(reconciler.pending.map(\.error) == ["the worker does not answer"])
        _ = reconciler.on(report(two, [symbol: [.oneMinute]]), now: at(1), jitter: 0)
        _ = reconciler.on(.silent(two), now: at(2), jitter: 0)
        #expect(reconciler.commands(now: at(9)).isEmpty && !reconciler.isSettled)
    }

    @Test func whatFailsIsTriedAgainLaterEachTimeAndShownMeanwhile() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(two)), now: at(0), jitter: 0)
        var command = try #require(reconciler.on(report(two), now: at(0), jitter: 0).first)
        var now = 0.0
        // 0.5 s doubled up to 30 s; without jitter half of that.
        for wait in [0.25, 0.5, 1, 2, 4, 8, 15, 15] {
            #expect(reconciler.on(.failed(command, error: "timed out"), now: at(now), jitter: 0).isEmpty)
            #expect(reconciler.on(report(two), now: at(now + wait - 0.01), jitter: 0).isEmpty)
            now += wait
            command = try #require(reconciler.commands(now: at(now)).first)
        }
        let pending = reconciler.pending
        #expect(pending.map(\.error) == ["timed out"] && pending[0].attempts == 8 && pending[0].worker == two)
    }

    @Test func anAnswerThatDoesNotShowIsNotBelievedForEver() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(two)), now: at(0), jitter: 0)
        let command = try #require(reconciler.on(report(two), now: at(0), jitter: 0).first)
        _ = reconciler.on(.succeeded(command), now: at(0), jitter: 0)
        #expect(reconciler.on(report(two), now: at(4.9), jitter: 0).isEmpty)
        #expect(reconciler.on(report(two), now: at(5), jitter: 0) == [command])
    }

    @Test func timeframesAreMadeBeforeOthersAreBroken() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(one, [.oneMinute, .oneHour])), now: at(0), jitter: 0)
        let make = reconciler.on(report(one, [symbol: [.oneMinute, .oneDay]]), now: at(0), jitter: 0)
        #expect(make.map(\.verb) == [.subscribe] && make[0].timeframes == [.oneHour])
        _ = reconciler.on(.succeeded(make[0]), now: at(0), jitter: 0)
        let cut = reconciler.on(report(one, [symbol: [.oneMinute, .oneHour, .oneDay]]), now: at(1), jitter: 0)
        #expect(cut.map(\.verb) == [.unsubscribe] && cut[0].timeframes == [.oneDay])
    }

    @Test func aSymbolThatNobodyWantsIsLetGoEverywhere() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(nil)), now: at(0), jitter: 0)
        for worker in [one, two] {
            let commands = reconciler.on(report(worker, [symbol: [.oneMinute, .oneDay]]), now: at(0), jitter: 0)
            #expect(commands.map(\.verb) == [.unsubscribe] && commands[0].timeframes == [.oneMinute, .oneDay])
        }
    }

    @Test func aWorkerIsNotFlooded() throws {
        var reconciler = Reconciler()
        var state = Bench.workers(1)
        try state.dispatch(Bench.symbols(100, seed: 1), .least)
        _ = reconciler.on(.wanted(state), now: at(0), jitter: 0)
        var commands = reconciler.on(report(one), now: at(0), jitter: 0)
        #expect(commands.count == 8)
        var total = commands.count
        while let command = commands.popLast() {
            let next = reconciler.on(.succeeded(command), now: at(0), jitter: 0)
            #expect(next.count <= 1)
            total += next.count
            commands += next
        }
        #expect(total == 100)
    }

    /// After a storage that lost writes: the stored owner serves the symbol already, under an epoch of the past.
    @Test func anOwnerUnderAnOldEpochIsToldTheNewOneBeforeAnybodyLetsGo() throws {
        var reconciler = Reconciler()
        var wanted = try state(two)
        _ = wanted.raiseEpochs(above: [symbol: Epoch(reported: 5)!])
        _ = reconciler.on(.wanted(wanted), now: at(0), jitter: 0)
        func serves(_ worker: WorkerName, _ epoch: Int64) -> Reconciler.Event {
            let epochs = [symbol: Epoch(reported: epoch)!]
            return .fresh(WorkerReport(worker: worker, subscriptions: [symbol: [.oneMinute]], epochs: epochs))
        }
        #expect(reconciler.on(serves(one, 5), now: at(0), jitter: 0).isEmpty)
        let told = reconciler.on(serves(two, 1), now: at(0), jitter: 0)
        #expect(told.map(\.verb) == [.subscribe] && told[0].worker == two && told[0].epoch.number == 6)
        #expect(told[0].timeframes == [.oneMinute])
        let cut = reconciler.on(serves(two, 6), now: at(1), jitter: 0)
        #expect(cut.map(\.verb) == [.unsubscribe] && cut[0].worker == one)
    }

    /// Its word is all that is left of a lost write.
    @Test func whoServesUnderAnEpochAboveTheStoredOneLetsNothingGoBeforeItIsRaised() throws {
        var reconciler = Reconciler()
        func serves(_ worker: WorkerName, _ epoch: Int64) -> Reconciler.Event {
            let epochs = [symbol: Epoch(reported: epoch)!]
            return .fresh(WorkerReport(worker: worker, subscriptions: [symbol: [.oneMinute]], epochs: epochs))
        }
        var wanted = try state(two)
        _ = reconciler.on(.wanted(wanted), now: at(0), jitter: 0)
        #expect(reconciler.on(serves(two, 1), now: at(0), jitter: 0).isEmpty)
        #expect(reconciler.on(serves(one, 5), now: at(0), jitter: 0).isEmpty)
        #expect(!reconciler.isSettled && reconciler.reportedEpochs == [symbol: Epoch(reported: 5)!])
        _ = wanted.raiseEpochs(above: reconciler.reportedEpochs)
        let told = reconciler.on(.wanted(wanted), now: at(1), jitter: 0)
        #expect(told.map(\.verb) == [.subscribe] && told[0].worker == two)
        let cut = reconciler.on(serves(two, 6), now: at(2), jitter: 0)
        #expect(cut.map(\.verb) == [.unsubscribe] && cut[0].worker == one)
    }

    @Test func anEpochThatNobodyBelievesHoldsNothingUp() throws {
        var reconciler = Reconciler()
        func serves(_ worker: WorkerName, _ epoch: Int64) -> Reconciler.Event {
            let epochs = [symbol: Epoch(reported: epoch)!]
            return .fresh(WorkerReport(worker: worker, subscriptions: [symbol: [.oneMinute]], epochs: epochs))
        }
        var wanted = try state(two)
        _ = reconciler.on(.wanted(wanted), now: at(0), jitter: 0)
        _ = reconciler.on(serves(two, 1), now: at(0), jitter: 0)
        let cut = reconciler.on(serves(one, Epoch.reportLimit + 1), now: at(0), jitter: 0)
        #expect(cut.map(\.verb) == [.unsubscribe] && cut[0].worker == one)
        #expect(wanted.raiseEpochs(above: reconciler.reportedEpochs).isEmpty)
    }

    @Test func theHighestReportedEpochCounts() {
        var reconciler = Reconciler()
        for (worker, epoch) in [(one, 4), (two, 9)] as [(WorkerName, Int64)] {
            let report = WorkerReport(
                worker: worker, subscriptions: [:], epochs: [symbol: Epoch(reported: epoch)!])
            _ = reconciler.on(.fresh(report), now: at(0), jitter: 0)
        }
        #expect(reconciler.reportedEpochs == [symbol: Epoch(reported: 9)!])
    }

    /// Moved there and back while the report of the first owner still shows what it has just let go.
    @Test func aReportFromBeforeItLetGoMakesNobodyElseLetGo() throws {
        var reconciler = Reconciler()
        func serves(_ worker: WorkerName, _ has: Bool, asked: Double) -> Reconciler.Event {
            let subscriptions: [Symbol: Set<Timeframe>] = has ? [symbol: [.oneMinute]] : [:]
            return .reported(WorkerReport(worker: worker, subscriptions: subscriptions), asked: at(asked))
        }
        _ = reconciler.on(.wanted(try state(two)), now: at(0), jitter: 0)
        _ = reconciler.on(serves(one, true, asked: 0), now: at(0), jitter: 0)
        let cut = reconciler.on(serves(two, true, asked: 0), now: at(0), jitter: 0)
        #expect(cut.map(\.verb) == [.unsubscribe] && cut[0].worker == one)
        #expect(reconciler.on(.wanted(try state(one)), now: at(1), jitter: 0).isEmpty, "under way")
        #expect(reconciler.on(.succeeded(cut[0]), now: at(2), jitter: 0).isEmpty, "not reported")
        #expect(reconciler.on(serves(one, true, asked: 1.9), now: at(2.1), jitter: 0).isEmpty, "asked before")
        #expect(!reconciler.isSettled)
        let make = reconciler.on(serves(one, false, asked: 2.2), now: at(2.3), jitter: 0)
        #expect(make.map(\.verb) == [.subscribe] && make[0].worker == one)
        _ = reconciler.on(.succeeded(make[0]), now: at(2.4), jitter: 0)
        let end = reconciler.on(serves(one, true, asked: 2.5), now: at(2.6), jitter: 0)
        #expect(end.map(\.verb) == [.unsubscribe] && end[0].worker == two)
    }

    @Test func twoNamesForOneProcessTakeNothingFromEachOther() throws {
        var reconciler = Reconciler()
        var wanted = try state(one)
        wanted.register(two, address: wanted.workers[one]!.address)
        _ = reconciler.on(.wanted(wanted), now: at(0), jitter: 0)
        #expect(reconciler.on(report(one, [symbol: [.oneMinute]]), now: at(0), jitter: 0).isEmpty)
        #expect(reconciler.on(report(two, [symbol: [.oneMinute]]), now: at(0), jitter: 0).isEmpty)
    }

    @Test func whatASilentWorkerCannotBeToldToLetGoIsPending() throws {
        var reconciler = Reconciler()
        var wanted = try state(two)
        _ = reconciler.on(.wanted(wanted), now: at(0), jitter: 0)
        _ = reconciler.on(report(one, [symbol: [.oneMinute]]), now: at(0), jitter: 0)
        _ = reconciler.on(.silent(one), now: at(0), jitter: 0)
        #expect(reconciler.on(report(two, [symbol: [.oneMinute]]), now: at(0), jitter: 0).isEmpty)
        let pending = reconciler.pending
        #expect(pending.map(\.verb) == [.unsubscribe] && pending[0].worker == one && !reconciler.isSettled)
        #expect(pending.first?.error == "the worker does not answer")
        wanted.setState(.gone, of: one)
        _ = reconciler.on(.wanted(wanted), now: at(1), jitter: 0)
        #expect(reconciler.pending.isEmpty && reconciler.isSettled, "of one that is gone nobody knows")
    }

    @Test func nothingIsSettledBeforeEveryWorkerSaidWhatItDoes() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(one)), now: at(0), jitter: 0)
        _ = reconciler.on(report(one, [symbol: [.oneMinute]]), now: at(0), jitter: 0)
        #expect(!reconciler.isSettled)
        _ = reconciler.on(report(two), now: at(0), jitter: 0)
        #expect(reconciler.isSettled)
    }

    @Test func aCommandUnderWayThatNobodyWantsAnyMoreIsPending() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(two)), now: at(0), jitter: 0)
        _ = reconciler.on(report(one), now: at(0), jitter: 0)
        let make = reconciler.on(report(two), now: at(0), jitter: 0)
        #expect(make.map(\.verb) == [.subscribe])
        _ = reconciler.on(.wanted(try state(nil)), now: at(1), jitter: 0)
        #expect(!reconciler.isSettled && reconciler.pending.map(\.verb) == [.subscribe])
        _ = reconciler.on(.succeeded(make[0]), now: at(2), jitter: 0)
        #expect(reconciler.isSettled && reconciler.pending.isEmpty)
    }

    @Test func anAnswerDelaysOnlyTheSameCommand() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(one)), now: at(0), jitter: 0)
        let make = reconciler.on(report(one), now: at(0), jitter: 0)
        _ = reconciler.on(.succeeded(make[0]), now: at(0), jitter: 0)
        let more = reconciler.on(.wanted(try state(one, [.oneMinute, .oneHour])), now: at(0.1), jitter: 0)
        #expect(more.map(\.timeframes) == [[.oneMinute, .oneHour]])
    }

    @Test func aCommandThatWasNotSentIsGivenAgainAtOnce() throws {
        var reconciler = Reconciler()
        _ = reconciler.on(.wanted(try state(one)), now: at(0), jitter: 0)
        let make = reconciler.on(report(one), now: at(0), jitter: 0)
        #expect(reconciler.on(.withdrawn(make[0]), now: at(0), jitter: 0) == make)
    }

    /// Workers that fail, forget, answer late and fall silent, while placements change: once that ends, all is as wanted.
    @Test(arguments: 0..<UInt64(40 * Bench.torture)) func everyHistoryEndsAsWanted(seed: UInt64) throws {
        var history = ReconcilerHistory(seed: seed)
        try history.run()
    }

    /// The same with workers that name epochs, and a storage that goes back to what it was, again and again.
    @Test(arguments: 0..<UInt64(40 * Bench.torture)) func noEpochHasTwoOwnersThoughWritesAreLost(seed: UInt64) throws {
        var history = ReconcilerHistory(seed: seed, losesWrites: true)
        try history.run()
    }
}

extension Reconciler {
    mutating func on(_ event: Event, now: Instant, jitter: Double) -> [Command] {
        note(event, now: now, jitter: jitter)
        return commands(now: now)
    }
}

extension Reconciler.Event {
    /// A report that was asked for after everything that happened.
    static func fresh(_ report: WorkerReport) -> Self {
        .reported(report, asked: .now + .seconds(1_000_000))
    }
}
