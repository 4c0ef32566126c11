import Foundation
import TestRigs

/// A process that answers on an address with the pages that all of ours have.
protocol ServedPages {
    var address: String { get }
}

/// What a page answered.
struct ServedPage {
    let status: Int
    let text: String
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] ?? [:]
    }
}

extension ServedPages {
    /// One GET; `nil` while nothing listens.
    func get(_ path: String) throws -> ServedPage? {
        let curl = try ChildProcess(
            "curl", ["-s", "--max-time", "5", "-w", "\n%{http_code}", "http://\(address)\(path)"])
        guard curl.waitForExit() == 0, let end = curl.text.lastIndex(of: "\n"),
            let status = Int(curl.text[curl.text.index(after: end)...])
        else { return nil }
        return ServedPage(status: status, text: String(curl.text[..<end]))
    }

    /// `healthy`, `degraded`, `unhealthy` or `stopping`; `nil` while nothing listens.
    var health: String? { (try? get("/health"))?.json["status"] as? String }
    var reasons: [String] { (try? get("/health"))?.json["reasons"] as? [String] ?? [] }

    /// A number of /health's `stats`.
    func stat(_ name: String) -> Int {
        let stats = (try? get("/health"))?.json["stats"] as? [String: Any]
        return (stats?[name] as? NSNumber)?.intValue ?? 0
    }
}
