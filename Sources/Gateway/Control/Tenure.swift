import Assignment
import Curl
import Telemetry

/// What the holder of the controller's lease does, from winning the lease to losing it. Confined to the controller's thread.
///
/// Everything is decided from what is so at the moment (the stored state, who was heard, what workers report) and not from
/// what happened, so that a step that failed is taken again at the next turn and a new tenure needs nothing of the old.
final class Tenure {
    typealias Instant = ContinuousClock.Instant
    typealias Caller = (Call, @escaping @Sendable (Result<Answer, CallError>) -> Controller.Mail) -> Void

    /// What all controllers write as the holder of leases of workers that have none of their own: the next one renews them.
    static let heartbeatToken = "controller"

    let settings: ControllerSettings
    let storage: any AssignmentStorage
    /// Tells this tenure's calls from those of the ones before.
    let number: Int
    var counts: ControllerStatus.Counts
    var stored: StoredState?
    var contacts: [WorkerName: Contact] = [:]
    /// Those whose lease ran out by this controller's clock.
    var gone: Set<WorkerName> = []
    var watch: LeaseWatch
    var reconciler: Reconciler
    var progress = ProgressReport()
    var error: String?
    /// When to level the loads after a change of the workers; `nil` while there was none.
    var levelsAt: Instant?
    /// What was planned for already: nothing else would come of it.
    var replacedTag: StateTag?
    /// Reports or state changed, so that one may know of epochs that the other does not.
    var mayLackEpochs = false
    /// Something changed that can change what is pending.
    var isChanged = true
    /// Those whose time is over by the watch, without a question that failed since they were heard.
    var suspects: Set<WorkerName> = []
    /// The end of the controller's lease, as far as it is known.
    var actsUntil: Instant
    /// How many contacts there were.
    var contactCount = 0
    let call: Caller
    private let since: Instant
    var readsAt: Instant
    /// The workers of the settings are registered, in this incarnation of the storage.
    var hasRegistered = false

    init(
        _ settings: ControllerSettings, _ storage: any AssignmentStorage, _ counts: ControllerStatus.Counts,
        now: Instant,
        call: @escaping Caller
    ) {
        self.settings = settings
        self.storage = storage
        self.counts = counts
        self.call = call
        number = counts.tenures
        since = now
        readsAt = now
        actsUntil = now
        watch = LeaseWatch(settings.lease.duration, stallLimit: settings.lease.interval * 2, workers: [], now: now)
        reconciler = Reconciler(settings.reconciler)
    }

    /// When there is something to do without mail.
    var nextTurn: Instant {
        let asks = contacts.values.filter { !$0.isAsked }.map(\.asksAt).min() ?? readsAt
        return min(readsAt, asks, watch.nextDeadline ?? readsAt)
    }

    /// One look at everything. `leaseEnd` is asked before each step: `nil` ends the turn.
    func turn(_ mail: [Controller.Mail], leaseEnd: () -> Instant?) {
        func mayAct() -> Bool {
            guard let end = leaseEnd() else { return false }
            actsUntil = end
            return true
        }
        for message in mail {
            guard mayAct() else { return }
            take(message, now: .now)
        }
        guard mayAct() else { return }
        do throws(StorageError) {
            try keepStorage(mayAct)
        } catch {
            note(error)
        }
        guard stored != nil, mayAct() else { return }
        forgetWhoLeft(now: .now)
        send(reconciler.commands(now: .now), mayAct)
        askWorkers(mayAct)
    }

    /// All that reads and writes the storage. The first failure ends it, since each may take the storage's patience.
    private func keepStorage(_ mayAct: () -> Bool) throws(StorageError) {
        if .now >= readsAt {
            readsAt = .now + settings.storageInterval
            if !hasRegistered {
                hasRegistered = try registerWorkers(mayAct)
                guard mayAct() else { return }
            }
            adopt(try storage.read())
            error = nil
            guard mayAct() else { return }
            try lookAtLeases()
        }
        guard mayAct() else { return }
        try writeLeases()
        judge(watch.on(.tick, now: .now))
        guard mayAct() else { return }
        try recoverEpochs(mayAct)
        guard mayAct() else { return }
        try storeWorkerStates(mayAct)
        guard mayAct() else { return }
        try replaceSymbolsOfGone(mayAct)
        guard mayAct() else { return }
        try levelLoads(mayAct)
        guard mayAct() else { return }
        try postProgress()
    }

    func note(_ error: StorageError) {
        counts.storageErrors += 1
        self.error = error.description
        readsAt = .now + settings.storageInterval
        Log.warning("Assignments can't be read or stored", ["storage.error": error.description], per: "storage")
    }
}

/// What others see.
extension Tenure {
    var status: ControllerStatus {
        var status = ControllerStatus()
        status.holdsLease = true
        status.heldSince = since
        status.tag = stored?.tag
        status.isSettled = progress.isSettled
        status.pending = Array(progress.pending.prefix(ControllerStatus.pendingLimit))
        status.pendingCount = progress.pending.count
        status.error = error
        status.counts = counts
        status.workers = (stored?.state.registered ?? []).map { worker in
            let contact = contacts[worker.name]
            return ControllerStatus.WorkerView(
                name: worker.name, address: worker.address, state: worker.state, lastHeard: contact?.lastHeard,
                keepsLease: contact?.keepsLease, symbols: contact?.status?.report.subscriptions.count,
                error: contact?.error, unknownChannels: contact?.status?.unknownChannels ?? 0,
                unknownExample: contact?.status?.unknownExample)
        }
        return status
    }
}
