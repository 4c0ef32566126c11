import Foundation
import Persister
import Storage
import TestRigs
import Testing

/// One database of a test's own, empty at first; gone with everything in it when its owner goes.
protocol StorePlace: AnyObject {
    /// A writer that is not open yet. Several may stand side by side.
    func store(group: String) throws -> any Store
    /// A reader; the schema must be there.
    func archive() throws -> any Archive
    /// Asks on a connection of its own, in the SQL that both databases know; each column as text, `nil` for null.
    func rows(_ sql: String) throws -> [[String?]]
}

/// A kind of database that the behaviour suite runs on.
struct StoreRig: Sendable, CustomTestStringConvertible {
    let name: String
    let make: @Sendable () throws -> any StorePlace

    var testDescription: String { name }

    /// SQLite, and PostgreSQL where its server is installed.
    static let all: [StoreRig] = [.sqlite] + postgres

    /// A place with one open writer of the group `test`.
    func open() throws -> (place: any StorePlace, store: any Store) {
        let place = try make()
        let store = try place.store(group: "test")
        try store.open()
        return (place, store)
    }
}
