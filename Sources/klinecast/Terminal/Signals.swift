import CSystemShim
import Foundation

/// What an operator wants when a signal comes.
enum StopRequest: Sendable {
    /// SIGTERM or SIGINT: finish what is held, then end.
    case stop
    /// The second of them: end at once.
    case stopNow
}

/// Signals as calls on a thread of their own, `signals`, where locks and memory are allowed.
enum Signals {
    /// From now on SIGTERM and SIGINT call `handler`; so does SIGHUP where a terminal went away. Elsewhere SIGHUP is
    /// ignored: the log opens a file that was moved by itself.
    ///
    /// Once a process.
    static func start(_ handler: @escaping @Sendable (StopRequest) -> Void) {
        let hasTerminal = isatty(STDIN_FILENO) == 1
        let signals = [SIGTERM, SIGINT, SIGHUP]
        let pipe = unsafe system_shim_signals_watch(signals, Int32(signals.count))
        precondition(pipe >= 0, "a process that starts has room for a pipe")
        let thread = Thread {
            unsafe system_shim_thread_name("signals")
            var requests = 0
            var number: UInt8 = 0
            while true {
                guard unsafe read(pipe, &number, 1) == 1 else { continue }
                if Int32(number) == SIGHUP, !hasTerminal { continue }
                requests += 1
                handler(requests == 1 ? .stop : .stopNow)
            }
        }
        thread.start()
    }
}
