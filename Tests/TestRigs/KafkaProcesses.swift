import Foundation

/// Starts processes that the kernel kills when this process ends, however it ends.
///
/// The kernel's parent death signal follows the *thread* that started the child, and threads of a pool come and go: so
/// one thread that never ends starts them all.
enum KafkaProcesses {
    private final class Order: @unchecked Sendable {
        // Written by the starting thread before `done` is signalled, read by the ordering one after it.
        let work: @Sendable () throws -> ChildProcess
        let done = DispatchSemaphore(value: 0)
        var result: Result<ChildProcess, any Error>?
        init(_ work: @escaping @Sendable () throws -> ChildProcess) { self.work = work }
    }

    private final class Starter: @unchecked Sendable {
        // `orders` is only touched under `lock`.
        private let lock = NSLock()
        private let pending = DispatchSemaphore(value: 0)
        private var orders: [Order] = []

        init() { Thread.detachNewThread { [self] in run() } }

        func start(_ order: Order) throws -> ChildProcess {
            lock.withLock { orders.append(order) }
            pending.signal()
            order.done.wait()
            guard let result = order.result else { preconditionFailure("an order is signalled with its result") }
            return try result.get()
        }

        private func run() -> Never {
            while true {
                pending.wait()
                let order = lock.withLock { orders.removeFirst() }
                order.result = Result { try order.work() }
                order.done.signal()
            }
        }
    }

    private static let starter = Starter()

    static func start(_ program: String, _ arguments: [String], environment: [String: String]) throws -> ChildProcess {
        try starter.start(
            Order {
                try ChildProcess(
                    "setpriv", ["--pdeathsig", "KILL", program] + arguments, environment: environment)
            })
    }
}
