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
    /// Once, and before any other thread is started: they inherit the mask.
    static func start(_ handler: @escaping @Sendable (StopRequest) -> Void) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in [SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&set, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        let hasTerminal = isatty(STDIN_FILENO) == 1
        let watched = set
        let thread = Thread {
            unsafe system_shim_thread_name("signals")
            var set = watched
            var requests = 0
            while true {
                var signal: Int32 = 0
                guard unsafe sigwait(&set, &signal) == 0 else { continue }
                if signal == SIGHUP, !hasTerminal { continue }
                requests += 1
                handler(requests == 1 ? .stop : .stopNow)
            }
        }
        thread.start()
    }
}
