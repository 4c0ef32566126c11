internal import CSQLiteShim

/// What SQLite answered instead of doing it, by what can be done about it.
package enum SQLiteError: Error, Equatable, Sendable {
    /// Another connection holds a lock (BUSY, LOCKED, PROTOCOL): later.
    case busy(Detail)
    /// No room on the disk, or at the page limit (FULL): later.
    case full(Detail)
    /// Reading, writing or syncing failed (IOERR): what is in memory can't be trusted, open anew.
    case inputOutput(Detail)
    /// No memory, no file descriptor, interrupted: later.
    case exhausted(Detail)
    /// These values, never (CONSTRAINT, TOOBIG, MISMATCH).
    case constraint(Detail)
    /// CORRUPT, NOTADB.
    case damaged(Detail)
    /// No such folder, no permission, a read-only file, a file removed while in use (CANTOPEN, PERM, AUTH, READONLY).
    case notAccessible(Detail)
    /// Wrong SQL and other mistakes of the caller.
    case wrongUse(Detail)

    package struct Detail: Equatable, Sendable, CustomStringConvertible {
        /// The extended result code, https://sqlite.org/rescode.html.
        package let code: Int32
        /// SQLite's own words.
        package let words: String

        package init(code: Int32, words: String) {
            self.code = code
            self.words = words
        }

        package var description: String { "SQLite error \(code): \(words)" }
    }

    package var detail: Detail {
        switch self {
        case .busy(let detail), .full(let detail), .inputOutput(let detail), .exhausted(let detail),
            .constraint(let detail), .damaged(let detail), .notAccessible(let detail), .wrongUse(let detail):
            detail
        }
    }

    /// - Parameter systemError: errno as SQLite saw it, 0 when it saw none.
    package init(code: Int32, words: String, systemError: Int32 = 0) {
        let detail = Detail(code: code, words: words)
        // The low byte is the primary code.
        self =
            switch code & 0xff {
            case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: .busy(detail)
            case SQLITE_FULL: .full(detail)
            case SQLITE_IOERR where code >> 8 == 12: .exhausted(detail)  // IOERR_NOMEM
            case SQLITE_IOERR: .inputOutput(detail)
            case SQLITE_NOMEM, SQLITE_INTERRUPT, SQLITE_ABORT, SQLITE_SCHEMA: .exhausted(detail)
            case SQLITE_CONSTRAINT, SQLITE_TOOBIG, SQLITE_MISMATCH: .constraint(detail)
            case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT: .damaged(detail)
            case SQLITE_CANTOPEN where Self.passingErrors.contains(systemError): .exhausted(detail)
            case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH, SQLITE_READONLY, SQLITE_NOLFS: .notAccessible(detail)
            default: .wrongUse(detail)
            }
    }

    /// EMFILE, ENFILE, ENOMEM, EINTR: of the moment, not of the file. Numbers are alike on Linux and macOS.
    private static let passingErrors: Set<Int32> = [24, 23, 12, 4]
}
