import Foundation

/// One thread that never ends and starts the servers: a parent-death signal follows the thread that started the
/// child, and the test runner's own threads come and go.
final class RedisStarter: Sendable {
    private static let shared = RedisStarter()
    private let work = Guarded<[@Sendable () -> Void]>([])
    private let added = DispatchSemaphore(value: 0)

    private init() {
        let thread = Thread { [self] in
            while true {
                added.wait()
                work.withLock { $0.removeFirst() }()
            }
        }
        thread.name = "redis-starter"
        thread.start()
    }

    /// Runs `body` on the thread and gives what it gives.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let answer = Answer<Value>()
        shared.work.withLock { $0.append { answer.give(Result(catching: body)) } }
        shared.added.signal()
        return try answer.wait()
    }

    private final class Answer<Value: Sendable>: Sendable {
        private let result = Guarded<Result<Value, any Error>?>(nil)
        private let given = DispatchSemaphore(value: 0)

        func give(_ value: Result<Value, any Error>) {
            result.withLock { $0 = value }
            given.signal()
        }

        func wait() throws -> Value {
            given.wait()
            return try result.withLock { try $0!.get() }
        }
    }
}
