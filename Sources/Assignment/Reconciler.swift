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
        /// What is wanted from here on.
        case wanted(AssignmentState)
        /// When the worker was asked for it: what it did after that does not show in it.
        case reported(WorkerReport, asked: Instant)
        /// A worker did not say what it does.
        case silent(WorkerName)
        /// Nobody asks this worker any more, or another process has its name now: nothing is known of it.
        case forgotten(WorkerName)
        case succeeded(Command)
        case failed(Command, error: String)
        /// A command was not sent.
        case withdrawn(Command)
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

    private struct Trial {
        var command: Command
        var attempts = 0
        var notBefore: Instant
        var error: String?
    }

    /// An `unsubscribe` that the newest report does not show, sent or answered.
    private enum Doubt {
        case underWay
        case answered(Instant)
    }

    /// What is known of one worker, from its first report until it is forgotten.
    private struct View {
        /// The newest one, also after the worker fell silent.
        var report: WorkerReport?
        var isSilent = true
        var trials: [Symbol: Trial] = [:]
        var underWay: [Symbol: Command] = [:]
        var doubts: [Symbol: Doubt] = [:]
        /// What it should be told by its report, also where it was told already; `nil`: to be worked out.
        var needs: [Command]?

        /// What it says it does.
        var answer: WorkerReport? { isSilent ? nil : report }
    }

    private let limits: Limits
    private var wanted: [Symbol: Placement] = [:]
    private var wantedByWorker: [WorkerName: [Symbol]] = [:]
    private var workers: [WorkerName: Worker] = [:]
    private var views: [WorkerName: View] = [:]

    package init(_ limits: Limits = .standard) { self.limits = limits }

    /// Only notes what happened: `commands` says what follows from it.
    ///
    /// - Parameter jitter: a random number, 0 ..< 1; spreads the waits after failures.
    package mutating func note(_ event: Event, now: Instant, jitter: Double) {
        switch event {
        case .wanted(let state): want(state)
        case .reported(let report, let asked): take(report, asked: asked)
        case .silent(let worker):
            guard views[worker]?.isSilent == false else { return }
            views[worker]?.isSilent = true
            reconsider(servers(of: Set(wantedByWorker[worker] ?? [])))
        case .forgotten(let worker):
            views[worker] = nil
            reconsider(servers(of: Set(wantedByWorker[worker] ?? [])))
        case .succeeded(let command): finish(command, error: nil, now: now, jitter: jitter)
        case .failed(let command, let error): finish(command, error: error, now: now, jitter: jitter)
        case .withdrawn(let command): withdraw(command, now: now)
        }
    }

    /// What to send now, each answered later by `succeeded`, `failed` or `withdrawn`.
    package mutating func commands(now: Instant) -> [Command] {
        workOut()
        var commands: [Command] = []
        for worker in views.keys.sorted() {
            guard let view = views[worker], view.answer != nil, let needs = view.needs, !needs.isEmpty else { continue }
            var free = limits.commandsAWorker - view.underWay.count
            for command in needs where free > 0 {
                guard view.underWay[command.symbol] == nil, Self.isDue(command, view.trials[command.symbol], now)
                else { continue }
                // Its report is older than what it let go last.
                if command.verb == .unsubscribe, owns(command), view.doubts[command.symbol] != nil { continue }
                views[worker]?.underWay[command.symbol] = command
                if command.verb == .unsubscribe { views[worker]?.doubts[command.symbol] = .underWay }
                commands.append(command)
                free -= 1
            }
        }
        // Whoever was told to let something go is no owner to others until it reports again.
        reconsider(servers(of: Set(commands.filter { $0.verb == .unsubscribe && owns($0) }.map(\.symbol))))
        return commands
    }

    /// Whether every worker that is not gone reports just what is wanted of it, and nothing else is under way: no epoch
    /// above what is wanted either.
    package var isSettled: Bool {
        let asked = workers.values.filter { $0.state != .gone }.map(\.name) + wantedByWorker.keys
        return asked.allSatisfy { views[$0]?.answer != nil }
            && views.allSatisfy { worker, view in
                view.underWay.isEmpty && !(view.answer?.epochs.contains { isAhead($0.value, for: $0.key) } ?? false)
                    && !view.doubts.keys.contains { wanted[$0]?.worker == worker }
                    && (view.answer != nil ? needs(of: worker).isEmpty : releases(of: worker).isEmpty)
            }
    }

    /// All that is not as wanted, in the order of workers and symbols.
    package var pending: [Pending] {
        Set(views.keys).union(wantedByWorker.keys).sorted().flatMap { worker -> [Pending] in
            guard let view = views[worker], view.answer != nil else {
                let lacking = (wantedByWorker[worker] ?? []).map { ($0, Verb.subscribe) }
                return (lacking + releases(of: worker).map { ($0.symbol, $0.verb) }).map { symbol, verb in
                    pending(verb, worker, symbol, otherwise: "the worker does not answer")
                }
            }
            let needs = needs(of: worker)
            let known = Set(needs.map(\.symbol))
            // What is not wanted any more and may be done all the same.
            let late = view.underWay.values.filter { !known.contains($0.symbol) }
                .sorted { Symbol.isOrdered($0.symbol, $1.symbol) }
            return (needs + late).map { pending($0.verb, worker, $0.symbol, otherwise: nil) }
        }
    }

    /// The highest epoch that any worker reports for each symbol.
    package var reportedEpochs: [Symbol: Epoch] {
        views.values.reduce(into: [:]) { highest, view in
            highest.merge(view.report?.epochs ?? [:], uniquingKeysWith: max)
        }
    }

    /// Whether the worker was told to let something go after its newest report was asked for: the next one is news, even
    /// when it says the same.
    package func awaitsReport(of worker: WorkerName) -> Bool { !(views[worker]?.doubts.isEmpty ?? true) }

    private func pending(_ verb: Verb, _ worker: WorkerName, _ symbol: Symbol, otherwise: String?) -> Pending {
        let trial = views[worker]?.trials[symbol].flatMap { $0.command.verb == verb ? $0 : nil }
        return Pending(
            symbol: symbol, worker: worker, verb: verb, attempts: trial?.attempts ?? 0,
            error: trial?.error ?? otherwise)
    }
}

