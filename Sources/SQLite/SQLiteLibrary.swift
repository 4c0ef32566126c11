internal import CSQLiteShim

/// The library this program was linked with.
package enum SQLiteLibrary {
    package static var version: String { unsafe String(cString: sqlite3_libversion()) }
}
