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
    /// Commands to be sent.
    var due: [Reconciler.Command] = []
    let call: Caller
    private let since: Instant
    var readsAt: Instant
    private var hasRegistered = false

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
        watch = LeaseWatch(settings.lease.duration, stallLimit: settings.lease.interval * 2, workers: [], now: now)
        reconciler = Reconciler(settings.reconciler)
    }

    /// When there is something to do without mail.
    var nextTurn: Instant {
        let asks = contacts.values.filter { !$0.isAsked }.map(\.asksAt).min() ?? readsAt
        return min(readsAt, asks, watch.nextDeadline ?? readsAt)
    }

    /// One look at everything. `mayAct` is asked before each step: false ends the turn.
    func turn(_ mail: [Controller.Mail], mayAct: () -> Bool) {
        for message in mail {
            // Also what comes too late to act upon has to be known.
            take(message, now: .now)
        }
        guard mayAct() else { return }
        do throws(StorageError) {
            try keepStorage(mayAct)
        } catch {
            note(error)
        }
        guard stored != nil, mayAct() else { return }
        due += reconciler.on(.tick, now: .now, jitter: .random(in: 0..<1))
        sendCommands(mayAct)
        askWorkers(mayAct)
    }

    /// All that reads and writes the storage. The first failure ends it, since each may take the storage's patience.
    private func keepStorage(_ mayAct: () -> Bool) throws(StorageError) {
        if .now >= readsAt {
            readsAt = .now + settings.storageInterval
            if !hasRegistered {
                try registerWorkers()
                hasRegistered = true
            }
            adopt(try storage.read())
            error = nil
            guard mayAct() else { return }
            try lookAtLeases()
        }
        try writeLeases(mayAct)
        judge(watch.on(.tick, now: .now))
        guard mayAct() else { return }
        try recoverEpochs()
        guard mayAct() else { return }
        try storeWorkerStates()
        guard mayAct() else { return }
        try replaceSymbolsOfGone()
        try levelLoads()
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
