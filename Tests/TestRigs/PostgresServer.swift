import Foundation

/// A real PostgreSQL on a free port of 127.0.0.1 and a unix socket, with its data in a temporary folder. It ends with its
/// owner, and with the test process however that ends. The superuser is `klinecast`.
package final class PostgresServer: Sendable {
    package struct Options: Sendable {
        /// Every commit is on disk before its answer.
        package var isDurable = false
        /// The superuser's password, asked for over TCP; without one everybody is let in.
        package var password: String?
        /// Over TCP the server then speaks TLS only.
        package var certificate: Certificates.Pair?
        /// Further settings, as in postgresql.conf: `["work_mem": "64kB"]`.
        package var further: [String: String] = [:]

        package init() {}
    }

    package let port: UInt16
    package let folder: TemporaryFolder
    private let options: Options
    private let process = Guarded<ChildProcess?>(nil)
    private let databases = Guarded(0)

    /// Why tests that want a server are left out.
    package static let missing: String = "PostgreSQL isn't installed (initdb under /usr/lib/postgresql/*/bin)"
    package static var isInstalled: Bool { PostgresPrograms.folder != nil }

    /// Starts the server and waits until it accepts connections.
    package init(_ options: Options = Options()) throws {
        self.options = options
        folder = try TemporaryFolder("postgres")
        port = freePort()
        try PostgresPrograms.copyTemplate(to: folder.file("data"))
        try configure()
        try PostgresPrograms.giveAway(folder.path)
        try start()
        if let password = options.password { try sql("ALTER ROLE klinecast PASSWORD '\(password)'") }
    }

    package convenience init(_ change: (inout Options) -> Void) throws {
        var options = Options()
        change(&options)
        try self.init(options)
    }

    /// For a database of this server, over TCP, with the password.
    package func url(_ database: String = "postgres", user: String = "klinecast", password: String? = nil) -> String {
        let secret = (password ?? options.password).map { ":\($0)" } ?? ""
        let tls = options.certificate.map { "?sslmode=verify-full&sslrootcert=\($0.authority)" } ?? ""
        return "postgresql://\(user)\(secret)@\(tls.isEmpty ? "127.0.0.1" : "localhost"):\(port)/\(database)\(tls)"
    }

    /// A new empty database; its name.
    package func createDatabase() throws -> String {
        let name = databases.withLock { count in
            count += 1
            return "test\(count)"
        }
        try sql("CREATE DATABASE \(name)")
        return name
    }

    package var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }
    /// What the server has printed since its last start.
    package var log: String { process.withLock { $0?.text ?? "" } }

    /// Starts it (again) on the same port with the data of before.
    package func start() throws {
        let arguments = ["postgres", "-D", folder.file("data")]
        // The children of a thread with a parent-death signal die with that thread: one that never ends starts them.
        let started = try RedisStarter.run { try PostgresPrograms.start(arguments, endsWithUs: true) }
        process.withLock { $0 = started }
        try eventually("PostgreSQL on port \(port) accepts connections", within: .seconds(60)) {
            let text = started.text
            if text.contains("database system is ready to accept connections") { return true }
            guard started.isRunning else { throw NeverHappened(description: "PostgreSQL ended:\n\(text)") }
            return false
        }
    }

    /// A fast shutdown: open transactions are rolled back, clients are told.
    package func stop() { end(SIGINT) }
    /// An immediate shutdown, which is a crash to the data: the next start recovers from the log.
    package func crash() { end(SIGQUIT) }

    private func end(_ signal: Int32) {
        process.withLock { child in
            guard let running = child else { return }
            if running.isRunning { running.signal(signal) }
            running.waitForExit()
            child = nil
        }
    }

    /// One or several statements by psql as the superuser: what they print, fields by `|`, without the last line's end.
    @discardableResult package func sql(_ text: String, in database: String = "postgres") throws -> String {
        let client = try PostgresPrograms.start([
            "psql", "-h", folder.path, "-p", "\(port)", "-U", "klinecast", "-d", database, "-X", "-A", "-t", "-q", "-v",
            "ON_ERROR_STOP=1", "-c", text,
        ])
        let code = client.waitForExit()
        var output = client.text
        if output.hasSuffix("\n") { output.removeLast() }
        guard code == 0 else { throw NeverHappened(description: "psql \(text): \(output)") }
        return output
    }

    /// Ends every other connection to a database; their number.
    @discardableResult package func terminateBackends(of database: String) throws -> Int {
        Int(
            try sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '\(database)'")) ?? 0
    }

    private func configure() throws {
        var settings = [
            "port": "\(port)", "listen_addresses": "'127.0.0.1'", "unix_socket_directories": "'\(folder.path)'",
            "fsync": options.isDurable ? "on" : "off", "max_connections": "40", "shared_buffers": "32MB",
            "max_wal_size": "1GB", "autovacuum": "off", "timezone": "'UTC'",
        ]
        var access = "local all all trust\n"
        let method = options.password == nil ? "trust" : "scram-sha-256"
        if let certificate = options.certificate {
            settings["ssl"] = "on"
            for (name, path) in [("server.crt", certificate.certificate), ("server.key", certificate.key)] {
                try FileManager.default.copyItem(atPath: path, toPath: folder.file("data/\(name)"))
            }
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600], ofItemAtPath: folder.file("data/server.key"))
            access += "hostssl all all all \(method)\n"
        } else {
            access += "host all all all \(method)\n"
        }
        settings.merge(options.further) { $1 }
        let text = settings.map { "\($0.key) = \($0.value)\n" }.sorted().joined()
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("data/postgresql.auto.conf")))
        try Data(access.utf8).write(to: URL(fileURLWithPath: folder.file("data/pg_hba.conf")))
    }

    deinit { crash() }
}
