import Assignment
import Curl
import Dispatch
import Foundation
import Telemetry

/// Makes what is stored true: tells workers what to serve, notices who is gone, and gives their symbols to others.
///
/// One thread. Any number of gateways run one; the holder of the controller's lease acts, and stops at once when its own
/// clock or the storage says that the lease is over. Answers to what an earlier tenure sent are ignored. The storage blocks
/// the thread, for its patience at most (a second suits); workers never do: they are called by `HTTPClient`.
package final class Controller: Sendable {
    enum Mail: Sendable {
        case storageChanged
        /// By the numbers of the tenure and the contact that asked.
        case status(tenure: Int, contact: Int, WorkerName, Result<Answer, CallError>)
        case command(tenure: Int, contact: Int, Reconciler.Command, Result<Answer, CallError>)
    }

    private let settings: ControllerSettings
    private let makeStorage: @Sendable () -> any AssignmentStorage
    private let client: HTTPClient
    private let mail = Mailbox()
    private let shown = Locked(ControllerStatus())
    private let isStopping = Locked(false)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter storage: makes the controller's own, on its thread, with a patience well below the lease's margin.
    package init(_ settings: ControllerSettings, storage: @escaping @Sendable () -> any AssignmentStorage) {
        self.settings = settings
        makeStorage = storage
        client = HTTPClient(settings.calls)
    }

    package var status: ControllerStatus { shown.withLock { $0 } }

    /// Once.
    package func start() {
        Thread.detachNewThread { [self] in
            ThreadName.set("controller")
            run()
            ended.signal()
        }
    }

    /// Looks at the storage at once rather than at the next interval. Any thread.
    package func storageChanged() { mail.deliver(.storageChanged) }

    /// Gives the lease back, so that another gateway need not wait for its end, and ends the thread; waits for it, no
    /// longer than the storage's patience. After `start`, once.
    package func stop() {
        isStopping.withLock { $0 = true }
        mail.wake()
        ended.wait()
        client.stop()
    }

    private func run() {
        let storage = makeStorage()
        // Random, so that no other holder, nor this process of before, is taken for this one.
        let token = "\(settings.name) \(String(UInt64.random(in: .min ... .max), radix: 16))"
        var lease = Lease(settings.lease, now: .now)
        var counts = ControllerStatus.Counts()
        var tenure: Tenure?
        var action = renew(&lease, token, storage)
        while !isStopping.withLock({ $0 }) {
            if action == .start {
                counts.tenures += 1
                Log.info("Controller's lease won", ["gateway": settings.name])
                tenure = Tenure(settings, storage, counts, now: .now, call: call)
            }
            let messages = mail.takeAll()
            action = .none
            // A renewal that is due goes before everything else.
            tenure?.turn(messages) {
                guard action == .none, !isStopping.withLock({ $0 }) else { return nil }
                action = renew(&lease, token, storage)
                return action == .none ? lease.end : nil
            }
            counts = tenure?.counts ?? counts
            if action != .none || !lease.isHeld, tenure != nil {
                Log.warning("Controller's lease lost, another gateway may act", ["gateway": settings.name])
                tenure = nil
            }
            show(tenure, counts)
            guard action == .none else { continue }
            mail.wait(until: min(lease.renewsAt, tenure?.nextTurn ?? lease.renewsAt))
            action = renew(&lease, token, storage)
        }
        if lease.isHeld { try? storage.release(.controller, token: token) }
        show(nil, counts)
    }

    /// Asks for the lease when it is time, or lets the clock say that it is over.
    private func renew(_ lease: inout Lease, _ token: String, _ storage: any AssignmentStorage) -> Lease.Action {
        let sent = ContinuousClock.now
        let expiry = lease.on(.tick, now: sent)
        guard expiry == .none, sent >= lease.renewsAt else { return expiry }
        do throws(StorageError) {
            let isGranted = try storage.acquire(.controller, token: token, for: settings.lease.duration)
            shown.withLock { $0.error = nil }
            return lease.on(isGranted ? .granted(sent: sent) : .refused, now: .now)
        } catch {
            Log.warning("Controller's lease could not be renewed", ["storage.error": error.description], per: "lease")
            shown.withLock { $0.error = error.description }
            return lease.on(.failed, now: .now)
        }
    }

    private func call(_ call: Call, then message: @escaping @Sendable (Result<Answer, CallError>) -> Mail) {
        client.call(call) { [weak self] result in self?.mail.deliver(message(result)) }
    }

    private func show(_ tenure: Tenure?, _ counts: ControllerStatus.Counts) {
        if let status = tenure?.status {
            shown.withLock { $0 = status }
        } else {
            shown.withLock { shown in
                var status = ControllerStatus()
                status.counts = counts
                // A lease that can't be had has its reason here.
                if !shown.holdsLease { status.error = shown.error }
                shown = status
            }
        }
    }
}