/// What happened.
extension Reconciler {
    private mutating func want(_ state: AssignmentState) {
        wanted = state.placements
        workers = state.workers
        wantedByWorker = Dictionary(grouping: wanted.keys) { wanted[$0]?.worker }.reduce(into: [:]) { lists, entry in
            if let worker = entry.key { lists[worker] = entry.value.sorted(by: Symbol.isOrdered) }
        }
        reconsider(Array(views.keys))
    }

    private mutating func take(_ report: WorkerReport, asked: Instant) {
        let worker = report.worker
        var view = views[worker] ?? View()
        let before = view.answer
        let cleared = view.doubts.filter { if case .answered(let at) = $0.value { at <= asked } else { false } }
        for symbol in cleared.keys { view.doubts[symbol] = nil }
        view.report = report
        view.isSilent = false
        if before != report { view.needs = nil }
        views[worker] = view
        // What an owner said before is nothing new to the others.
        let news = (wantedByWorker[worker] ?? []).filter { symbol in
            cleared[symbol] != nil || before == nil || before?.subscriptions[symbol] != report.subscriptions[symbol]
                || before?.epochs[symbol] != report.epochs[symbol]
        }
        reconsider(servers(of: Set(news)))
    }

    private mutating func finish(_ command: Command, error: String?, now: Instant, jitter: Double) {
        guard views[command.worker]?.underWay[command.symbol] == command else { return }
        withdraw(command, now: now)
        let before = views[command.worker]?.trials[command.symbol]
        let attempts = before?.command.verb == command.verb ? before?.attempts ?? 0 : 0
        var trial = Trial(command: command, notBefore: now + limits.settling)
        if let error {
            trial.attempts = attempts + 1
            trial.error = error
            trial.notBefore = now + wait(afterFailures: trial.attempts, jitter: jitter)
        }
        views[command.worker]?.trials[command.symbol] = trial
    }

    /// A failure may be an answer that was lost: it too is believed only when it shows.
    private mutating func withdraw(_ command: Command, now: Instant) {
        guard views[command.worker]?.underWay[command.symbol] == command else { return }
        views[command.worker]?.underWay[command.symbol] = nil
        if command.verb == .unsubscribe { views[command.worker]?.doubts[command.symbol] = .answered(now) }
    }

    /// Half of a limit that doubles, and a random part of the other half.
    private func wait(afterFailures count: Int, jitter: Double) -> Duration {
        let doublings = min(count - 1, 16)
        let limit = min(limits.firstWait * (1 << doublings), limits.longestWait)
        return limit / 2 + limit / 2 * min(max(jitter, 0), 1)
    }

