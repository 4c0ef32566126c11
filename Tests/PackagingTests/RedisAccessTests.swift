import TestRigs
import Testing

/// config/redis-users.acl on a real server: each user can do its work and nothing else.
@Suite struct RedisAccessTests {
    private static let channel = "roottrading:market:data:btcusdt:1m"
    private static let last = "roottrading:last:market:data:btcusdt:1m"
    private static let stream = "roottrading:stream:market.data.btcusdt.1m"

    private static let routerCommands = [
        ["PING"], ["ROLE"], ["INFO", "server"], ["SELECT", "1"], ["CLIENT", "SETNAME", "klinecast"],
        ["PUBLISH", channel, "{}"], ["SPUBLISH", channel, "{}"],
        ["SET", last, "{}"], ["GET", last], ["EXISTS", last],
        ["XADD", stream, "MAXLEN", "~", "10000", "1-5", "payload", "{}"],
        ["XREVRANGE", stream, "+", "-", "COUNT", "1"], ["XINFO", "STREAM", stream],
    ]
    private static let subscriberCommands = [
        ["PING"], ["SELECT", "1"], ["CLIENT", "SETNAME", "reader"], ["GET", last],
        ["XRANGE", stream, "-", "+"], ["XREVRANGE", stream, "+", "-"], ["XINFO", "STREAM", stream],
        ["XREAD", "STREAMS", stream, "0"],
        ["SUBSCRIBE", channel], ["SSUBSCRIBE", channel], ["PSUBSCRIBE", "roottrading:*"],
    ]
    private static let forbiddenToAll = [
        ["FLUSHALL"], ["FLUSHDB"], ["KEYS", "*"], ["SCAN", "0"], ["DEL", last], ["UNLINK", last],
        ["EXPIRE", last, "1"],
        ["RENAME", last, "roottrading:last:x"], ["CONFIG", "GET", "*"], ["CONFIG", "SET", "maxmemory", "1"],
        ["EVAL", "return 1", "0"], ["FUNCTION", "LIST"], ["SCRIPT", "FLUSH"], ["ACL", "LIST"],
        ["ACL", "SETUSER", "me"],
        ["CLIENT", "LIST"], ["CLIENT", "KILL", "TYPE", "pubsub"], ["MONITOR"],
        ["SHUTDOWN"], ["REPLICAOF", "NO", "ONE"], ["SAVE"], ["BGREWRITEAOF"], ["MODULE", "LIST"],
        ["PUBSUB", "CHANNELS"],
        ["XTRIM", stream, "MAXLEN", "0"], ["XDEL", stream, "1-1"], ["APPEND", last, "x"], ["GETDEL", last],
    ]
    private static let forbiddenToRouter = [
        ["PUBLISH", "other:channel", "{}"], ["SPUBLISH", "other:channel", "{}"],
        ["SET", "roottrading:elsewhere", "{}"], ["SET", "klinecast", "{}"], ["GET", "other"],
        ["GET", "roottrading:other:key"],
        ["EXISTS", "other"],
        ["XADD", "roottrading:last2", "*", "payload", "{}"], ["XREVRANGE", "other", "+", "-"],
        ["SUBSCRIBE", channel], ["XRANGE", stream, "-", "+"],
    ]
    private static let forbiddenToSubscriber = [
        ["PUBLISH", channel, "{}"], ["SPUBLISH", channel, "{}"], ["SET", last, "{}"],
        ["XADD", stream, "*", "payload", "{}"], ["GET", "other"],
        ["GET", "roottrading:other:key"], ["XRANGE", "other", "-", "+"], ["XRANGE", "roottrading:x", "-", "+"],
        ["SUBSCRIBE", "other:channel"], ["SSUBSCRIBE", "other:channel"], ["PSUBSCRIBE", "*"],
        ["PSUBSCRIBE", "roottrading:market:*"], ["INFO"], ["ROLE"],
    ]

    @Test(.timeLimit(.minutes(2)))
    func theRouterDoesItsWorkAndNothingElse() throws {
        let redis = try GuardedRedis()
        for words in Self.routerCommands {
            let answer = try redis.command(as: "router", words)
            #expect(!Self.isError(answer), "\(words): \(answer)")
        }
        for words in Self.forbiddenToAll + Self.forbiddenToRouter {
            #expect(try redis.command(as: "router", words).contains("NOPERM"), "\(words)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aSubscriberReadsAndChangesNothing() throws {
        let redis = try GuardedRedis()
        try redis.command(as: "router", "SET", Self.last, "{}")
        try redis.command(as: "router", "XADD", Self.stream, "1-5", "payload", "{}")
        for words in Self.subscriberCommands {
            let answer = try redis.command(as: "subscriber", words)
            #expect(!Self.isError(answer), "\(words): \(answer)")
        }
        for words in Self.forbiddenToAll + Self.forbiddenToSubscriber {
            #expect(try redis.command(as: "subscriber", words).contains("NOPERM"), "\(words)")
        }
        #expect(try redis.command(as: "router", "GET", Self.last) == "{}\n")
    }

    @Test(arguments: [["PING"], ["GET", last], ["PUBLISH", channel, "{}"], ["SUBSCRIBE", channel]])
    func withoutANameNobodyComesIn(words: [String]) throws {
        #expect(try GuardedRedis().command(as: "", words).contains("NOAUTH"))
    }

    /// A command added to the file has to be added to the lists above too.
    @Test func theFileAllowsWhatTheseTestsTryAndNoMore() throws {
        let lines = try Checkout.text("config/redis-users.acl").split(separator: "\n")
        for (user, commands) in [("router", Self.routerCommands), ("subscriber", Self.subscriberCommands)] {
            let line = try #require(lines.first { $0.hasPrefix("user \(user) ") })
            let allowed = line.split(separator: " ").filter { $0.hasPrefix("+") }.map { $0.dropFirst() }
            let withSubcommand: Set = ["CLIENT", "XINFO"]
            var tried = Set(
                commands.map { words in
                    (withSubcommand.contains(words[0]) ? "\(words[0])|\(words[1])" : words[0]).lowercased()
                })
            // Leaving a channel is a right that only means something after entering it.
            if user == "subscriber" { tried.formUnion(["unsubscribe", "punsubscribe", "sunsubscribe"]) }
            #expect(Set(allowed.map(String.init)) == tried, "\(user)")
        }
    }

    @Test(arguments: ["", "change-me"])
    func redisDoesNotStartWithAPlaceholderForAPassword(password: String) throws {
        let folder = try TemporaryFolder()
        let (code, text) = try Checkout.run(
            Checkout.path("config/redis-start.sh"), ["--port", "\(freePort())"],
            environment: [
                "REDIS_ROUTER_PASSWORD": password, "REDIS_SUBSCRIBER_PASSWORD": "fine",
                "REDIS_USERS_FILE": folder.file("users.acl"),
            ])
        #expect(code == 1)
        #expect(text.contains("REDIS_ROUTER_PASSWORD: must be set"))
    }

    private static func isError(_ answer: String) -> Bool {
        ["NOPERM", "NOAUTH", "ERR", "WRONGPASS", "WRONGTYPE", "AUTH failed"].contains { answer.contains($0) }
    }
}
