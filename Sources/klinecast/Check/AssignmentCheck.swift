import Configuration
import Redis

/// Looks at the keys of the assignments and changes nothing: whose they are, and whether this user may read them.
struct AssignmentCheck {
    /// What docs/contracts/assignment.md says of them.
    private static let kinds = [
        ("{klinecast}:assignments", "hash"), ("{klinecast}:workers", "hash"),
        ("{klinecast}:assignments:meta", "hash"), ("{klinecast}:assignments:version", "string"),
        ("{klinecast}:assignments:history", "stream"),
    ]
    private static let subject = "Redis assignments"
    private let user: String

    init(_ settings: Settings) { user = settings.redis.endpoint.username ?? "default" }

    func finding(_ client: Client) -> Finding {
        do throws(RedisError) {
            for (key, kind) in Self.kinds {
                let found = try client.command(["TYPE", key]).string ?? "none"
                guard [kind, "none"].contains(found) else {
                    return Finding(
                        Self.subject, .wrong,
                        "key \(key) is a \(found), not a \(kind): it is not ours; rename or delete it")
                }
            }
            let symbols = try client.command(["HLEN", Self.kinds[0].0]).integer ?? 0
            let workers = try client.command(["HLEN", Self.kinds[1].0]).integer ?? 0
            return Finding(Self.subject, .fine, "\(symbols) symbols, \(workers) workers")
        } catch {
            guard case .refused(_, .message(.noPermission), _) = error else {
                return Finding(Self.subject, .wrong, "\(error)")
            }
            return Finding(
                Self.subject, .fine,
                "not for the user \(user): a router needs them not; the gateway and the commands dispatch, assignment and "
                    + "workers need the rights of the user gateway in config/redis-users.acl")
        }
    }
}