    /// After a failure the verb waits, after an answer only the very same command.
    private static func isDue(_ command: Command, _ trial: Trial?, _ now: Instant) -> Bool {
        guard let trial, now < trial.notBefore else { return true }
        return trial.error == nil ? trial.command != command : trial.command.verb != command.verb
    }

    private func owns(_ command: Command) -> Bool { wanted[command.symbol]?.worker == command.worker }

    /// Who reports any of these.
    private func servers(of symbols: Set<Symbol>) -> [WorkerName] {
        guard !symbols.isEmpty else { return [] }
        return views.filter { $0.value.report?.subscriptions.keys.contains(where: symbols.contains) ?? false }.map(
            \.key)
    }

    private mutating func reconsider(_ names: [WorkerName]) {
        for name in names { views[name]?.needs = nil }
    }
}

/// What follows from it.
extension Reconciler {
    /// Works out what changed since the last time, so that all that is asked next is quick. `commands` does it too.
    package mutating func workOut() {
        for (worker, view) in views where view.needs == nil && view.answer != nil {
            let needs = needs(of: worker)
            // What is as it should be has no failures.
            let open = Set(needs.map(\.symbol))
            views[worker]?.trials = view.trials.filter { open.contains($0.key) }
            views[worker]?.needs = needs
        }
    }

    /// What a worker that answers should be told: first what it lacks, then what it may let go.
    private func needs(of worker: WorkerName) -> [Command] {
        guard let report = views[worker]?.answer else { return [] }
        if let known = views[worker]?.needs { return known }
        let lacking = (wantedByWorker[worker] ?? []).compactMap { symbol -> Command? in
            guard let placement = wanted[symbol] else { return nil }
            var told = placement.timeframes.filter { report.subscriptions[symbol]?.contains($0) != true }
            // Whoever serves it under an epoch of the past is no owner to others.
            if told.isEmpty, report.isBehind(placement.epoch, for: symbol) { told = placement.timeframes }
            return told.isEmpty
                ? nil
                : Command(verb: .subscribe, worker: worker, symbol: symbol, timeframes: told, epoch: placement.epoch)
        }
        return lacking + releases(of: worker)
    }

    /// What a worker may let go by its newest report. Of one that is gone nobody knows what it does.
    private func releases(of worker: WorkerName) -> [Command] {
        guard let view = views[worker], let report = view.report else { return [] }
        guard !view.isSilent || workers[worker].map({ $0.state != .gone }) ?? true else { return [] }
        return report.subscriptions.keys.sorted(by: Symbol.isOrdered).compactMap { symbol in
            // What is stored is older than what it does: until epochs were raised above its own nobody knows who owns it.
            if let epoch = report.epochs[symbol], isAhead(epoch, for: symbol) { return nil }
            return release(of: symbol, by: worker, report.subscriptions[symbol] ?? [])
        }
    }

    /// By a word that `AssignmentState.raiseEpochs` believes: nothing waits for what is never raised.
    private func isAhead(_ epoch: Epoch, for symbol: Symbol) -> Bool {
        epoch.number <= Epoch.reportLimit && wanted[symbol].map { $0.epoch < epoch } ?? false
    }

    /// What a worker serves beyond what is wanted of it, once its owner serves it.
    private func release(of symbol: Symbol, by worker: WorkerName, _ served: Set<Timeframe>) -> Command? {
        guard let placement = wanted[symbol] else {
            return Command(
                verb: .unsubscribe, worker: worker, symbol: symbol, timeframes: Placement.canonical(Array(served)),
                epoch: .none)
        }
        // A report from before it was told to let the symbol go tells nothing of what it serves now.
        guard let view = views[placement.worker], let owner = view.answer,
            placement.worker == worker || view.doubts[symbol] == nil, !owner.isBehind(placement.epoch, for: symbol),
            let ready = owner.subscriptions[symbol],
            placement.timeframes.allSatisfy(ready.contains), !isOneProcess(worker, placement.worker)
        else { return nil }
        let surplus = placement.worker == worker ? served.subtracting(placement.timeframes) : served
        guard !surplus.isEmpty else { return nil }
        return Command(
            verb: .unsubscribe, worker: worker, symbol: symbol, timeframes: Placement.canonical(Array(surplus)),
            epoch: placement.epoch)
    }

    /// Two names for one address: what one lets go the other serves no more.
    private func isOneProcess(_ worker: WorkerName, _ owner: WorkerName) -> Bool {
        worker != owner && workers[owner].map { $0.address == workers[worker]?.address } ?? false
    }
}
