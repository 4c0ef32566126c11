import Foundation
import Persister
import Telemetry

/// Named places where the process kills itself, for tests of what a kill there leaves behind:
/// `KLINECAST_FAILPOINT=after_commit:3` ends it by SIGKILL the third time it comes there.
enum Failpoints {
    static func fromEnvironment() throws(CommandFailure) -> @Sendable (Failpoint) -> Void {
        guard let text = ProcessInfo.processInfo.environment["KLINECAST_FAILPOINT"] else { return { _ in } }
        let parts = text.split(separator: ":")
        guard let name = parts.first, let point = Failpoint(rawValue: String(name)), parts.count <= 2,
            let turn = parts.count == 2 ? Int(parts[1]) : 1
        else {
            let names = Failpoint.allCases.map(\.rawValue).joined(separator: ", ")
            throw .usage("KLINECAST_FAILPOINT: must be one of \(names), with :<turn> (got \(Terminal.shown(text)))")
        }
        let left = Locked(turn)
        return { reached in
            guard reached == point,
                left.withLock({
                    $0 -= 1
                    return $0
                }) == 0
            else { return }
            kill(getpid(), SIGKILL)
        }
    }
}
