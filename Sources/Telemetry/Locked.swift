import Glibc

/// A value behind a lock, for what threads share beside the hot path.
///
/// Not `Synchronization.Mutex`: that one takes its lock inside the standard library, where the thread sanitizer does not
/// see it, and then calls every value behind it a race.
@safe package final class Locked<Value>: @unchecked Sendable {
    // Safe to share: the value is touched only between lock and unlock, by the one closure that runs there.
    private var value: Value
    private let lock: UnsafeMutablePointer<pthread_mutex_t>

    package init(_ value: sending Value) {
        self.value = value
        unsafe lock = .allocate(capacity: 1)
        unsafe lock.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(lock, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(lock)
        unsafe lock.deallocate()
    }

    /// Runs `body` with the value, alone. Short, and never with another lock taken inside.
    package func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        return try body(&value)
    }
}
