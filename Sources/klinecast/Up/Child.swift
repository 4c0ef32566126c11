import CSystemShim
import Foundation
import Telemetry

/// A process that `up` started: one role with its log file.
///
/// The kernel kills it when the main thread of `up` ends in whatever way, so it is started there and nowhere else.
final class Child {
    let name: String
    let identifier: Int32
    let log: String
    /// The exit code or minus the signal; nil while it runs.
    private(set) var end: Int32?

    /// Starts `program`, a path, with its output appended to `<folder>/<name>.log`.
    init(
        _ name: String, program: String, _ arguments: [String], environment: [String: String], logFolder: String
    ) throws(CommandFailure) {
        self.name = name
        log = "\(logFolder)/\(name).log"
        let output = unsafe open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o640)
        guard output >= 0 else {
            throw .failed(
                "\(log): cannot be written: \(unsafe String(cString: strerror(errno))); set STATE_DIR to a folder of yours"
            )
        }
        defer { close(output) }
        var words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        var variables = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for index in unsafe words.indices { unsafe free(words[index]) }
            for index in unsafe variables.indices { unsafe free(variables[index]) }
        }
        identifier = unsafe system_shim_spawn(program, &words, &variables, output)
        guard identifier > 0 else {
            throw .failed("\(name): cannot start \(program): \(unsafe String(cString: strerror(errno)))")
        }
    }

    var isRunning: Bool {
        collect()
        return end == nil
    }

    func signal(_ number: Int32) { if isRunning { kill(identifier, number) } }

    /// Looks whether it has ended, and takes its exit code.
    private func collect() {
        guard end == nil else { return }
        var status: Int32 = 0
        guard unsafe waitpid(identifier, &status, WNOHANG) == identifier else { return }
        let signal = status & 0x7f
        end = signal == 0 ? status >> 8 & 0xff : -signal
    }

    /// How it ended, in words.
    var ending: String {
        switch end {
        case nil: "is running"
        case 0?: "ended"
        case let code? where code < 0: "was ended by signal \(-code)"
        case let code?: "ended with exit code \(code)"
        }
    }

    /// The last lines it wrote, at most `count`.
    func lastLines(_ count: Int = 8) -> [String] {
        guard let file = FileHandle(forReadingAtPath: log), let size = try? file.seekToEnd() else { return [] }
        try? file.seek(toOffset: size > 8_192 ? size - 8_192 : 0)
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").suffix(count).map { String($0.prefix(300)) }
    }
}
