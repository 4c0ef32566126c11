import Foundation
import TestRigs

/// A file system of a few megabytes that only one process sees, mounted as it starts.
final class SmallDisk {
    private let folder: TemporaryFolder
    private let megabytes: Int
    /// The process on whose side it is mounted.
    var persister: Int32 = -1 {
        didSet {
            // The reader was told this path before anybody knew the process.
            try? FileManager.default.createSymbolicLink(
                atPath: folder.file("seen"), withDestinationPath: "/proc/\(persister)/root\(mountPoint)")
        }
    }

    init(megabytes: Int) throws {
        folder = try TemporaryFolder("disk")
        self.megabytes = megabytes
        try FileManager.default.createDirectory(atPath: mountPoint, withIntermediateDirectories: true)
    }

    /// Whether this user may mount in a name space of its own.
    static let isPossible: Bool = {
        let child = try? ChildProcess("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"])
        return child?.waitForExit() == 0
    }()

    private var mountPoint: String { folder.file("disk") }

    /// What mounts it and becomes the program that follows.
    var prefix: [String] {
        [
            "unshare", "-rm", "sh", "-c",
            "mount -t tmpfs -o size=\(megabytes)m none '\(mountPoint)' && exec \"$@\"", "sh",
        ]
    }

    /// A database on it, to be read once `persister` is known.
    func database() throws -> PersisterDatabase {
        try PersisterDatabase(sqliteAt: mountPoint + "/candles.db", seenAs: folder.file("seen") + "/candles.db")
    }

    private var balloon: String { folder.file("seen") + "/balloon" }

    /// Leaves no free byte.
    func fill() throws {
        let child = try ChildProcess("dd", ["if=/dev/zero", "of=\(balloon)", "bs=64k", "count=\(megabytes * 16 + 1)"])
        child.waitForExit()
        guard child.text.contains("No space left") else { throw NeverHappened(description: "full: \(child.text)") }
    }

    func makeRoom() throws { try FileManager.default.removeItem(atPath: balloon) }
}
