import CSystemShim
import Configuration
import Foundation
import Synchronization

/// Tells a command's loop that somebody wants it to end; the second signal ends the process at once.
final class StopFlag: Sendable {
    private let isSet = Atomic(false)
    /// Readable once it is raised.
    let descriptor = system_shim_eventfd_create()

    var isRaised: Bool { isSet.load(ordering: .relaxed) }

    func raise() {
        isSet.store(true, ordering: .relaxed)
        system_shim_eventfd_signal(descriptor)
    }

    /// A flag that SIGTERM and SIGINT raise. Once a process.
    static func onSignals(immediately last: @escaping @Sendable () -> Void = {}) -> StopFlag {
        let flag = StopFlag()
        Signals.start { request in
            switch request {
            case .stop: flag.raise()
            case .stopNow:
                last()
                _exit(ExitCode.failed.rawValue)
            }
        }
        return flag
    }

    /// Blocks until it is raised or the time is over; true when it is raised.
    @discardableResult func wait(_ limit: Duration? = nil) -> Bool {
        if isRaised { return true }
        Self.pause(descriptor, limit)
        return isRaised
    }

    /// Blocks until a descriptor is readable or the time is over.
    static func pause(_ descriptor: Int32, _ limit: Duration?) {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = limit.map { Int32(clamping: max(0, $0.milliseconds)) } ?? -1
        _ = unsafe poll(&watched, 1, milliseconds)
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
