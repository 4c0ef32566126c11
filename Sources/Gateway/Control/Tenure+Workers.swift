import Assignment
import Curl
import MarketData
import Telemetry

/// Workers: their states, and what they are told.
extension Tenure {
    func take(_ message: Controller.Mail, now: Instant) {
        switch message {
        case .storageChanged: readsAt = now
        case .status(number, let worker, let result): takeStatus(of: worker, result, now: now)
        case .command(number, let command, let result): takeAnswer(to: command, result, now: now)
        // An earlier tenure's.
        case .status, .command: break
        }
    }

    private func takeStatus(of worker: WorkerName, _ result: Result<Answer, CallError>, now: Instant) {
        guard var contact = contacts[worker] else { return }
        contact.isAsked = false
        let (old, oldError) = (contact.status, contact.error)
        switch Self.status(of: worker, result) {
        case .success(let status):
            counts.statusAnswers += 1
            contact.status = status
            contact.error = nil
            contact.keepsLease = status.namesEpochs
            contact.owesLease = !status.namesEpochs
            contacts[worker] = contact
            if !status.namesEpochs { hear(worker, now: now) }
            let isNews = old != status
            isChanged = isChanged || isNews
            mayLackEpochs = mayLackEpochs || isNews
            due += reconciler.on(.reported(status.report), now: now, jitter: .random(in: 0..<1))
            if status.unknownChannels > 0, old?.unknownChannels != status.unknownChannels {
                Log.warning(
                    "Worker has channels that are no candles",
                    [
                        "worker": worker.text, "channels": "\(status.unknownChannels)",
                        "channel.first": status.unknownExample ?? "",
                    ], per: worker.text)
            }
        case .failure(let failure):
            counts.statusFailures += 1
            contact.status = nil
            contact.error = failure.words
            contacts[worker] = contact
            isChanged = isChanged || old != nil || oldError == nil
            due += reconciler.on(.silent(worker), now: now, jitter: .random(in: 0..<1))
            if old != nil {
                Log.warning("Worker is silent", ["worker": worker.text, "reason": failure.words], per: worker.text)
            }
        }
    }

    private struct Failure: Error { let words: String }

    private static func status(of worker: WorkerName, _ result: Result<Answer, CallError>) -> Result<
        WorkerStatus, Failure
    > {
        switch result {
        case .failure(let error): return .failure(Failure(words: error.description))
        case .success(let answer):
            do throws(WorkerAPIError) {
                return .success(try WorkerAPI.readStatus(answer, of: worker))
            } catch {
                return .failure(Failure(words: error.description))
            }
        }
    }

    private func takeAnswer(to command: Reconciler.Command, _ result: Result<Answer, CallError>, now: Instant) {
        isChanged = true
        var failure: String?
        switch result {
        case .failure(let error): failure = error.description
        case .success(let answer):
            do throws(WorkerAPIError) { try WorkerAPI.checkTaken(answer) } catch { failure = error.description }
        }
        if let failure {
            counts.commandsFailed += 1
            Log.warning(
                "Worker did not take a command",
                [
                    "worker": command.worker.text, "command": command.verb.rawValue, "symbol": command.symbol.name,
                    "reason": failure,
                ], per: command.worker.text)
            due += reconciler.on(.failed(command, error: failure), now: now, jitter: .random(in: 0..<1))
        } else {
            counts.commandsTaken += 1
            // What it did shows only in its state: the other side of a move waits for that.
            contacts[command.worker]?.asksAt = now
            due += reconciler.on(.succeeded(command), now: now, jitter: .random(in: 0..<1))
        }
    }

    func sendCommands(_ mayAct: () -> Bool) {
        while !due.isEmpty, mayAct() {
            let command = due.removeFirst()
            guard let worker = stored?.state.workers[command.worker], let contact = contacts[command.worker] else {
                due += reconciler.on(
                    .failed(command, error: "the worker is not registered"), now: .now, jitter: .random(in: 0..<1))
                continue
            }
            do throws(WorkerAPIError) {
                let request = try WorkerAPI.call(
                    for: command, at: worker.address, namesEpochs: contact.status?.namesEpochs ?? false)
                call(request) { [number] result in .command(tenure: number, command, result) }
            } catch {
                due += reconciler.on(
                    .failed(command, error: error.description), now: .now, jitter: .random(in: 0..<1))
            }
        }
    }

