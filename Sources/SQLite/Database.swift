internal import CSQLiteShim

/// One connection to one file. Confined to one thread (it takes no lock of its own); every call blocks, on a lock of
/// another connection up to the busy timeout.
@safe package final class Database {
    package enum Access: Sendable {
        case readWrite
        /// Makes the file where there is none.
        case create
    }

    let handle: OpaquePointer

    /// - Throws: `.notAccessible`, `.exhausted`. Whether the file is a database shows only at the first use.
    package init(path: String, access: Access, busyTimeout: Duration) throws(SQLiteError) {
        var flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        if access == .create { flags |= SQLITE_OPEN_CREATE }
        var opened: OpaquePointer?
        let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard let opened = unsafe opened else {
            throw SQLiteError(code: SQLITE_NOMEM, words: "no memory for a connection to \(path)")
        }
        unsafe handle = opened
        guard code == SQLITE_OK else { throw unsafe Self.error(code, of: opened) }
        let (seconds, attoseconds) = busyTimeout.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        unsafe sqlite3_busy_timeout(handle, Int32(clamping: milliseconds))
    }

    /// Statements that outlive it keep the connection until they go.
    deinit { unsafe sqlite3_close_v2(handle) }

    /// One or more statements whose rows nobody wants.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw unsafe Self.error(code, of: handle) }
    }

    package func prepare(_ sql: String) throws(SQLiteError) -> Statement { try Statement(sql, in: self) }

    /// The first column of the first row as a number; 0 where there is none.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// The same as text.
    package func string(_ sql: String) throws(SQLiteError) -> String? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.string(0) : nil
    }

    /// Rows that the last INSERT, UPDATE or DELETE changed.
    package var changes: Int { unsafe Int(sqlite3_changes64(handle)) }

    /// All rows changed since the connection was opened.
    package var totalChanges: Int { unsafe Int(sqlite3_total_changes64(handle)) }

    /// False between BEGIN and the end of its transaction, which some errors end by themselves.
    package var isOutsideTransaction: Bool { unsafe sqlite3_get_autocommit(handle) != 0 }

    /// Whether the last connection moves the write-ahead log into the file when it goes; SQLite's default is yes.
    package func setCheckpointOnClose(_ isOn: Bool) {
        _ = unsafe sqlite_shim_checkpoint_on_close_set(handle, isOn ? 1 : 0)
    }

    static func error(_ code: Int32, of handle: OpaquePointer) -> SQLiteError {
        let extended = unsafe sqlite3_extended_errcode(handle)
        let words = unsafe String(cString: sqlite3_errmsg(handle))
        return SQLiteError(
            code: extended & 0xff == code & 0xff ? extended : code, words: words,
            systemError: unsafe sqlite3_system_errno(handle))
    }
}
