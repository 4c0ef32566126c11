import Assignment
import Curl
import MarketData
import Telemetry

/// Workers: their states, and what they are told.
extension Tenure {
    func take(_ message: Controller.Mail, now: Instant) {
        switch message {
        case .storageChanged: readsAt = now
        case .status(number, let contact, let worker, let result):
            guard contacts[worker]?.number == contact else { return }
            takeStatus(of: worker, result, now: now)
        case .command(number, let contact, let command, let result):
            guard contacts[command.worker]?.number == contact else { return }
            takeAnswer(to: command, result, now: now)
        // An earlier tenure's, or of a worker that was removed or moved meanwhile.
        case .status, .command: break
        }
    }

    private func takeStatus(of worker: WorkerName, _ result: Result<Answer, CallError>, now: Instant) {
        guard var contact = contacts[worker] else { return }
        contact.isAsked = false
        // What was not sent says nothing about the worker, which is asked again as soon as others have answered.
        if case .failure(let error) = result, error.isOurs {
            contact.asksAt = now + settings.lease.interval / 10
            contacts[worker] = contact
            return
        }
        let (old, oldError) = (contact.status, contact.error)
        switch Self.status(of: worker, result) {
        case .success(let status):
            counts.statusAnswers += 1
            contact.status = status
            contact.error = nil
            contact.keepsLease = status.namesEpochs
            contacts[worker] = contact
            if !status.namesEpochs || contact.isLeaving {
                hear(worker, now: now)
            } else if suspects.remove(worker) != nil {
                // It keeps a lease, and did not renew it.
                gone.insert(worker)
            }
            let isNews = old != status
            isChanged = isChanged || isNews || reconciler.awaitsReport(of: worker)
            mayLackEpochs = mayLackEpochs || isNews
            note(.reported(status.report, asked: contact.askedAt))
            if isNews { warn(of: status, from: worker, old) }
        case .failure(let failure):
            counts.statusFailures += 1
            contact.status = nil
            contact.error = failure.words
            contact.hasFailed = contact.hasFailed || !failure.isAnswer
            contacts[worker] = contact
            if failure.isAnswer, contact.keepsLease == false { hear(worker, now: now) }
            if contact.hasFailed, suspects.remove(worker) != nil { gone.insert(worker) }
            isChanged = isChanged || old != nil || oldError == nil
            note(.silent(worker))
            if old != nil {
                Log.warning("Worker is silent", ["worker": worker.text, "reason": failure.words], per: worker.text)
            }
        }
    }

    func note(_ event: Reconciler.Event) { reconciler.note(event, now: .now, jitter: .random(in: 0..<1)) }

    private func warn(of status: WorkerStatus, from worker: WorkerName, _ old: WorkerStatus?) {
        if status.unknownChannels > 0, old?.unknownChannels != status.unknownChannels {
            Log.warning(
                "Worker has channels that are no candles",
                [
                    "worker": worker.text, "channels": "\(status.unknownChannels)",
                    "channel.first": status.unknownExample ?? "",
                ], per: worker.text)
        }
        if status.unknownEpochs > 0, old?.unknownEpochs != status.unknownEpochs {
            Log.warning(
                "Worker names epochs that can't be ours",
                [
                    "worker": worker.text, "epochs": "\(status.unknownEpochs)",
                    "epoch.first": status.unknownEpoch ?? "",
                ], per: worker.text)
        }
    }

    private struct Failure: Error {
        let words: String
        /// The process is there, whatever it said.
        var isAnswer = false
    }

