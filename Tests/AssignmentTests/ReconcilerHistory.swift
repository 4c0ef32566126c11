import Assignment
import MarketData
import TestRigs
import Testing

/// Three simulated workers and a reconciler that talks to them.
struct ReconcilerHistory {
    private let seed: UInt64
    private var random: SeededRandom
    private var reconciler = Reconciler()
    private var state = Bench.workers(3)
    private var served: [WorkerName: [Symbol: Set<Timeframe>]] = [:]
    private var underWay: [Reconciler.Command] = []
    /// Reports on their way: when they were asked for, and what was true then.
    private var answers: [(report: WorkerReport, asked: ContinuousClock.Instant)] = []
    /// Symbols are only moved: then whatever was once served is served at every moment.
    private let isGentle: Bool
    /// What was served before the newest command.
    private var kept: [Symbol: Set<Timeframe>] = [:]
    private var now = ContinuousClock.now
    private let symbols = Array(Bench.contracts.prefix(5))
    /// Workers refuse what is older than what they know, and the storage loses acknowledged writes.
    private let losesWrites: Bool
    private var epochs: [WorkerName: [Symbol: Epoch]] = [:]
    /// Who was told each epoch, and took it.
    private var owners: [Symbol: [Epoch: WorkerName]] = [:]
    /// What the storage may go back to.
    private var copy: AssignmentState?

    init(seed: UInt64, losesWrites: Bool = false) {
        self.seed = seed
        self.losesWrites = losesWrites
        random = SeededRandom(seed: seed)
        isGentle = seed.isMultiple(of: 2) && !losesWrites
    }

    mutating func run() throws {
        for _ in 0..<150 {
            now += .milliseconds(Int.random(in: 50...1_500, using: &random))
            try disturb()
            step(troubled: true)
        }
        send(.wanted(state))
        for _ in 0..<200 {
            now += .milliseconds(500)
            if losesWrites { recover() }
            step(troubled: false)
        }
        #expect(reconciler.isSettled && reconciler.pending.isEmpty, "seed \(seed)")
        let wanted = state.placements.mapValues { [$0.worker: Set($0.timeframes)] }
        for worker in state.registered.map(\.name) {
            #expect((served[worker] ?? [:]) == wanted.compactMapValues { $0[worker] }, "seed \(seed)")
        }
    }

    /// Comes back as it was, with a floor above all that was handed out since, as a new incarnation has.
    private mutating func loseWrites() {
        guard let old = copy else {
            copy = state
            return
        }
        copy = nil
        let floor = Epoch(reported: state.epochFloor.number + 1_000)!
        state = AssignmentState(
            version: old.version, placements: old.placements, workers: old.registered, epochFloor: floor)
    }

    /// As the controller does when it can.
    private mutating func recover() {
        if !state.raiseEpochs(above: reconciler.reportedEpochs).isEmpty { send(.wanted(state)) }
    }

    private mutating func disturb() throws {
        if losesWrites {
            if Int.random(in: 0..<10, using: &random) == 0 { loseWrites() }
            if Int.random(in: 0..<10, using: &random) == 0 { recover() }
        }
        switch Int.random(in: isGentle ? 2..<12 : 0..<12, using: &random) {
        case 0:
            let worker = Bench.name(Int.random(in: 1...3, using: &random))
            (served[worker], epochs[worker]) = (nil, nil)
        case 1: state.remove([symbols.randomElement(using: &random)!])
        case 2, 3:
            let worker = Bench.name(Int.random(in: 1...3, using: &random))
            let timeframes =
                isGentle
                ? [.oneMinute, .oneHour] : Array(Timeframe.allCases.shuffled(using: &random).prefix(2))
            try state.dispatch([symbols.randomElement(using: &random)!], .worker(worker), timeframes: timeframes)
        default: return
        }
        send(.wanted(state))
    }

    private mutating func step(troubled: Bool) {
        for worker in state.registered.map(\.name) {
            if troubled, Int.random(in: 0..<6, using: &random) == 0 {
                send(.silent(worker))
            } else if !troubled || Bool.random(using: &random) {
                let report = WorkerReport(
                    worker: worker, subscriptions: served[worker] ?? [:], epochs: epochs[worker] ?? [:])
                answers.append((report, now))
            }
            // In their order, some a step later than they were asked for.
            guard let at = answers.firstIndex(where: { $0.report.worker == worker }) else { continue }
            if troubled, Bool.random(using: &random), answers[at].asked == now { continue }
            let answer = answers.remove(at: at)
            send(.reported(answer.report, asked: answer.asked))
        }
        for command in underWay.shuffled(using: &random) {
            if troubled, Int.random(in: 0..<3, using: &random) == 0 { continue }
            underWay.removeAll { $0 == command }
            if troubled, Int.random(in: 0..<4, using: &random) == 0 {
                // It may have been done all the same.
                if Bool.random(using: &random) { perform(command) }
                now += .milliseconds(1)
                send(.failed(command, error: "timed out"))
            } else {
                let isTaken = perform(command)
                now += .milliseconds(1)
                send(isTaken ? .succeeded(command) : .failed(command, error: "old epoch"))
            }
        }
    }

    /// Whether the worker took it.
    @discardableResult private mutating func perform(_ command: Reconciler.Command) -> Bool {
        let timeframes = Set(command.timeframes)
        if losesWrites {
            let (worker, symbol) = (command.worker, command.symbol)
            switch command.verb {
            case .subscribe:
                guard command.epoch >= epochs[worker]?[symbol] ?? .none else { return false }
                epochs[worker, default: [:]][symbol] = command.epoch
                let owner = owners[symbol, default: [:]][command.epoch] ?? worker
                owners[symbol, default: [:]][command.epoch] = owner
                #expect(owner == worker, "seed \(seed): \(symbol) \(command.epoch.number)")
            case .unsubscribe:
                if served[worker]?[symbol].map({ $0.isSubset(of: timeframes) }) ?? true {
                    epochs[worker]?[symbol] = nil
                }
            }
        }
        switch command.verb {
        case .subscribe: served[command.worker, default: [:]][command.symbol, default: []].formUnion(timeframes)
        case .unsubscribe:
            served[command.worker]?[command.symbol]?.subtract(timeframes)
            if served[command.worker]?[command.symbol]?.isEmpty == true {
                served[command.worker]?[command.symbol] = nil
            }
        }
        if isGentle { look() }
        return true
    }

    private mutating func look() {
        for symbol in symbols {
            let now = served.values.reduce(into: Set<Timeframe>()) { $0.formUnion($1[symbol] ?? []) }
            #expect((kept[symbol] ?? []).isSubset(of: now), "seed \(seed): nobody serves \(symbol)")
            kept[symbol] = now
        }
    }

    private mutating func send(_ event: Reconciler.Event) {
        underWay += reconciler.on(event, now: now, jitter: Double.random(in: 0..<1, using: &random))
    }
}
