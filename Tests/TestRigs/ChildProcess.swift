import CSystemShim
package import Foundation

/// A program that a test started; killed and reaped when its owner goes.
///
/// Not Foundation's `Process`: that learns of an end by a socket that the child holds, which a sibling that is started at the
/// same moment inherits, so that a wait for the one lasts as long as the other. Here a child gets its three standard
/// descriptors and nothing else, and its end is the kernel's word.
package final class ChildProcess: Sendable {
    package let identifier: Int32
    package let output: URL
    private let folder: TemporaryFolder
    /// The exit code, or minus the signal; `nil` until it was reaped.
    private let end = Guarded<Int32?>(nil)

    /// Starts `program`, a path, or a name looked up in PATH.
    ///
    /// - Parameters:
    ///   - input: what it reads; nothing unless given.
    ///   - output: where it writes; else, and for standard error always, the file `self.output`.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], in directory: String? = nil,
        input: FileHandle? = nil, output given: FileHandle? = nil
    ) throws {
        folder = try TemporaryFolder("child")
        output = folder.url.appendingPathComponent("output")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let file = try FileHandle(forWritingTo: output)
        var all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        all["PWD"] = directory
        var start = Start()
        defer { start.end() }
        start.connect(
            input: input?.fileDescriptor, output: (given ?? file).fileDescriptor, error: file.fileDescriptor, directory)
        let failure = start.run(program, [program] + arguments, all)
        guard failure == 0 else { throw POSIXError(POSIXErrorCode(rawValue: failure) ?? .EIO) }
        identifier = start.identifier
    }

    deinit {
        signal(SIGCONT)
        signal(SIGKILL)
        waitForExit()
    }

    package var isRunning: Bool { reaped == nil }
    /// All that it has printed so far.
    package var text: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }

    package func signal(_ number: Int32) {
        end.withLock { end in
            Self.reap(identifier, &end)
            if end == nil { kill(identifier, number) }
        }
    }

    /// Waits for its end; the exit code, or minus the signal that ended it.
    @discardableResult package func waitForExit() -> Int32 {
        while true {
            if let reaped { return reaped }
            // It stays to be reaped under the lock, by whoever comes first.
            var information = unsafe siginfo_t()
            _ = unsafe waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT)
        }
    }

    private var reaped: Int32? {
        end.withLock { end in
            Self.reap(identifier, &end)
            return end
        }
    }

    private static func reap(_ identifier: Int32, _ end: inout Int32?) {
        var status: Int32 = 0
        guard end == nil, unsafe waitpid(identifier, &status, WNOHANG) == identifier else { return }
        let signal = status & 0x7f
        end = signal == 0 ? status >> 8 & 0xff : -signal
    }

    /// What posix_spawn needs.
    @safe private struct Start {
        private var actions = unsafe posix_spawn_file_actions_t()
        private var attributes = posix_spawnattr_t()
        private(set) var identifier: Int32 = 0

        init() {
            unsafe posix_spawn_file_actions_init(&actions)
            unsafe posix_spawnattr_init(&attributes)
            // The runner's threads may block signals, and it ignores some: neither is the child's affair.
            var none = sigset_t()
            var all = sigset_t()
            unsafe sigemptyset(&none)
            unsafe sigfillset(&all)
            unsafe posix_spawnattr_setsigmask(&attributes, &none)
            unsafe posix_spawnattr_setsigdefault(&attributes, &all)
            // As a shell starts it: at the head of a process group.
            unsafe posix_spawnattr_setpgroup(&attributes, 0)
            let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
            unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        }

        mutating func connect(input: Int32?, output: Int32, error: Int32, _ directory: String?) {
            if let input {
                unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
            } else {
                unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            }
            unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
            unsafe posix_spawn_file_actions_adddup2(&actions, error, 2)
            unsafe system_shim_spawn_close_from(&actions, 3)
            if let directory { unsafe system_shim_spawn_change_folder(&actions, directory) }
        }

        /// 0, or the reason as errno has it.
        mutating func run(_ program: String, _ words: [String], _ environment: [String: String]) -> Int32 {
            var words = unsafe words.map { unsafe strdup($0) } + [nil]
            var variables = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
            defer {
                for index in unsafe words.indices { unsafe free(words[index]) }
                for index in unsafe variables.indices { unsafe free(variables[index]) }
            }
            return unsafe posix_spawnp(&identifier, program, &actions, &attributes, &words, &variables)
        }

        mutating func end() {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
    }
}
