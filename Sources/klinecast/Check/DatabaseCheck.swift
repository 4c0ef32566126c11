import Configuration
import Foundation
import Persister
import Storage

/// Opens the database as a reader does, and makes nothing.
struct DatabaseCheck {
    private let settings: Settings

    init(_ settings: Settings) { self.settings = settings }

    func finding() -> Finding {
        let url = settings.database.url
        let subject = "Database \(url)"
        guard settings.router.persists else { return Finding(subject, .fine, "not used by the router, PERSIST=off") }
        if case .sqlite(let path) = url, !FileManager.default.fileExists(atPath: path) {
            return Finding(subject, .fine, "not there yet; the persister makes it")
        }
        do throws(StoreError) {
            let archive = try url.archive(statementTimeout: .seconds(5))
            defer { archive.close() }
            return Finding(subject, .fine, "opened, \(try archive.series().count) series")
        } catch .unusable(code: "no_tables", _) {
            return Finding(subject, .fine, "reached, without tables yet; the persister makes them")
        } catch {
            return Finding(subject, ArchiveAccess.isRefusal(error) ? .notAuthorised : .wrong, error.sentence)
        }
    }
}
