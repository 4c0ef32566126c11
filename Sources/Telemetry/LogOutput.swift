import Glibc

/// Where lines go. Used under the log's lock only.
package enum LogOutput: Sendable {
    /// Somebody else's descriptor: a terminal or a pipe, whose reader may have stopped reading.
    case descriptor(Int32)
    case file(LogFile)
    case memory(MemoryLog)

    static let standardError = LogOutput.descriptor(STDERR_FILENO)

    /// Colour is for a person's terminal, unless NO_COLOR asks for none.
    var isColoured: Bool {
        if case .descriptor(STDERR_FILENO) = self { return Self.terminalTakesColour }
        return false
    }

    private static let terminalTakesColour: Bool = {
        let refused = unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
        return isatty(STDERR_FILENO) == 1 && !refused
    }()

    /// False when the line was lost. A pipe is waited for at most `patience` milliseconds.
    func write(_ line: [UInt8], patience: Int32) -> Bool {
        switch self {
        case .descriptor(let descriptor):
            return Self.isWritable(descriptor, within: patience) && Self.write(line, to: descriptor)
        case .file(let file): return file.write(line)
        case .memory(let memory):
            memory.append(line)
            return true
        }
    }

    /// A writable pipe takes 4,096 bytes (PIPE_BUF), more than a line has, without blocking. One that nobody will read
    /// any more is not written to: SIGPIPE would end the process.
    private static func isWritable(_ descriptor: Int32, within patience: Int32) -> Bool {
        var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&event, 1, patience) > 0 else { return false }
        return Int32(event.revents) & POLLOUT != 0 && Int32(event.revents) & POLLERR == 0
    }

    /// One write; the rest follows only if the kernel took a part. A destination that takes nothing loses the line: the
    /// process must not stop for its log.
    static func write(_ line: [UInt8], to descriptor: Int32) -> Bool {
        var rest = line[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
