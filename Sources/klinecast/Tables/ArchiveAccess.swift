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

    static func failure(_ error: StoreError) -> CommandFailure {
        switch error {
        case .unavailable(let code, let sentence, _): .failed("database: \(sentence) (\(code))")
        case .unusable(let code, let sentence):
            // 28xxx: invalid authorization; 42501: insufficient privilege.
            code.hasPrefix("28") || code == "42501"
                ? .notAuthorised("database: \(sentence) (\(code))") : .failed("database: \(sentence) (\(code))")
        case .fenced(let partitions):
            .failed("database: \(partitions.count) partitions are held by a persister; try again")
        case .refused(let rows): .failed("database: \(rows.first?.sentence ?? "it refused the rows")")
        }
    }
}
