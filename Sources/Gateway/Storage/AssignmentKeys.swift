import Assignment

/// The keys of docs/contracts/assignment.md. All carry one hash tag, so that a cluster keeps them in one slot.
enum AssignmentKeys {
    static let placements = "{klinecast}:assignments"
    static let version = "{klinecast}:assignments:version"
    static let meta = "{klinecast}:assignments:meta"
    static let workers = "{klinecast}:workers"
    static let history = "{klinecast}:assignments:history"
    /// A channel.
    static let changes = "{klinecast}:assignments:changes"
    static let progress = "{klinecast}:assignments:progress"

    static func request(_ key: String) -> String { "{klinecast}:assignments:keys:\(key)" }

    static func lease(_ name: LeaseName) -> String {
        switch name {
        case .controller: "{klinecast}:controller:lease"
        case .worker(let worker): "{klinecast}:worker:\(worker):lease"
        }
    }

    /// What the scripts `read` and `commit` have in common, in their order.
    static let state = [meta, version, placements, workers]
}
