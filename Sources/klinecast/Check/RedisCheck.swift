import Configuration
import Redis

/// Connects as the router does, tries each of its commands on names that nobody reads, and looks at the assignments.
struct RedisCheck {
    private let settings: Settings

    init(_ settings: Settings) { self.settings = settings }

    func findings() -> [Finding] {
        let bridge = Redis.RedisSettings(settings.redis, clientName: "klinecast-check")
        let subject = "Redis \(settings.redis.endpoint)"
        let client = Client(bridge)
        defer { client.close() }
        do throws(RedisError) { try client.connect(within: .seconds(5)) } catch {
            return [Finding(subject, Self.outcome(error), "\(error)")]
        }
        let version = client.connection.serverVersion.map { "version \($0), " } ?? ""
        let security = bridge.usesTLS ? "over TLS, " : ""
        return [Finding(subject, .fine, "connected \(security)\(version)role master")]
            + trials.map { trial(client, $0) } + [AssignmentCheck(settings).finding(client)]
    }

    /// Neither leaves anything behind: nobody listens to the channel, XX and NOMKSTREAM write only what is there.
    private var trials: [(name: String, words: [String])] {
        let prefix = settings.router.channelPrefix
        let publish = settings.redis.isSharded ? "SPUBLISH" : "PUBLISH"
        var all: [(name: String, words: [String])] = []
        if settings.router.sinks.contains(.publish) {
            all.append(("\(publish) \(prefix):…", [publish, "\(prefix):check", "klinecast check"]))
        }
        if settings.router.sinks.contains(.last) {
            all.append(("SET \(prefix):last:…", ["SET", "\(prefix):last:check", "klinecast check", "XX"]))
        }
        if settings.router.sinks.contains(.stream) {
            all.append(
                (
                    "XADD \(prefix):stream:…",
                    ["XADD", "\(prefix):stream:check", "NOMKSTREAM", "*", "check", "klinecast check"]
                ))
        }
        return all
    }

    private func trial(_ client: Client, _ trial: (name: String, words: [String])) -> Finding {
        let subject = "Redis permission \(trial.name)"
        do throws(RedisError) {
            try client.command(trial.words)
            return Finding(subject, .fine, "allowed")
        } catch {
            guard case .refused(_, .message(.noPermission), let words) = error else {
                return Finding(subject, Self.outcome(error), "\(error)")
            }
            let prefix = settings.router.channelPrefix
            let user = settings.redis.endpoint.username ?? "default"
            let command = trial.words[0].lowercased()
            return Finding(
                subject, .notAuthorised,
                "\(words); let the user do it: ACL SETUSER \(user) ~\(prefix):* &\(prefix):* +\(command)")
        }
    }

    private static func outcome(_ error: RedisError) -> Finding.Outcome {
        if case .refused(_, .global, _) = error { return .notAuthorised }
        return .wrong
    }
}
