package import MarketData

/// Compares what is wanted with what each worker reports, and says what to tell whom.
///
/// Make before break: the old worker is told to let a symbol go only after its new worker *reports* all timeframes that are
/// wanted; an answer alone is not enough, since a worker may answer before it has subscribed. Until then both serve it,
/// which costs duplicates and never a gap. A worker that does not answer keeps the symbol from being taken from anyone else.
/// What fails is tried again for ever, later each time; nothing is forgotten, since each decision is made anew from the
/// newest report.
package struct Reconciler: Sendable {
    package typealias Instant = ContinuousClock.Instant

    package enum Verb: String, Sendable {
        case subscribe
        case unsubscribe
    }

    package struct Command: Hashable, Sendable {
        package let verb: Verb
        package let worker: WorkerName
        package let symbol: Symbol
        package let timeframes: [Timeframe]
        /// The owner's; for `unsubscribe` the epoch of whoever serves the symbol now, `none` when nobody shall.
        package let epoch: Epoch
    }

    package enum Event: Sendable {
        case tick
        /// What is wanted from here on.
        case wanted(AssignmentState)
        case reported(WorkerReport)
        /// A worker did not say what it does.
        case silent(WorkerName)
        case succeeded(Command)
        case failed(Command, error: String)
    }

    package struct Limits: Sendable {
        /// Commands on their way to one worker at once.
        package let commandsAWorker: Int
        /// The first wait after a failure; doubled with each, up to `longestWait`.
        package let firstWait: Duration
        package let longestWait: Duration
        /// How long a command that was answered may take to show in a report before it is given again.
        package let settling: Duration

        package static let standard = Limits(
            commandsAWorker: 8, firstWait: .milliseconds(500), longestWait: .seconds(30), settling: .seconds(5))
    }

    /// What one worker could not be told yet.
    package struct Pending: Equatable, Sendable {
        package let symbol: Symbol
        package let worker: WorkerName
        package let verb: Verb
        package let attempts: Int
        /// `nil` while nothing failed.
        package let error: String?

        package init(symbol: Symbol, worker: WorkerName, verb: Verb, attempts: Int, error: String?) {
            self.symbol = symbol
            self.worker = worker
            self.verb = verb
            self.attempts = attempts
            self.error = error
        }
    }

    private struct Place: Hashable {
        let worker: WorkerName
        let symbol: Symbol
    }

    private struct Trial {
        var verb: Verb
        var attempts = 0
        var notBefore: Instant
        var error: String?
    }

    private let limits: Limits
    private var wanted: [Symbol: Placement] = [:]
    private var wantedByWorker: [WorkerName: [Symbol]] = [:]
    /// The newest report of each worker that answers.
    private var reports: [WorkerName: WorkerReport] = [:]
    private var trials: [Place: Trial] = [:]
    private var underWay: [Place: Command] = [:]

    package init(_ limits: Limits = .standard) { self.limits = limits }

    /// - Parameter jitter: a random number, 0 ..< 1; spreads the waits after failures.
    /// - Returns: what to send now, each answered later by `succeeded` or `failed`.
    package mutating func on(_ event: Event, now: Instant, jitter: Double) -> [Command] {
        switch event {
        case .tick: break
        case .wanted(let state):
            wanted = state.placements
            wantedByWorker = Dictionary(grouping: wanted.keys) { wanted[$0]?.worker }.reduce(into: [:]) {
                lists, entry in
                if let worker = entry.key { lists[worker] = entry.value.sorted(by: Symbol.isOrdered) }
            }
        case .reported(let report):
            let isNews = reports.updateValue(report, forKey: report.worker) != report
            // What it said before is nothing new to the others.
            if !isNews { return commands(to: [report.worker], now: now) }
        case .silent(let worker): reports[worker] = nil
        case .succeeded(let command):
            note(command, error: nil, now: now, jitter: jitter)
            return commands(to: [command.worker], now: now)
        case .failed(let command, let error):
            note(command, error: error, now: now, jitter: jitter)
            return commands(to: [command.worker], now: now)
        }
        return commands(to: reports.keys.sorted(), now: now)
    }

    /// Whether every worker that something is wanted of reports just that, and no worker reports anything else.
    package var isSettled: Bool {
        reports.keys.allSatisfy { needs(of: $0).isEmpty } && wantedByWorker.keys.allSatisfy { reports[$0] != nil }
    }

    /// All that is not as wanted, in the order of workers and symbols.
    package var pending: [Pending] {
        let workers = Set(reports.keys).union(wantedByWorker.keys).sorted()
        return workers.flatMap { worker -> [Pending] in
            guard reports[worker] != nil else {
                return (wantedByWorker[worker] ?? []).map {
                    pending(.subscribe, Place(worker: worker, symbol: $0), otherwise: "the worker does not answer")
                }
            }
            return needs(of: worker).map {
                pending($0.verb, Place(worker: worker, symbol: $0.symbol), otherwise: nil)
            }
        }
    }

    /// The highest epoch that any worker reports for each symbol.
    package var reportedEpochs: [Symbol: Epoch] {
        reports.values.reduce(into: [:]) { highest, report in highest.merge(report.epochs, uniquingKeysWith: max) }
    }

    private func pending(_ verb: Verb, _ place: Place, otherwise: String?) -> Pending {
        let trial = trials[place].flatMap { $0.verb == verb ? $0 : nil }
        return Pending(
            symbol: place.symbol, worker: place.worker, verb: verb, attempts: trial?.attempts ?? 0,
            error: trial?.error ?? otherwise)
    }

    private mutating func note(_ command: Command, error: String?, now: Instant, jitter: Double) {
        let place = Place(worker: command.worker, symbol: command.symbol)
        guard underWay.removeValue(forKey: place) != nil else { return }
        var trial = trials[place] ?? Trial(verb: command.verb, notBefore: now)
        if trial.verb != command.verb { trial = Trial(verb: command.verb, notBefore: now) }
        if let error {
            trial.attempts += 1
            trial.error = error
            trial.notBefore = now + wait(afterFailures: trial.attempts, jitter: jitter)
        } else {
            trial.attempts = 0
            trial.error = nil
            trial.notBefore = now + limits.settling
        }
        trials[place] = trial
    }

    /// Half of a limit that doubles, and a random part of the other half.
    private func wait(afterFailures count: Int, jitter: Double) -> Duration {
        let doublings = min(count - 1, 16)
        let limit = min(limits.firstWait * (1 << doublings), limits.longestWait)
        return limit / 2 + limit / 2 * min(max(jitter, 0), 1)
    }

    private mutating func commands(to workers: [WorkerName], now: Instant) -> [Command] {
        var commands: [Command] = []
        for worker in workers where reports[worker] != nil {
            let needs = needs(of: worker)
            forgetTrials(at: worker, except: needs)
            var free = limits.commandsAWorker - underWay.keys.count { $0.worker == worker }
            for command in needs where free > 0 {
                let place = Place(worker: worker, symbol: command.symbol)
                guard underWay[place] == nil else { continue }
                if let trial = trials[place], trial.verb == command.verb, now < trial.notBefore { continue }
                underWay[place] = command
                commands.append(command)
                free -= 1
            }
        }
        return commands
    }

    /// What is as it should be has no failures.
    private mutating func forgetTrials(at worker: WorkerName, except needs: [Command]) {
        let open = Set(needs.map(\.symbol))
        trials = trials.filter { $0.key.worker != worker || open.contains($0.key.symbol) }
    }

    /// What a worker that answers should be told: first what it lacks, then what it may let go.
    private func needs(of worker: WorkerName) -> [Command] {
        guard let report = reports[worker] else { return [] }
        let lacking = (wantedByWorker[worker] ?? []).compactMap { symbol -> Command? in
            guard let placement = wanted[symbol] else { return nil }
            var told = placement.timeframes.filter { report.subscriptions[symbol]?.contains($0) != true }
            // Whoever serves it under an epoch of the past is no owner to others.
            if told.isEmpty, report.isBehind(placement.epoch, for: symbol) { told = placement.timeframes }
            return told.isEmpty
                ? nil
                : Command(verb: .subscribe, worker: worker, symbol: symbol, timeframes: told, epoch: placement.epoch)
        }
        let surplus = report.subscriptions.keys.sorted(by: Symbol.isOrdered).compactMap { symbol in
            release(of: symbol, by: worker, report.subscriptions[symbol] ?? [])
        }
        return lacking + surplus
    }

    /// What a worker serves beyond what is wanted of it, once its owner serves it.
    private func release(of symbol: Symbol, by worker: WorkerName, _ served: Set<Timeframe>) -> Command? {
        guard let placement = wanted[symbol] else {
            return Command(
                verb: .unsubscribe, worker: worker, symbol: symbol, timeframes: Placement.canonical(Array(served)),
                epoch: .none)
        }
        guard let owner = reports[placement.worker], !owner.isBehind(placement.epoch, for: symbol),
            let ready = owner.subscriptions[symbol], placement.timeframes.allSatisfy(ready.contains)
        else { return nil }
        let surplus = placement.worker == worker ? served.subtracting(placement.timeframes) : served
        guard !surplus.isEmpty else { return nil }
        return Command(
            verb: .unsubscribe, worker: worker, symbol: symbol, timeframes: Placement.canonical(Array(surplus)),
            epoch: placement.epoch)
    }
}
