import CCurlShim
import Dispatch
import Foundation
import Telemetry

/// Calls HTTP servers, many at once, on one thread of its own: libcurl's multi interface.
///
/// Every call ends within its deadline, however slow name service, connection or server are, and tells its completion once,
/// on the client's thread. Connections are kept and used again. No redirect is followed, no proxy used, nothing but http
/// and https spoken.
package final class HTTPClient: Sendable {
    /// Short, without waiting: every other call waits meanwhile.
    package typealias Completion = @Sendable (Result<Answer, CallError>) -> Void

    private struct Inbox {
        var calls: [(Call, Completion)] = []
        /// Not finished yet, those in `calls` included.
        var count = 0
        var isStopping = false
    }

    private let limits: CallLimits
    private let multi: MultiHandle
    private let inbox = Locked(Inbox())
    private let ended = DispatchSemaphore(value: 0)

    /// The thread runs from its return on.
    package init(_ limits: CallLimits = CallLimits()) {
        self.limits = limits
        let multi = MultiHandle()
        self.multi = multi
        Thread.detachNewThread { [limits, inbox, ended] in
            ThreadName.set("http-client")
            Self.run(limits, multi, inbox)
            ended.signal()
        }
    }

    deinit { stop() }

    /// Never blocks.
    package func call(_ call: Call, then: @escaping Completion) {
        let refusal: CallError? = inbox.withLock { inbox in
            if inbox.isStopping { return .stopped(Transfer.address(in: call.url)) }
            if inbox.count >= limits.calls {
                return .tooManyCalls(Transfer.address(in: call.url), limit: limits.calls)
            }
            inbox.count += 1
            inbox.calls.append((call, then))
            return nil
        }
        if let refusal { return then(.failure(refusal)) }
        multi.wake()
    }

    /// Ends all calls, telling each, and the thread; waits for it. A second call does nothing. Not from a completion.
    package func stop() {
        let isFirst = inbox.withLock { inbox in
            defer { inbox.isStopping = true }
            return !inbox.isStopping
        }
        guard isFirst else { return }
        multi.wake()
        ended.wait()
    }

    private static func run(_ limits: CallLimits, _ multi: MultiHandle, _ inbox: Locked<Inbox>) {
        var transfers: [Int: Transfer] = [:]
        while true {
            let (calls, isStopping) = inbox.withLock { inbox in
                defer { inbox.calls = [] }
                return (inbox.calls, inbox.isStopping)
            }
            for (call, then) in calls {
                if let end = call.notAfter, end <= .now {
                    inbox.withLock { $0.count -= 1 }
                    then(.failure(.tooLate(Transfer.address(in: call.url))))
                    continue
                }
                guard let transfer = Transfer(call, limits, then: then), multi.add(transfer) else {
                    inbox.withLock { $0.count -= 1 }
                    then(.failure(.transport(Transfer.address(in: call.url), words: "out of memory")))
                    continue
                }
                transfers[transfer.identifier] = transfer
            }
            if isStopping { break }
            multi.perform { identifier, code in
                guard let transfer = transfers.removeValue(forKey: identifier) else { return }
                inbox.withLock { $0.count -= 1 }
                transfer.finish(code)
            }
            multi.wait()
        }
        for transfer in transfers.values {
            multi.remove(transfer)
            transfer.stop()
        }
    }
}
