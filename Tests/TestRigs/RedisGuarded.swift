import Foundation

/// A value behind a lock that the thread sanitizer knows: it takes the standard library's `Mutex` for none on Linux, and
/// reports its users.
final class Guarded<Value>: @unchecked Sendable {
    // Sendable since the value is reached through the lock only, and no reference to it leaves `withLock`.
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try lock.withLock { try body(&value) }
    }
}
