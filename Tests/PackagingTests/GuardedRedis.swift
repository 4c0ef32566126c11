import Foundation
import TestRigs

/// A redis-server started as docker-compose.yml starts it: by config/redis-start.sh, with the users of
/// config/redis-users.acl.
final class GuardedRedis {
    static let passwords = [
        "router": "of the router: p@ss/word#1", "gateway": "of the gateway", "subscriber": "of the subscriber",
    ]

    struct DidNotStart: Error {
        let log: String
    }

    let port = freePort()
    private let folder: TemporaryFolder
    private let server: ChildProcess

    init() throws {
        folder = try TemporaryFolder("guarded-redis")
        let started = try ChildProcess(
            Checkout.path("config/redis-start.sh"),
            ["--port", "\(port)", "--bind", "127.0.0.1", "--dir", folder.path, "--save", ""],
            environment: [
                "REDIS_ROUTER_PASSWORD": Self.passwords["router"]!,
                "REDIS_GATEWAY_PASSWORD": Self.passwords["gateway"]!,
                "REDIS_SUBSCRIBER_PASSWORD": Self.passwords["subscriber"]!,
                "REDIS_USERS_FILE": folder.file("users.acl"),
            ])
        server = started
        try eventually("redis-server serves on \(port)") {
            !started.isRunning || started.text.contains("eady to accept connections")
        }
        guard started.isRunning else { throw DidNotStart(log: started.text) }
    }

    /// What redis-cli prints for one command; a command that goes on (SUBSCRIBE) is ended after its first answer.
    func command(as user: String, _ words: [String]) throws -> String {
        let client = try self.client(user, words)
        try eventually("an answer to \(words)") { !client.isRunning || client.text.split(separator: "\n").count > 1 }
        return client.text
    }

    @discardableResult func command(as user: String, _ words: String...) throws -> String {
        let client = try self.client(user, words)
        client.waitForExit()
        return client.text
    }

    private func client(_ user: String, _ words: [String]) throws -> ChildProcess {
        try ChildProcess(
            "redis-cli", ["-p", "\(port)"] + (user.isEmpty ? [] : ["--user", user]) + words,
            environment: Self.passwords[user].map { ["REDISCLI_AUTH": $0] } ?? [:])
    }
}