    func askWorkers(_ mayAct: () -> Bool) {
        for (name, contact) in contacts where !contact.isAsked && contact.asksAt <= .now {
            guard mayAct(), let worker = stored?.state.workers[name] else { return }
            contacts[name]?.asksAt = .now + settings.lease.interval
            do throws(WorkerAPIError) {
                let request = try WorkerAPI.status(at: worker.address)
                contacts[name]?.isAsked = true
                call(request) { [number] result in .status(tenure: number, name, result) }
            } catch {
                contacts[name]?.error = error.description
            }
        }
    }
}

/// Workers' leases: who was heard, and who is gone.
extension Tenure {
    /// Renewals of those that keep their own lease, or of whom that is not known yet.
    func lookAtLeases() throws(StorageError) {
        let workers = contacts.keys.filter { contacts[$0]?.keepsLease != false }.sorted()
        guard !workers.isEmpty else { return }
        let asked = ContinuousClock.now
        let remaining = try storage.leases(of: workers)
        let answered = ContinuousClock.now
        for worker in workers {
            let isRenewed = contacts[worker]?.look(remaining[worker], asked: asked, answered: answered) ?? false
            if isRenewed { hear(worker, now: answered) }
        }
    }

    /// Says in the storage who answered, for those that do not say so themselves.
    func writeLeases(_ mayAct: () -> Bool) throws(StorageError) {
        for worker in contacts.keys.filter({ contacts[$0]?.owesLease == true }).sorted() {
            guard mayAct() else { return }
            // False while a lease of its own is left from a time when it kept one: the next answer tries again.
            _ = try storage.acquire(
                .worker(worker), token: Self.heartbeatToken, for: settings.lease.duration)
            contacts[worker]?.owesLease = false
        }
    }

    func hear(_ worker: WorkerName, now: Instant) {
        contacts[worker]?.lastHeard = now
        gone.remove(worker)
        judge(watch.on(.heard(worker), now: now))
    }

    func judge(_ changes: [LeaseWatch.Change]) {
        for change in changes {
            switch change {
            case .gone(let worker): gone.insert(worker)
            case .returned(let worker): gone.remove(worker)
            }
        }
    }

    /// A new state of the storage: whom to watch, and what is wanted of whom.
    func adopt(_ new: StoredState) {
        guard stored?.tag != new.tag || stored?.recovery != new.recovery else { return }
        let old = stored?.state
        let now = ContinuousClock.now
        for (name, worker) in new.state.workers {
            if contacts[name] == nil { contacts[name] = Contact(asksAt: now) }
            let before = old?.workers[name]
            // Whoever is registered has a lease's time to be heard, also when that happened anew.
            let isNew = before == nil || before?.address != worker.address || before?.state == .gone
            if isNew, worker.state != .gone {
                gone.remove(name)
                judge(watch.on(.heard(name), now: now))
            }
            if old == nil, worker.state == .gone { gone.insert(name) }
        }
        for name in contacts.keys where new.state.workers[name] == nil {
            contacts[name] = nil
            gone.remove(name)
            judge(watch.on(.removed(name), now: now))
            due += reconciler.on(.silent(name), now: now, jitter: .random(in: 0..<1))
        }
        if let old, Self.takers(old) != Self.takers(new.state) { levelsAt = now + settings.lease.duration }
        stored = new
        isChanged = true
        mayLackEpochs = true
        due += reconciler.on(.wanted(new.state), now: now, jitter: .random(in: 0..<1))
    }

    /// Those that take symbols.
    private static func takers(_ state: AssignmentState) -> Set<WorkerName> {
        Set(state.workers.values.filter { $0.state == .active }.map(\.name))
    }
}
