import Foundation
import Telemetry

/// A process' `group.instance.id`, kept in the state folder so that a restart is the same member.
///
/// `<state>/<role>-1.instance` holds it, locked as long as this object lives; a second process of that role on the same
/// folder takes `-2`, and so on. The kernel releases the lock whatever way the process ends.
package final class InstanceIdentity: Sendable {
    /// What to give to `Consumer`.
    package let identifier: String
    package let path: String
    private let descriptor: Int32

    /// More processes of one role on one folder are a mistake.
    private static let limit = 64

    /// Creates the folder where it is missing.
    package init(folder: String, role: String) throws(KafkaError) {
        try StateFolder.create(folder)
        for number in 1...Self.limit {
            let path = "\(folder)/\(role)-\(number).instance"
            let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw Self.refusal("open \(path)") }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let code = errno
                close(descriptor)
                if code == EWOULDBLOCK { continue }
                throw .system(attempt: "lock \(path)", errno: code, remedy: StateFolder.remedy)
            }
            do throws(KafkaError) {
                if let kept = try Self.read(descriptor) {
                    identifier = kept
                } else {
                    identifier = try Self.write(descriptor, role: role, path: path)
                }
            } catch {
                close(descriptor)
                throw error
            }
            self.path = path
            self.descriptor = descriptor
            if number > 1 {
                Log.warning(
                    "Another process of this role uses this state folder; give each a STATE_DIR of its own",
                    ["role": role, "folder": folder, "identity": path, "other": "\(folder)/\(role)-1.instance"])
            }
            return
        }
        throw .system(attempt: "find a free \(role) identity in \(folder) (\(Self.limit) are in use)", errno: EAGAIN)
    }

    deinit { close(descriptor) }

    /// What an earlier process left; nil when it is nothing usable.
    private static func read(_ descriptor: Int32) throws(KafkaError) -> String? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = unsafe pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let text = String(decoding: bytes[..<count], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let isUsable =
            !text.isEmpty && text.count < 200
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        return isUsable ? text : nil
    }

    private static func write(_ descriptor: Int32, role: String, path: String) throws(KafkaError) -> String {
        let identifier = "\(role)-\(String(UInt64.random(in: 1 ... .max), radix: 36))"
        let bytes = Array("\(identifier)\n".utf8)
        guard ftruncate(descriptor, 0) == 0, unsafe pwrite(descriptor, bytes, bytes.count, 0) == bytes.count,
            fsync(descriptor) == 0
        else { throw refusal("write \(path)") }
        return identifier
    }

    /// What the system call before says.
    private static func refusal(_ attempt: String) -> KafkaError {
        .system(attempt: attempt, errno: errno, remedy: StateFolder.remedy)
    }
}
