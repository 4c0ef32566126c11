import Foundation

/// A real redis-server on a free port of 127.0.0.1 (or a unix socket), with its data in a temporary folder. It ends
/// with its owner, and with the test process however that ends.
package final class RedisServer: Sendable {
    package struct Options: Sendable {
        /// Every write is on disk before its answer.
        package var isDurable = false
        /// The default user's password.
        package var password: String?
        /// ACL rules, one user each: `router on >secret ~* &* +@all`. With any, nothing else is changed for `default`.
        package var users: [String] = []
        /// The server's certificate and key: it then speaks TLS only.
        package var certificate: Certificates.Pair?
        /// Listens on a unix socket only.
        package var isUnixSocket = false
        /// Any further option, as on redis-server's command line: `["maxmemory", "1mb"]`.
        package var further: [[String]] = []

        package init() {}
    }

    package let port: UInt16
    /// The unix socket's path, when it has one.
    package let socketPath: String?
    package let folder: TemporaryFolder
    private let options: Options
    private let process = Guarded<ChildProcess?>(nil)

    /// Starts the server and waits until it accepts commands.
    package init(_ options: Options = Options()) throws {
        self.options = options
        folder = try TemporaryFolder("redis")
        socketPath = options.isUnixSocket ? folder.file("socket") : nil
        port = options.isUnixSocket ? 0 : freePort()
        try start()
    }

    package convenience init(_ change: (inout Options) -> Void) throws {
        var options = Options()
        change(&options)
        try self.init(options)
    }

    /// `redis://127.0.0.1:port`, without a password; `rediss://localhost:port`; or `unix://path`.
    package var url: String {
        if let socketPath { return "unix://\(socketPath)" }
        return options.certificate == nil ? "redis://127.0.0.1:\(port)" : "rediss://localhost:\(port)"
    }

    package var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }
    /// What the server has printed since its last start.
    package var log: String { process.withLock { $0?.text ?? "" } }
    package var identifier: Int32 { process.withLock { $0?.identifier ?? -1 } }

    /// Starts it (again) on the same port with the data of before. With `waits: false` it may still be loading.
    package func start(waits: Bool = true) throws {
        let arguments = self.arguments
        // The children of a thread with a parent-death signal die with that thread: one that never ends starts them.
        let started = try RedisStarter.run {
            try ChildProcess("setpriv", ["--pdeathsig", "KILL", "redis-server"] + arguments)
        }
        process.withLock { $0 = started }
        guard waits else { return }
        try eventually("redis-server on port \(port) accepts connections") {
            let text = started.text
            if text.contains("eady to accept connections") { return true }
            guard started.isRunning else { throw NeverHappened(description: "redis-server ended:\n\(text)") }
            return false
        }
    }

    /// SIGKILL, and waits for its end.
    package func kill() {
        process.withLock { child in
            guard let running = child else { return }
            running.signal(SIGCONT)
            running.signal(SIGKILL)
            running.waitForExit()
            child = nil
        }
    }

    package func restart() throws {
        kill()
        try start()
    }

    /// SIGSTOP: connections stay open, nothing answers.
    package func freeze() { process.withLock { $0?.signal(SIGSTOP) } }
    package func thaw() { process.withLock { $0?.signal(SIGCONT) } }

    /// Removes what is on disk; for a stopped server.
    package func forgetData() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name != "socket" {
            try FileManager.default.removeItem(atPath: folder.file(name))
        }
    }

    /// One command by redis-cli as the default user: what it prints, without the last line's end.
    @discardableResult package func command(_ words: String...) throws -> String { try command(words) }
    @discardableResult package func command(_ words: [String]) throws -> String {
        var arguments = socketPath.map { ["-s", $0] } ?? ["-h", "127.0.0.1", "-p", "\(port)"]
        if let password = options.password { arguments += ["--no-auth-warning", "-a", password] }
        if let certificate = options.certificate {
            arguments += ["--tls", "--insecure", "--cacert", certificate.authority]
        }
        let client = try ChildProcess("redis-cli", arguments + words)
        let code = client.waitForExit()
        var text = client.text
        if text.hasSuffix("\n") { text.removeLast() }
        guard code == 0 else { throw NeverHappened(description: "redis-cli \(words.joined(separator: " ")): \(text)") }
        return text
    }

    private var arguments: [String] {
        var arguments = [
            "--port", options.certificate == nil ? "\(port)" : "0", "--bind", "127.0.0.1", "--dir", folder.path,
        ]
        arguments += ["--daemonize", "no", "--save", ""]
        if options.isDurable { arguments += ["--appendonly", "yes", "--appendfsync", "always"] }
        if let socketPath { arguments += ["--unixsocket", socketPath] }
        if let certificate = options.certificate {
            arguments += [
                "--tls-port", "\(port)", "--tls-auth-clients", "no", "--tls-ca-cert-file", certificate.authority,
            ]
            arguments += ["--tls-cert-file", certificate.certificate, "--tls-key-file", certificate.key]
        }
        if let password = options.password { arguments += ["--requirepass", password] }
        for user in options.users { arguments += ["--user"] + user.split(separator: " ").map(String.init) }
        for option in options.further { arguments += ["--" + option[0]] + option.dropFirst() }
        return arguments
    }

    deinit { kill() }
}