    private static func status(of worker: WorkerName, _ result: Result<Answer, CallError>) -> Result<
        WorkerStatus, Failure
    > {
        switch result {
        case .failure(let error):
            var failure = Failure(words: error.description)
            if case .tooLarge = error { failure.isAnswer = true }
            return .failure(failure)
        case .success(let answer):
            do throws(WorkerAPIError) {
                return .success(try WorkerAPI.readStatus(answer, of: worker))
            } catch {
                // One that says that it was stopped serves nothing.
                return .failure(
                    Failure(words: error.description, isAnswer: answer.status == 200 && error != .notRunning))
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
            note(.failed(command, error: failure))
        } else {
            counts.commandsTaken += 1
            // What it did shows only in its state: the other side of a move waits for that.
            contacts[command.worker]?.asksAt = now
            note(.succeeded(command))
        }
    }

    func send(_ commands: [Reconciler.Command], _ mayAct: () -> Bool) {
        for command in commands {
            guard mayAct() else {
                note(.withdrawn(command))
                continue
            }
            guard let contact = contacts[command.worker] else {
                note(.failed(command, error: "the worker is not registered"))
                continue
            }
            do throws(WorkerAPIError) {
                var request = try WorkerAPI.call(
                    for: command, at: contact.address, namesEpochs: contact.status?.namesEpochs ?? false)
                // A process that stood still between here and there must not command what another controller forbade.
                request.notAfter = actsUntil
                call(request) { [number] result in .command(tenure: number, contact: contact.number, command, result) }
            } catch {
                note(.failed(command, error: error.description))
            }
        }
    }

    func askWorkers(_ mayAct: () -> Bool) {
        for (name, contact) in contacts where !contact.isAsked && contact.asksAt <= .now {
            guard mayAct() else { return }
            contacts[name]?.asksAt = .now + settings.lease.interval
            do throws(WorkerAPIError) {
                let request = try WorkerAPI.status(at: contact.address)
                contacts[name]?.isAsked = true
                contacts[name]?.askedAt = .now
                call(request) { [number] result in .status(tenure: number, contact: contact.number, name, result) }
            } catch {
                contacts[name]?.error = error.description
                contacts[name]?.hasFailed = true
                if suspects.remove(name) != nil { gone.insert(name) }
            }
        }
    }
}

/// Workers' leases: who was heard, and who is gone.
extension Tenure {
    /// Renewals of those that keep their own lease, or of whom that is not known yet.
    func lookAtLeases() throws(StorageError) {
        let workers = contacts.filter { $0.value.keepsLease != false && !$0.value.isLeaving }.keys.sorted()
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
    func writeLeases() throws(StorageError) {
        let workers = contacts.filter { $0.value.owesLease }.keys.sorted()
        guard !workers.isEmpty else { return }
        // Not while a lease of its own is left from a time when a worker kept one: its next answer tries again.
        try storage.keepLeases(of: workers, token: Self.heartbeatToken, for: settings.lease.duration)
        for worker in workers { contacts[worker]?.owesLease = false }
    }

    func hear(_ worker: WorkerName, now: Instant) {
        contacts[worker]?.lastHeard = now
        contacts[worker]?.hasFailed = false
        guard let contact = contacts[worker], !contact.isLeaving else { return }
        contacts[worker]?.owesLease = contact.keepsLease == false
        gone.remove(worker)
        suspects.remove(worker)
        judge(watch.on(.heard(worker), now: now))
    }

    /// Who keeps no lease is asked by this thread, whose own slowness must not count as theirs: a question has to fail.
    func judge(_ changes: [LeaseWatch.Change]) {
        for change in changes {
            switch change {
            case .gone(let worker):
                if let contact = contacts[worker], contact.keepsLease != true, !contact.hasFailed {
                    suspects.insert(worker)
                } else {
                    gone.insert(worker)
                }
            case .returned(let worker):
                gone.remove(worker)
                suspects.remove(worker)
            }
        }
    }

    /// A new state of the storage: whom to watch, and what is wanted of whom.
    func adopt(_ new: StoredState) {
        guard stored?.tag != new.tag || stored?.recovery != new.recovery else { return }
        let old = stored?.state
        let now = ContinuousClock.now
        forgetWhoIsNotRegistered(in: new.state, now: now)
        for (name, worker) in new.state.workers {
            let isKnown = contacts[name] != nil
            if !isKnown { contacts[name] = contact(at: worker.address, now: now) }
            let before = old?.workers[name]
            // Whoever is registered has a lease's time to be heard, also when that happened anew.
            if !isKnown || before?.state == .gone, worker.state != .gone {
                gone.remove(name)
                suspects.remove(name)
                judge(watch.on(.heard(name), now: now))
            }
            if old == nil, worker.state == .gone { gone.insert(name) }
        }
        // Nobody knows what the controller before had still to level.
        if old.map(Self.takers) != Self.takers(new.state) { levelsAt = now + settings.lease.duration }
        // A storage that lost what it had lost the register too.
        if let stored, stored.tag.incarnation != new.tag.incarnation { hasRegistered = false }
        stored = new
        isChanged = true
        mayLackEpochs = true
        note(.wanted(new.state))
    }

    private func contact(at address: String, isLeaving: Bool = false, now: Instant) -> Contact {
        contactCount += 1
        return Contact(contactCount, at: address, isLeaving: isLeaving, now: now)
    }

    /// Drops whom the register has no longer, or at another address. The process may run on and serve: it is asked under
    /// its address until it has let go what others serve by then.
    private func forgetWhoIsNotRegistered(in state: AssignmentState, now: Instant) {
        let addresses = Set(state.workers.values.map(\.address))
        for (name, contact) in contacts {
            guard contact.isLeaving || state.workers[name]?.address != contact.address else { continue }
            let mayServe = !addresses.contains(contact.address) && !gone.contains(name)
            guard let place = WorkerName(contact.address), state.workers[place] == nil, mayServe else {
                drop(name, now: now)
                continue
            }
            if contact.isLeaving { continue }
            drop(name, now: now)
            guard contacts.values.count(where: \.isLeaving) < Self.leavingLimit else { continue }
            contacts[place] = self.contact(at: contact.address, isLeaving: true, now: now)
            contacts[place]?.lastHeard = now
        }
    }

    /// A process without a name has left when it serves nothing, or has been silent for a lease.
    func forgetWhoLeft(now: Instant) {
        for (name, contact) in contacts where contact.isLeaving {
            let isEmpty = contact.status?.report.subscriptions.isEmpty ?? false
            let isSilent = contact.lastHeard.map { now - $0 > settings.lease.duration } ?? true
            if isEmpty || (isSilent && contact.hasFailed) { drop(name, now: now) }
        }
    }

    private func drop(_ name: WorkerName, now: Instant) {
        contacts[name] = nil
        gone.remove(name)
        suspects.remove(name)
        judge(watch.on(.removed(name), now: now))
        isChanged = true
        note(.forgotten(name))
    }

    /// Processes without a name that are still asked.
    private static let leavingLimit = 1_000

    /// Those that take symbols.
    private static func takers(_ state: AssignmentState) -> Set<WorkerName> {
        Set(state.workers.values.filter { $0.state == .active }.map(\.name))
    }
}
