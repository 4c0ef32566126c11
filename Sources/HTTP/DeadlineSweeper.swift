import Glibc
import Telemetry

/// The thread that sweeps, about four times a deadline but not more often than each 100 ms.
@safe final class DeadlineSweeper: Sendable {
    private let deadlines: ConnectionDeadlines
    private let tick: Int32
    private let thread = Locked<pthread_t?>(nil)
    /// Closing its writing end wakes the thread and ends it.
    private let wake: (reading: Int32, writing: Int32)

    init?(_ deadlines: ConnectionDeadlines, limits: ServerLimits) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        wake = (ends[0], ends[1])
        self.deadlines = deadlines
        let shortest = min(limits.headerDeadline, limits.requestDeadline)
        tick = Int32(min(1_000, max(100, shortest / .milliseconds(4))))
        var started = pthread_t()
        // The thread owns a reference to this object until it ends.
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let code = unsafe pthread_create(
            &started, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<DeadlineSweeper>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
        guard code == 0 else {
            unsafe Unmanaged<DeadlineSweeper>.fromOpaque(context).release()
            close(ends[0])
            close(ends[1])
            return nil
        }
        thread.withLock { $0 = started }
    }

    private func run() {
        ThreadName.set("http-deadlines")
        while true {
            var event = pollfd(fd: wake.reading, events: Int16(POLLIN), revents: 0)
            if unsafe poll(&event, 1, tick) > 0 { return }
            deadlines.sweep(now: LogWriter.monotonic())
        }
    }

    /// Returns when the thread has ended. Once.
    func stop() {
        let started = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let started else { return }
        close(wake.writing)
        pthread_join(started, nil)
        close(wake.reading)
    }
}
