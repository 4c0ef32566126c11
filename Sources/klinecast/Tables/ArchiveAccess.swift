import Configuration
import Foundation
import Persister
import Storage

/// Opens the tables for a command, and turns what a database says into sentences.
enum ArchiveAccess {
    /// A SQLite file that is not there stays that way: reading makes none.
    static func open(_ settings: DatabaseSettings) throws(CommandFailure) -> any Archive {
        let url = settings.url
        if case .sqlite(let path) = url, !FileManager.default.fileExists(atPath: path) {
            throw .failed(
                "\(path) is not there: `klinecast persister` or `make up` makes it; DATABASE_URL or STATE_DIR says where it is"
            )
        }
        return try answer { () throws(StoreError) in try url.archive(statementTimeout: settings.statementTimeout) }
    }

    static func answer<Value>(_ question: () throws(StoreError) -> Value) throws(CommandFailure) -> Value {
        do throws(StoreError) { return try question() } catch { throw failure(error) }
    }

    /// The database does not let this user in, or not do that.
    static func isRefusal(_ error: StoreError) -> Bool {
        guard case .unusable(let code, _) = error else { return false }
        // 28xxx: invalid authorization; 42501: insufficient privilege.
        return code.hasPrefix("28") || code == "42501"
    }

    static func failure(_ error: StoreError) -> CommandFailure {
        switch error {
        case .unavailable(let code, let sentence, _): .failed("database: \(sentence) (\(code))")
        case .unusable(let code, let sentence):
            isRefusal(error)
                ? .notAuthorised("database: \(sentence) (\(code))") : .failed("database: \(sentence) (\(code))")
        case .fenced(let partitions):
            .failed("database: \(partitions.count) partitions are held by a persister; try again")
        case .refused(let rows): .failed("database: \(rows.first?.sentence ?? "it refused the rows")")
        }
    }
}
