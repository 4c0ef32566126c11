import Glibc
import Synchronization

/// Where lines go. Used under the log's lock only.
package enum LogOutput: Sendable {
    case standardError
    case file(LogFile)
    case memory(MemoryLog)

    /// Colour is for a person's terminal, unless NO_COLOR asks for none.
    var isColoured: Bool {
        if case .standardError = self { return Self.terminalTakesColour }
        return false
    }

    private static let terminalTakesColour: Bool = {
        let refused = unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
        return isatty(STDERR_FILENO) == 1 && !refused
    }()

    func write(_ line: [UInt8]) {
        switch self {
        case .standardError: Self.write(line, to: STDERR_FILENO)
        case .file(let file): file.write(line)
        case .memory(let memory): memory.append(line)
        }
    }

    /// One write; the rest follows only if the kernel took a part. A destination that takes nothing loses the line: the
    /// process must not stop for its log.
    static func write(_ line: [UInt8], to descriptor: Int32) {
        var rest = line[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }
}

/// A log file that is appended to, and opened anew when somebody moved it away or deleted it (looked at once a second).
package final class LogFile: Sendable {
    private struct State {
        var descriptor: Int32
        var lastLook = LogWriter.monotonic()
    }

    private let path: String
    private let state: Mutex<State>

    package init(path: String) throws(LogError) {
        self.path = path
        let descriptor = Self.open(path)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        state = Mutex(State(descriptor: descriptor))
    }

    deinit { state.withLock { _ = close($0.descriptor) } }

    private static func open(_ path: String) -> Int32 {
        unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
    }

    func write(_ line: [UInt8]) {
        state.withLock { state in
            let now = LogWriter.monotonic()
            if now - state.lastLook >= .seconds(1) {
                state.lastLook = now
                reopenIfMoved(&state)
            }
            LogOutput.write(line, to: state.descriptor)
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

/// The newest lines, for tests.
package final class MemoryLog: Sendable {
    private static let maximumLines = 10_000
    private let kept = Mutex<[String]>([])

    package init() {}

    package var lines: [String] { kept.withLock { $0 } }

    func append(_ line: [UInt8]) {
        kept.withLock { kept in
            if kept.count >= Self.maximumLines { kept.removeFirst() }
            kept.append(String(decoding: line.dropLast(), as: UTF8.self))
        }
    }
}
