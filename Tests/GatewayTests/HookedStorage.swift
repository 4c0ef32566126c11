import Assignment
import Gateway

/// A real storage, with something before each call: an error, a wait, or somebody else's change.
final class HookedStorage: AssignmentStorage {
    enum Call: Equatable, Sendable {
        case read
        case commit(HistoryEntry.Action)
        case lease
        case other
    }

    /// On the thread of the storage; what it throws is the call's error.
    typealias Hook = @Sendable (Call) throws(StorageError) -> Void

    private let storage: RedisAssignments
    private let hook: Hook

    init(_ storage: RedisAssignments, _ hook: @escaping Hook) {
        self.storage = storage
        self.hook = hook
    }

    func read() throws(StorageError) -> StoredState {
        try hook(.read)
        return try storage.read()
    }

    func commit(_ change: Change) throws(StorageError) -> Committed {
        try hook(.commit(change.action))
        return try storage.commit(change)
    }

    func keep(_ key: RequestKey, at tag: StateTag) throws(StorageError) -> [UInt8]? {
        try hook(.other)
        return try storage.keep(key, at: tag)
    }

    func answer(to key: RequestKey) throws(StorageError) -> [UInt8]? {
        try hook(.other)
        return try storage.answer(to: key)
    }

    func history(limit: Int) throws(StorageError) -> [HistoryEntry] {
        try hook(.other)
        return try storage.history(limit: limit)
    }

    func acquire(_ lease: LeaseName, token: String, for duration: Duration) throws(StorageError) -> Bool {
        try hook(.lease)
        return try storage.acquire(lease, token: token, for: duration)
    }

    func keepLeases(of workers: [WorkerName], token: String, for duration: Duration) throws(StorageError) {
        try hook(.lease)
        try storage.keepLeases(of: workers, token: token, for: duration)
    }

    func release(_ lease: LeaseName, token: String) throws(StorageError) {
        try hook(.lease)
        try storage.release(lease, token: token)
    }

    func leases(of workers: [WorkerName]) throws(StorageError) -> [WorkerName: Duration] {
        try hook(.lease)
        return try storage.leases(of: workers)
    }

    func progress() throws(StorageError) -> Progress? {
        try hook(.other)
        return try storage.progress()
    }

    func post(_ progress: Progress) throws(StorageError) {
        try hook(.other)
        try storage.post(progress)
    }
}
