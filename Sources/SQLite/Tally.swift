internal import CSQLiteShim

/// An SQL function that counts how often it was asked with a false and with a true argument, and answers its truth, 0 or 1: tells
/// what an upsert did to each row without a second question. Usable only in statements, not in a schema.
@safe package final class Tally {
    private let counters: UnsafeMutablePointer<Int64>

    /// Keep it as long as statements that name it run.
    package init(named name: String, in database: Database) throws(SQLiteError) {
        unsafe counters = .allocate(capacity: 2)
        unsafe counters.initialize(repeating: 0, count: 2)
        let code = unsafe sqlite_shim_tally_create(database.handle, name, counters)
        guard code == SQLITE_OK else { throw unsafe Database.error(code, of: database.handle) }
    }

    deinit { unsafe counters.deallocate() }

    package var falseCount: Int { unsafe Int(counters[0]) }
    package var trueCount: Int { unsafe Int(counters[1]) }

    package func clear() { unsafe counters.update(repeating: 0, count: 2) }
}
