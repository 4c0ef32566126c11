import Synchronization

/// Behind `Log`: decides what is written, and writes it. One lock, held for one write at most.
package final class LogWriter: Sendable {
    /// The same sentence comes at most this often.
    static let quiet = Duration.seconds(10)
    /// More different sentences than these within 10 s: the oldest is forgotten.
    private static let maximumKeys = 512

    private struct Held {
        let message: StaticString
        let level: Log.Level
        let key: String
        var since: Duration
        var count: Int
    }

    private struct State {
        var format = Log.Format.text
        var output: LogOutput
        var held: [String: Held] = [:]
        /// Nothing held back ends before this.
        var nextSweep = Duration.zero
        /// Lines that the output did not take since it last took one.
        var lost = 0
    }

    private let level: Atomic<Int>
    private let state: Locked<State>
    private let now: @Sendable () -> Duration

    /// `now` is a monotonic clock's reading.
    package init(
        output: LogOutput, level: Log.Level = .info, format: Log.Format = .text,
        now: @escaping @Sendable () -> Duration = LogWriter.monotonic
    ) {
        self.level = Atomic(level.rawValue)
        state = Locked(State(format: format, output: output))
        self.now = now
    }

    private static let start = ContinuousClock.now
    package static let monotonic: @Sendable () -> Duration = { ContinuousClock.now - start }

    func configure(level: Log.Level, format: Log.Format, file: String?) throws(LogError) {
        let output: LogOutput = if let file { .file(try LogFile(path: file)) } else { .standardError }
        state.withLock { state in
            state.output = output
            state.format = format
        }
        self.level.store(level.rawValue, ordering: .relaxed)
    }

    func redirect(to memory: MemoryLog, level: Log.Level) {
        state.withLock { state in
            state.output = .memory(memory)
            state.held = [:]
        }
        self.level.store(level.rawValue, ordering: .relaxed)
    }

    package func write(
        _ level: Log.Level, _ message: StaticString, _ metadata: () -> Log.Metadata = { [:] },
        _ key: () -> String = { "" }
    ) {
        guard level.rawValue >= self.level.load(ordering: .relaxed) else { return }
        let (metadata, key, now) = (metadata(), key(), now())
        state.withLock { state in
            Self.sweep(&state, now)
            var repeated = 0
            if level != .debug {
                let name = "\(level.rawValue)\(message)\u{0}\(key)"
                if var held = state.held[name], now - held.since < Self.quiet {
                    held.count += 1
                    state.held[name] = held
                    return
                }
                repeated = state.held[name]?.count ?? 0
                if state.held.count >= Self.maximumKeys { Self.forgetOldest(&state) }
                state.held[name] = Held(message: message, level: level, key: key, since: now, count: 0)
            }
            Self.emit(&state, LogLine(level: level, message: message, metadata: metadata, repeated: repeated))
        }
    }

    package func flush() {
        state.withLock { state in
            for held in state.held.values where held.count > 0 { Self.emitCount(&state, held) }
            state.held = [:]
        }
    }

    /// A pipe that is full is waited for once, not again before it has taken a line: a reader that stopped must stop
    /// nothing here.
    private static func emit(_ state: inout State, _ line: LogLine) {
        let isColoured = state.output.isColoured
        if state.lost > 0 {
            let notice = LogLine(
                level: .warning, message: "Log lines lost", metadata: ["log.lost": String(state.lost)], repeated: 0)
            if state.output.write(notice.bytes(state.format, isColoured: isColoured), patience: 0) { state.lost = 0 }
        }
        let isTaken = state.output.write(
            line.bytes(state.format, isColoured: isColoured), patience: state.lost > 0 ? 0 : 50)
        if !isTaken { state.lost += 1 }
    }

    private static func emitCount(_ state: inout State, _ held: Held) {
        let metadata: Log.Metadata = held.key.isEmpty ? [:] : ["log.key": held.key]
        emit(&state, LogLine(level: held.level, message: held.message, metadata: metadata, repeated: held.count))
    }

    /// Once a second at most: what has been quiet for its 10 s is told, if it held anything back, and forgotten.
    private static func sweep(_ state: inout State, _ now: Duration) {
        guard now >= state.nextSweep else { return }
        state.nextSweep = now + .seconds(1)
        // One quiet period more, so that a line that comes again just then carries its own count.
        let ended = state.held.filter { now - $0.value.since >= quiet * 2 }
        for (name, held) in ended {
            if held.count > 0 { emitCount(&state, held) }
            state.held[name] = nil
        }
    }

    private static func forgetOldest(_ state: inout State) {
        guard let oldest = state.held.min(by: { $0.value.since < $1.value.since }) else { return }
        if oldest.value.count > 0 { emitCount(&state, oldest.value) }
        state.held[oldest.key] = nil
    }
}
