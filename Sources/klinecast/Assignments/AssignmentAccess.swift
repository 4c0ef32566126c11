import Assignment
import Configuration
import Foundation
import Gateway
import Redis

/// Opens the assignments for a command, and turns what can go wrong into sentences and exit codes.
enum AssignmentAccess {
    /// Connects with the first call.
    static func open(_ settings: Settings) -> RedisAssignments {
        RedisAssignments(Redis.RedisSettings(settings.redis, clientName: "klinecast-command"))
    }

    /// Whoever types the command, for the history: `cli anna@desk`.
    static var author: String {
        let user = ProcessInfo.processInfo.userName
        return Terminal.plain("cli \(user.isEmpty ? "uid-\(getuid())" : user)@\(ProcessInfo.processInfo.hostName)")
    }

    static func answer<Value>(_ question: () throws(AssignmentError) -> Value) throws(CommandFailure) -> Value {
        do throws(AssignmentError) { return try question() } catch { throw failure(error) }
    }

    static func stored<Value>(_ question: () throws(StorageError) -> Value) throws(CommandFailure) -> Value {
        do throws(StorageError) { return try question() } catch { throw failure(.storage(error)) }
    }

    static func read(_ storage: any AssignmentStorage) throws(AssignmentError) -> StoredState {
        do throws(StorageError) { return try storage.read() } catch { throw .storage(error) }
    }

    static func failure(_ error: AssignmentError) -> CommandFailure {
        switch error {
        case .storage(.conflict), .plan(.outdated), .workerHasSymbols, .addressTaken, .noCapacity:
            .conflict(error.description)
        case .storage(.unavailable(let words)), .storage(.refused(let words)):
            isRefusal(words) ? .notAuthorised(words) : .failed(words)
        case .storage: .failed(error.description)
        case .plan(.noWorkers):
            .conflict(
                "no worker is active: `klinecast workers add NAME HOST:PORT` registers one, WS_WORKERS does when a "
                    + "gateway starts; `klinecast workers` shows what is there")
        case .plan(.unknownWorker(let name, let known)), .unknownWorker(let name, let known):
            unknown(name, among: known)
        case .plan, .badFile, .noAddress, .notAssigned: .failed(error.description)
        }
    }

    static func unknown(_ name: WorkerName, among known: [WorkerName]) -> CommandFailure {
        let nearest = Suggestion.nearest(to: name.text, among: known.map(\.text))
        let names = known.prefix(10).map(\.text).joined(separator: ", ") + (known.count > 10 ? ", …" : "")
        let hint = nearest.map { "did you mean \($0)?" } ?? (known.isEmpty ? "there is none yet" : "known: \(names)")
        return .failed("worker \(name) is not registered; \(hint)")
    }

    /// Redis has these words for what the user may not: `ACL failure` where a script does it, the last two for a password
    /// where the server has none, or one of before Redis 6.
    private static func isRefusal(_ words: String) -> Bool {
        ["NOAUTH", "NOPERM", "WRONGPASS", "ACL failure", "ERR AUTH <password>", "ERR invalid password"].contains {
            words.contains($0)
        }
    }
}
