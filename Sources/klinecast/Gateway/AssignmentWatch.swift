import Dispatch
import Foundation
import Gateway
import Telemetry

/// What a gateway knows of the assignments in Redis, read each second by a thread of its own, `watch`, so that health,
/// diagnosis and metrics never wait for Redis.
final class AssignmentWatch: Sendable {
    struct Snapshot: Sendable {
        /// The newest that was read; `nil` before the first answer.
        var stored: StoredState?
        var progress: Gateway.Progress?
        /// Whether this gateway or another one holds the controller's lease.
        var hasController = false
        /// Why the last look failed; `nil` when it did not.
        var failure: String?
        var failingSince: ContinuousClock.Instant?
        var failures: UInt64 = 0
        /// When the thread last began or ended a look.
        var lastTurn = ContinuousClock.now
    }

    private static let interval = Duration.seconds(1)
    private let makeStorage: @Sendable () -> RedisAssignments
    private let journal: ErrorJournal
    private let shown = Locked(Snapshot())
    private let stopping = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    init(journal: ErrorJournal, _ makeStorage: @escaping @Sendable () -> RedisAssignments) {
        self.journal = journal
        self.makeStorage = makeStorage
    }

    var snapshot: Snapshot { shown.withLock { $0 } }

    /// Once.
    func start() {
        Thread.detachNewThread { [self] in
            ThreadName.set("watch")
            let storage = makeStorage()
            repeat { look(storage) } while stopping.wait(timeout: .now() + Self.interval.inSeconds) == .timedOut
            ended.signal()
        }
    }

    /// Waits for the thread's end, the storage's patience at most. After `start`, once.
    func stop() {
        stopping.signal()
        ended.wait()
    }

    private func look(_ storage: RedisAssignments) {
        shown.withLock { $0.lastTurn = .now }
        do throws(StorageError) {
            let stored = try AssignmentService(storage: storage).recovered(by: "gateway")
            let progress = try storage.progress()
            let hasController = try storage.hasController()
            shown.withLock { shown in
                shown.stored = stored
                shown.progress = progress
                shown.hasController = hasController
                shown.failure = nil
                shown.failingSince = nil
                shown.lastTurn = .now
            }
        } catch {
            journal.record(code: "redis", error.description)
            shown.withLock { shown in
                shown.failure = error.description
                shown.failingSince = shown.failingSince ?? .now
                shown.failures += 1
                shown.lastTurn = .now
            }
        }
    }
}
