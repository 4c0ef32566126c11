import Foundation
import TestRigs

/// A file system of a few megabytes that only one process sees, mounted as it starts.
final class SmallDisk {
    private let folder: TemporaryFolder
    private let megabytes: Int
    /// The process on whose side it is mounted; to be set when that is there.
    var owner: Int32 = -1

    init(megabytes: Int) throws {
        folder = try TemporaryFolder("disk")
        self.megabytes = megabytes
    }

    /// Whether this user may mount in a name space of its own.
    static let isPossible: Bool = {
        let child = try? ChildProcess("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"])
        return child?.waitForExit() == 0
    }()

    func file(_ name: String) -> String { folder.file(name) }

    /// What mounts it and becomes the program that follows.
    var prefix: [String] {
        [
            "unshare", "-rm", "sh", "-c",
            "mount -t tmpfs -o size=\(megabytes)m none '\(folder.path)' && exec \"$@\"", "sh",
        ]
    }

    /// What becomes another program that sees it.
    var entrance: [String] { ["nsenter", "--preserve-credentials", "-U", "-m", "-t", "\(owner)"] }

    /// Leaves no free byte.
    func fill() throws {
        let child = try ChildProcess(
            "env", entrance + ["dd", "if=/dev/zero", "of=\(file("balloon"))", "bs=64k", "count=\(megabytes * 16 + 1)"])
        child.waitForExit()
        guard child.text.contains("No space left") else { throw NeverHappened(description: "full: \(child.text)") }
    }

    func makeRoom() throws {
        let child = try ChildProcess("env", entrance + ["rm", file("balloon")])
        guard child.waitForExit() == 0 else { throw NeverHappened(description: "room: \(child.text)") }
    }
}
