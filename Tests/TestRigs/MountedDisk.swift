import Foundation

/// A file system of a few megabytes in memory, for a server's tablespace. Mounting one takes root.
package final class MountedDisk {
    package static let isPossible: Bool = getuid() == 0 && (try? MountedDisk(megabytes: 1)) != nil

    private let folder: TemporaryFolder
    package var path: String { folder.path }

    package init(megabytes: Int) throws {
        folder = try TemporaryFolder("small-disk")
        try Self.run("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", folder.path])
        try PostgresPrograms.giveAway(folder.path)
    }

    package func grow(megabytes: Int) throws {
        try Self.run("mount", ["-o", "remount,size=\(megabytes)m", folder.path])
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = try ChildProcess(program, arguments)
        guard process.waitForExit() == 0 else { throw NeverHappened(description: "\(program): \(process.text)") }
    }

    deinit { try? Self.run("umount", ["-l", folder.path]) }
}
