import Foundation

/// PostgreSQL's programs, run as a user that they accept: as root they refuse.
package enum PostgresPrograms {
    /// Where `initdb` is; the newest version when there are several.
    package static let folder: String? = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "\(root)/\($0)/bin" }
            .first { FileManager.default.isExecutableFile(atPath: "\($0)/initdb") }
    }()

    /// Whom root becomes: Debian's own user for it, else nobody.
    private static let user: (identifier: UInt32, group: UInt32)? = {
        guard getuid() == 0 else { return nil }
        for name in ["postgres", "nobody"] {
            if let found = unsafe getpwnam(name) { return unsafe (found.pointee.pw_uid, found.pointee.pw_gid) }
        }
        return nil
    }()

    /// - Parameter endsWithUs: told to end at once when the thread that starts it ends.
    static func start(_ words: [String], endsWithUs: Bool = false) throws -> ChildProcess {
        guard let folder else { throw NeverHappened(description: PostgresServer.missing) }
        var arguments: [String] = []
        if let user { arguments += ["--reuid", "\(user.identifier)", "--regid", "\(user.group)", "--clear-groups"] }
        // For a server SIGQUIT ends all its processes and leaves no shared memory behind.
        if endsWithUs { arguments += ["--pdeathsig", "QUIT"] }
        let command = ["\(folder)/\(words[0])"] + words.dropFirst()
        return try arguments.isEmpty
            ? ChildProcess(command[0], Array(command.dropFirst()))
            : ChildProcess("setpriv", arguments + command, in: "/")
    }

    /// Makes a folder, with all in it, that user's.
    package static func giveAway(_ path: String) throws {
        guard let user else { return }
        let change = try ChildProcess("chown", ["-R", "\(user.identifier):\(user.group)", path])
        guard change.waitForExit() == 0 else { throw NeverHappened(description: "chown \(path): \(change.text)") }
    }

    /// A new data folder: a copy of one that is made once a process, since making one takes seconds.
    static func copyTemplate(to path: String) throws {
        let template = try template.get()
        let copy = try ChildProcess("cp", ["-a", template, path])
        guard copy.waitForExit() == 0 else { throw NeverHappened(description: "cp: \(copy.text)") }
    }

    private static let template: Result<String, any Error> = Result {
        let path = try TemplateFolder.make()
        try giveAway(path)
        let maker = try start([
            "initdb", "-D", "\(path)/data", "--no-sync", "--no-instructions", "-U", "klinecast", "-A", "trust", "-E",
            "UTF8", "--locale=C",
        ])
        guard maker.waitForExit() == 0 else { throw NeverHappened(description: "initdb: \(maker.text)") }
        return "\(path)/data"
    }
}

/// The template's folder: it lives as long as the process, and goes when that ends by itself.
private enum TemplateFolder {
    private static let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("postgres-template-\(getpid())").path

    static func make() throws -> String {
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(atPath: TemplateFolder.path) }
        return path
    }
}
