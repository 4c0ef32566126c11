internal import CSQLiteShim

/// One prepared statement of one connection, on its thread. What was bound stays bound over `reset`.
///
/// Binding gives no error: a value that could not be bound (too large, no memory) makes the next `step` fail.
@safe package final class Statement {
    private let database: Database
    private let handle: OpaquePointer
    private var bindCode = SQLITE_OK

    init(_ sql: String, in database: Database) throws(SQLiteError) {
        var prepared: OpaquePointer?
        // PERSISTENT: prepared once and kept, so not from the small pool for short-lived memory.
        let code = unsafe sqlite3_prepare_v3(
            database.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK else { throw unsafe Database.error(code, of: database.handle) }
        guard let prepared = unsafe prepared else {
            throw SQLiteError(code: SQLITE_MISUSE, words: "no statement in \(sql)")
        }
        self.database = database
        unsafe handle = prepared
    }

    deinit { unsafe sqlite3_finalize(handle) }

    // Places of parameters count from 1, as in SQL.

    package func bind(_ place: Int32, _ value: Int64) { note(unsafe sqlite3_bind_int64(handle, place, value)) }

    package func bind(_ place: Int32, _ value: Double) { note(unsafe sqlite3_bind_double(handle, place, value)) }

    package func bindNull(_ place: Int32) { note(unsafe sqlite3_bind_null(handle, place)) }

    package func bind(_ place: Int32, _ value: Int64?) {
        if let value { bind(place, value) } else { bindNull(place) }
    }

    /// Copies the text.
    package func bind(_ place: Int32, _ value: String?) {
        guard var value else { return bindNull(place) }
        value.withUTF8 { unsafe bind(place, text: UnsafeRawBufferPointer($0)) }
    }

    /// Copies the bytes, UTF-8.
    package func bind(_ place: Int32, text: UnsafeRawBufferPointer) {
        guard text.count <= Int32.max else { return note(SQLITE_TOOBIG) }
        note(unsafe sqlite_shim_text_bind(handle, place, text.baseAddress, Int32(text.count)))
    }

    /// Copies the bytes.
    package func bind(_ place: Int32, blob: [UInt8]?) {
        guard let blob else { return bindNull(place) }
        guard blob.count <= Int32.max else { return note(SQLITE_TOOBIG) }
        unsafe blob.withUnsafeBytes {
            unsafe note(sqlite_shim_blob_bind(handle, place, $0.baseAddress, Int32($0.count)))
        }
    }

    private func note(_ code: Int32) { if code != SQLITE_OK { bindCode = code } }

    /// Whether there is a (further) row. After the last row and after an error the statement stands at its start again.
    package func step() throws(SQLiteError) -> Bool {
        guard bindCode == SQLITE_OK else {
            let code = bindCode
            bindCode = SQLITE_OK
            throw SQLiteError(code: code, words: unsafe String(cString: sqlite3_errstr(code)))
        }
        let code = unsafe sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE {
            unsafe sqlite3_reset(handle)
            return false
        }
        let error = unsafe Database.error(code, of: database.handle)
        unsafe sqlite3_reset(handle)
        throw error
    }

    /// Runs it to its end, whatever rows it gives.
    package func run() throws(SQLiteError) { while try step() {} }

    /// Leaves the rows that are left; needed only after a `step` that gave one and before the last.
    package func reset() { unsafe sqlite3_reset(handle) }

    // Places of columns count from 0, as in C. Valid after a `step` that gave a row.

    package var columnCount: Int32 { unsafe sqlite3_column_count(handle) }

    package func isNull(_ place: Int32) -> Bool { unsafe sqlite3_column_type(handle, place) == SQLITE_NULL }

    package func integer(_ place: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, place) }

    package func double(_ place: Int32) -> Double { unsafe sqlite3_column_double(handle, place) }

    /// `nil` for null; what is not UTF-8 becomes replacement characters.
    package func string(_ place: Int32) -> String? {
        guard let bytes = unsafe sqlite3_column_text(handle, place) else { return nil }
        let count = unsafe Int(sqlite3_column_bytes(handle, place))
        return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// `nil` for null, and only for null.
    package func bytes(_ place: Int32) -> [UInt8]? {
        if isNull(place) { return nil }
        guard let bytes = unsafe sqlite3_column_blob(handle, place) else { return [] }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, place))))
    }
}
