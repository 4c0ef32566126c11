import Dispatch
import Telemetry

/// What is told to the controller's thread, and what wakes it.
final class Mailbox: Sendable {
    private let messages = Locked<[Controller.Mail]>([])
    private let bell = DispatchSemaphore(value: 0)

    /// Any thread.
    func deliver(_ message: Controller.Mail) {
        let isFirst = messages.withLock { messages in
            messages.append(message)
            return messages.count == 1
        }
        // Whoever takes one takes all: a thousand answers are one turn.
        if isFirst { wake() }
    }

    /// Ends a wait, or the next one, without mail.
    func wake() { bell.signal() }

    func takeAll() -> [Controller.Mail] {
        messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }

    /// For mail, no longer than that.
    func wait(until deadline: ContinuousClock.Instant) {
        let milliseconds = max(1, Int((deadline - .now) / .milliseconds(1)))
        _ = bell.wait(timeout: .now() + .milliseconds(milliseconds))
    }
}
