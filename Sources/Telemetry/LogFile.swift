import Glibc

/// A log file that is appended to, and opened anew when somebody moved it away or deleted it (looked at once a second).
package final class LogFile: Sendable {
    private struct State {
        var descriptor: Int32
        var lastLook = LogWriter.monotonic()
    }

    private let path: String
    private let state: Locked<State>

    package init(path: String) throws(LogError) {
        self.path = path
        let descriptor = Self.open(path)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        state = Locked(State(descriptor: descriptor))
    }

    deinit { state.withLock { _ = close($0.descriptor) } }

    private static func open(_ path: String) -> Int32 {
        unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
    }

    func write(_ line: [UInt8]) -> Bool {
        state.withLock { state in
            let now = LogWriter.monotonic()
            if now - state.lastLook >= .seconds(1) {
                state.lastLook = now
                reopenIfMoved(&state)
            }
            return LogOutput.write(line, to: state.descriptor)
        }
    }

    private func reopenIfMoved(_ state: inout State) {
        var (named, opened) = (stat(), stat())
        let isThere = unsafe stat(path, &named) == 0 && fstat(state.descriptor, &opened) == 0
        if isThere, named.st_ino == opened.st_ino, named.st_dev == opened.st_dev { return }
        let descriptor = Self.open(path)
        guard descriptor >= 0 else { return }
        close(state.descriptor)
        state.descriptor = descriptor
    }
}
