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
    private static let placed = "{klinecast}:assignments"
    private static let version = "{klinecast}:assignments:version"
    private static let history = "{klinecast}:assignments:history"
    private static let changes = "{klinecast}:assignments:changes"
    private static let gatewayCommands = [
        ["PING"], ["ROLE"], ["INFO", "server"], ["TIME"], ["SELECT", "1"], ["CLIENT", "SETNAME", "klinecast"],
        ["EVAL", "return redis.call('GET', KEYS[1])", "1", version],
        ["SCRIPT", "LOAD", "return 1"], ["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
        ["TYPE", placed], ["HSET", placed, "btcusdt", "{}"], ["HMGET", placed, "btcusdt"], ["HLEN", placed],
        ["HVALS", placed], ["HGETALL", placed], ["HDEL", placed, "btcusdt"],
        ["SET", version, "1"], ["GET", version], ["PTTL", version], ["DEL", version],
        ["XADD", history, "*", "entry", "{}"], ["XLEN", history], ["XTRIM", history, "MAXLEN", "1000"],
        ["MEMORY", "USAGE", history], ["XREVRANGE", history, "+", "-"], ["PUBLISH", changes, "{}"],
    ]
    private static let forbiddenToGateway = [
        ["SET", last, "{}"], ["GET", last], ["PUBLISH", channel, "{}"], ["HGETALL", "other"],
        ["EVAL", "return redis.call('SET', KEYS[1], '1')", "1", last], ["HSET", "klinecast", "a", "b"],
        ["FLUSHALL"], ["KEYS", "*"], ["CONFIG", "GET", "*"], ["SCRIPT", "FLUSH"], ["ACL", "LIST"], ["SHUTDOWN"],
        ["CLIENT", "LIST"], ["MONITOR"], ["RENAME", placed, "other"], ["EXPIRE", placed, "1"],
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

    /// The scripts themselves run as this user in the tests of the gateway.
    @Test(.timeLimit(.minutes(2)))
    func theGatewayKeepsTheAssignmentsAndNothingElse() throws {
        let redis = try GuardedRedis()
        for words in Self.gatewayCommands {
            let answer = try redis.command(as: "gateway", words)
            #expect(!Self.isError(answer), "\(words): \(answer)")
        }
        for words in Self.forbiddenToGateway {
            #expect(try redis.command(as: "gateway", words).contains("NOPERM"), "\(words)")
        }
        for words in [["HGETALL", Self.placed], ["GET", Self.version], ["PUBLISH", Self.changes, "{}"]] {
            for user in ["router", "subscriber"] {
                #expect(try redis.command(as: user, words).contains("NOPERM"), "\(user): \(words)")
            }
        }
    }

    /// What the contract says of a user's rights is what compose gives.
    @Test func theContractNamesTheSameRights() throws {
        let pattern = #"^user gateway on \S+ (.*)$"#
        let contract = try Checkout.matches(pattern, in: try Checkout.text("docs/contracts/assignment.md"))
        #expect(try contract == Checkout.matches(pattern, in: try Checkout.text("config/redis-users.acl")))
        #expect(contract.count == 1)
    }

    @Test(arguments: [["PING"], ["GET", last], ["PUBLISH", channel, "{}"], ["SUBSCRIBE", channel]])
    func withoutANameNobodyComesIn(words: [String]) throws {
        #expect(try GuardedRedis().command(as: "", words).contains("NOAUTH"))
    }

    /// A command added to the file has to be added to the lists above too.
    @Test func theFileAllowsWhatTheseTestsTryAndNoMore() throws {
        let lines = try Checkout.text("config/redis-users.acl").split(separator: "\n")
        for (user, commands) in [
            ("router", Self.routerCommands), ("gateway", Self.gatewayCommands), ("subscriber", Self.subscriberCommands),
        ] {
            let line = try #require(lines.first { $0.hasPrefix("user \(user) ") })
            let allowed = line.split(separator: " ").filter { $0.hasPrefix("+") }.map { $0.dropFirst() }
            let withSubcommand: Set = ["CLIENT", "MEMORY", "SCRIPT", "XINFO"]
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
                "REDIS_ROUTER_PASSWORD": password, "REDIS_GATEWAY_PASSWORD": "fine",
                "REDIS_SUBSCRIBER_PASSWORD": "fine",
                "REDIS_USERS_FILE": folder.file("users.acl"),
            ])
        #expect(code == 1)
        #expect(text.contains("REDIS_ROUTER_PASSWORD: must be set"))
    }

    private static func isError(_ answer: String) -> Bool {
        ["NOPERM", "NOAUTH", "ERR", "WRONGPASS", "WRONGTYPE", "AUTH failed"].contains { answer.contains($0) }
    }
}
