import Telemetry

/// A storage for each thread that needs one at the moment: as many as there were requests at a time, and each used by one
/// of them alone.
final class StoragePool: Sendable {
    /// Sendable: a storage is in the pool or with one request, never both.
    private struct Idle: @unchecked Sendable { let storage: any AssignmentStorage }

    private let idle = Locked<[Idle]>([])
    private let make: @Sendable () -> any AssignmentStorage

    init(_ make: @escaping @Sendable () -> any AssignmentStorage) { self.make = make }

    func with<Result>(_ body: (any AssignmentStorage) throws(Refusal) -> Result) throws(Refusal) -> Result {
        let storage = idle.withLock { $0.popLast() } ?? Idle(storage: make())
        defer { idle.withLock { $0.append(storage) } }
        return try body(storage.storage)
    }
}
