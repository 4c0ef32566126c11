import CSystemShim
import Glibc
import Synchronization
import Telemetry

/// How other threads speak to a pipeline: a request to stop, and the results of its dead letters. Both wake it.
package final class PipelineControl: Sendable {
    package enum Stop: UInt8, Sendable {
        case none
        /// Deliver what was taken, commit, leave.
        case drain
        /// Leave now; what has no reply comes again after the restart.
        case now
    }

    /// Readable when there is news.
    package let descriptor: Int32
    private let stopRequest = Atomic<UInt8>(0)
    private let results = Locked<[DeadLetterResult]>([])

    package init() {
        descriptor = system_shim_eventfd_create()
        precondition(descriptor >= 0, "eventfd fails only without descriptors or memory")
    }

    deinit { close(descriptor) }

    package func stop(_ stop: Stop) {
        stopRequest.max(stop.rawValue, ordering: .relaxed)
        system_shim_eventfd_signal(descriptor)
    }

    package func post(_ result: DeadLetterResult) {
        results.withLock { $0.append(result) }
        system_shim_eventfd_signal(descriptor)
    }

    package var requestedStop: Stop { Stop(rawValue: stopRequest.load(ordering: .relaxed)) ?? .now }

    /// Waits until a stop is requested, at most so long; whether it is.
    package func waitForStop(milliseconds: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if requestedStop == .none { _ = unsafe poll(&watched, 1, milliseconds) }
        return requestedStop != .none
    }

    package func takeResults() -> [DeadLetterResult] {
        system_shim_eventfd_drain(descriptor)
        return results.withLock { list in
            defer { list.removeAll() }
            return list
        }
    }
}
