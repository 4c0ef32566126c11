import Foundation
import Redis
import TestRigs
import Testing

import struct Configuration.Secret

@Suite(.serialized) struct Connections {
    /// Random commands, some of which fail, through a proxy that splits at random, with own probes every few ms: each
    /// reply is the one that its command must have.
    @Test(arguments: [1, 2, 3] as [UInt64]) func noReplyIsMatchedToTheWrongCommand(seed: UInt64) throws {
        let server = try RedisServer()
        let proxy = try TCPProxy(to: server.port)
        defer { proxy.end() }
        // Redis 6.2 quotes the name in another way.
        let unknown = try server.command("NOSUCH").trimmingCharacters(in: .newlines)
        #expect(unknown.hasPrefix("ERR unknown command "))
        var random = SeededRandom(seed: seed)
        var settings = RedisSettings(endpoint: .tcp(host: "127.0.0.1", port: proxy.port))
        settings.roleCheckInterval = .milliseconds(1)
        let rig = ConnectionRig(settings)
        try rig.ready()
        var expected: [ReplyTree] = []
        try rig.write([["SET", "text", "x"]])
        expected.append(.status("OK"))
        for _ in 0..<150 {
            proxy.split(into: Int.random(in: 1...40, using: &random))
            var commands: [[String]] = []
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let number = Int.random(in: 0...1_000_000, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0:
                    commands.append(["SETRANGE", "length:\(number)", "\(number % 900)", "x"])
                    expected.append(.integer(Int64(number % 900 + 1)))
                case 1:
                    commands.append(["ECHO", "\(number)"])
                    expected.append(.bulk(Array("\(number)".utf8)))
                case 2:
                    commands.append(["NOSUCH\(number)"])
                    expected.append(
                        .error(unknown.replacingOccurrences(of: "NOSUCH", with: "NOSUCH\(number)")))
                case 3:
                    commands.append(["GET", "nothing:\(number)"])
                    expected.append(.null)
                default:
                    commands.append(["PUBLISH", "c", "\(number)"])
                    expected.append(.integer(0))
                }
            }
            try rig.write(commands)
            if Bool.random(using: &random) { rig.turn(.milliseconds(2)) }
        }
        try rig.run("all replies", within: .seconds(30)) {
            rig.replies.count == expected.count || !rig.connection.isReady
        }
        #expect(rig.replies == expected)
        let sent = String(decoding: proxy.recorded(.toServer), as: UTF8.self)
        #expect(sent.components(separatedBy: "$4\r\nROLE\r\n").count > 3, "probes went between the commands")
        #expect(rig.connection.inFlight == 0)
    }

    /// The server reads slowly, so that runs stay open for long: probes still go out, at boundaries.
    @Test func probesGoOutBetweenRunsThatTheSocketTakesInParts() throws {
        let server = try RedisServer()
        let proxy = try TCPProxy(to: server.port)
        defer { proxy.end() }
        var settings = RedisSettings(endpoint: .tcp(host: "127.0.0.1", port: proxy.port))
        settings.roleCheckInterval = .milliseconds(1)
        let rig = ConnectionRig(settings)
        try rig.ready()
        let text = String(repeating: "x", count: 100_000)
        for index in 0..<200 { try rig.write([["ECHO", "\(index)\(text)"]]) }
        try rig.run("all replies", within: .seconds(30)) { rig.replies.count == 200 || !rig.connection.isReady }
        #expect(rig.replies == (0..<200).map { .bulk(Array("\($0)\(text)".utf8)) })
    }

    @Test func aRestartedServerIsFoundAgainWithAnotherRunID() throws {
        let server = try RedisServer()
        let rig = ConnectionRig(try RedisSettings(address: server.url))
        try rig.ready()
        let (first, generation) = (rig.connection.runID, rig.connection.generation)
        #expect(first?.count == 40 && rig.connection.serverVersion?.isEmpty == false)
        server.kill()
        try rig.run("the end noticed") { !rig.connection.isReady }
        try server.start()
        try rig.ready()
        #expect(rig.connection.runID?.count == 40 && rig.connection.runID != first)
        #expect(rig.connection.generation > generation)
        #expect(rig.connection.lastFailure != nil)
    }

    @Test func aHungServerIsNoticedWithinFiveSecondsWhenIdleToo() throws {
        let server = try RedisServer()
        let settings = try RedisSettings(address: server.url)
        #expect(settings.roleCheckInterval + settings.replyDeadline < .seconds(5), "the idle one asks, then waits")
        let rig = ConnectionRig(settings)
        try rig.ready()
        server.freeze()
        let stopped = ContinuousClock.now
        try rig.run("the hang noticed") { !rig.connection.isReady }
        #expect(rig.connection.lastFailure?.error == .replyDeadline(.seconds(3)))
        #expect(ContinuousClock.now - stopped > .seconds(2), "not before the deadline")
        server.thaw()
        try rig.ready()
    }

    @Test func aLaneThatWasAwayItselfDoesNotBlameTheServer() throws {
        let server = try RedisServer()
        var settings = try RedisSettings(address: server.url)
        settings.replyDeadline = .seconds(1)
        let rig = ConnectionRig(settings)
        try rig.ready()
        let generation = rig.connection.generation
        try rig.write(Array(repeating: ["ECHO", String(repeating: "x", count: 1000)], count: 500))
        let away = ContinuousClock.now + settings.replyDeadline * 3
        try eventually("three deadlines are over") { ContinuousClock.now >= away }
        try rig.run("all replies") { rig.replies.count == 500 || rig.connection.generation != generation }
        #expect(rig.replies.count == 500 && rig.connection.isReady)
    }

    @Test func aServerThatIsLoadingIsNotReadyUntilItHasLoaded() throws {
        let server = try FakeRedis()
        defer { server.end() }
        server.answer("PING", .error("LOADING Redis is loading the dataset in memory"))
        let rig = ConnectionRig(try RedisSettings(address: server.url))
        try rig.run("three attempts") { server.accepted >= 3 }
        #expect(!rig.connection.isReady)
        guard case .refused("PING", .transient(.loading), _) = rig.connection.lastFailure?.error else {
            Issue.record("\(String(describing: rig.connection.lastFailure))")
            return
        }
        server.answer("PING", nil)
        try rig.ready()
    }

    @Test func aRestartedServerWithMuchDataIsReadyOnlyWithAllOfIt() throws {
        let server = try RedisServer {
            // A real server that takes about a second to load, and answers LOADING every 2 MB.
            $0.further = [["key-load-delay", "300"], ["rdbcompression", "no"]]
        }
        try server.command("EVAL", "for key = 1, 3000 do redis.call('SET', key, string.rep('x', 5000)) end", "0")
        try server.command("SAVE")
        let rig = ConnectionRig(try RedisSettings(address: server.url))
        try rig.ready()
        server.kill()
        try rig.run("the end noticed") { !rig.connection.isReady }
        try server.start(waits: false)
        var wasLoading = false
        try rig.run("ready") {
            if case .refused("PING", .transient(.loading), _) = rig.connection.lastFailure?.error { wasLoading = true }
            return rig.connection.isReady
        }
        #expect(wasLoading)
        try rig.write([["DBSIZE"]])
        try rig.run("its size") { rig.replies.last == .integer(3000) }
    }

    @Test func aReplicaIsRefusedAndADemotionNoticed() throws {
        let master = try RedisServer()
        let other = try RedisServer()
        let rig = ConnectionRig(try RedisSettings(address: master.url))
        try rig.ready()
        try master.command("REPLICAOF", "127.0.0.1", "\(other.port)")
        try rig.run("the demotion noticed") { !rig.connection.isReady }
        #expect(rig.connection.lastFailure?.error == .notMaster(role: "replica"))
        try rig.run("refused again") { if case .disconnected = rig.connection.phase { true } else { false } }
        #expect(!rig.connection.isReady)
        try master.command("REPLICAOF", "NO", "ONE")
        try rig.ready()
    }

    @Test func aWrongPasswordIsSaidInWords() throws {
        let server = try RedisServer { $0.password = "right" }
        let client = Client(try RedisSettings(address: "redis://:wr0ng@127.0.0.1:\(server.port)"))
        let error = #expect(throws: RedisError.self) { try client.connect() }
        #expect(error.map { "\($0)" }?.contains("check REDIS_USERNAME and REDIS_PASSWORD") == true)
        #expect(error?.advice == .tell && error.map { "\($0)" }?.contains("wr0ng") == false)
        let none = Client(try RedisSettings(address: server.url))
        let missing = #expect(throws: RedisError.self) { try none.connect() }
        #expect(missing.map { "\($0)" }?.contains("set REDIS_PASSWORD") == true)
        try Client(try RedisSettings(address: "redis://:right@127.0.0.1:\(server.port)")).connect()
    }

    @Test func aMissingPermissionIsTheMessagesOwnOrTheConnections() throws {
        let server = try RedisServer {
            $0.users = [
                "router on >secret ~* resetchannels &good +publish +ping +role +info",
                "blind on >secret ~* &* +publish +ping",
            ]
        }
        let client = Client(try RedisSettings(address: "redis://router:secret@127.0.0.1:\(server.port)"))
        #expect(try client.command(["PUBLISH", "good", "x"]) == .integer(0))
        let error = #expect(throws: RedisError.self) { try client.command(["PUBLISH", "bad", "x"]) }
        guard case .refused("PUBLISH", .message(.noPermission), _) = error else {
            _ = Issue.record("\(error!)")
            return
        }
        #expect(try client.command(["PUBLISH", "good", "x"]) == .integer(0), "the connection goes on")
        let blind = Client(try RedisSettings(address: "redis://blind:secret@127.0.0.1:\(server.port)"))
        let own = #expect(throws: RedisError.self) { try blind.connect() }
        guard case .refused("ROLE", .global(.noPermission), _) = own else {
            _ = Issue.record("\(own!)")
            return
        }
    }

    @Test func aNameIsLookedUpAndEveryAddressTried() throws {
        let server = try RedisServer()
        let rig = ConnectionRig(try RedisSettings(address: "redis://localhost:\(server.port)"))
        try rig.ready()
        let nowhere = ConnectionRig(try RedisSettings(address: "redis://no-such-host.invalid"))
        try nowhere.run("the failure") { nowhere.connection.lastFailure != nil }
        guard case .resolution("no-such-host.invalid", _) = nowhere.connection.lastFailure?.error else {

            _ = Issue.record("\(String(describing: nowhere.connection.lastFailure))")
            return
        }
    }

    @Test func databaseAndNameAreSet() throws {
        let server = try RedisServer()
        var settings = try RedisSettings(address: server.url + "/3")
        settings.clientName = "router-1"
        let client = Client(settings)
        try client.command(["SET", "a", "1"])
        #expect(try server.command("-n", "3", "GET", "a") == "1")
        #expect(try server.command("CLIENT", "LIST").contains("name=router-1"))
    }

    @Test func aReadyConnectionFailsOnWhatItDoesNotExpect() throws {
        let cases: [(FakeRedis.Answer, RedisError)] = [
            (.rawThenClose("$10\r\nabc"), .closedByServer),
            (.raw(":1\r\n:2\r\n"), .surplusReply),
            (.raw("HTTP/1.1 400\r\n"), .protocolViolation("")),
            (.raw("$2147483647\r\n"), .replyTooLarge(limit: 64 << 20)),
            (.raw("$10\r\nabc"), .replyDeadline(.seconds(2))),
            (.silence, .replyDeadline(.seconds(2))),
            (.close, .closedByServer),
        ]
        for (answer, expected) in cases {
            let server = try FakeRedis([answer])
            defer { server.end() }
            var settings = try RedisSettings(address: server.url)
            settings.replyDeadline = .seconds(2)
            // Otherwise the probe's answer would end the half reply.
            settings.roleCheckInterval = .seconds(60)
            let rig = ConnectionRig(settings)
            try rig.ready()
            let generation = rig.connection.generation
            try rig.write([["PUBLISH", "a", "b"]])
            try rig.run("the failure after \(answer)") { !rig.connection.isReady }
            switch (rig.connection.lastFailure?.error, expected) {
            case (.protocolViolation, .protocolViolation): break
            case (let error, _): #expect(error == expected)
            }
            #expect(rig.replies.count == (expected == .surplusReply ? 1 : 0), "\(answer)")
            try rig.ready()
            #expect(rig.connection.generation > generation && rig.connection.inFlight == 0)
            try rig.write([["PUBLISH", "a", "b"]])
            try rig.run("a reply on the new connection") { rig.replies.last == .integer(1) }
        }
    }

    /// A caller that also looks for replies while the connection's own commands are answered takes nothing from them.
    @Test func fortyConnectionsAreMadeWithoutAnyWaitingForADeadline() throws {
        let server = try FakeRedis()
        defer { server.end() }
        var settings = try RedisSettings(address: server.url)
        settings.backoff = .milliseconds(1) ... .milliseconds(2)
        settings.password = Secret("x")
        let rig = ConnectionRig(settings)
        for attempt in 1...40 {
            try rig.ready()
            #expect(server.accepted == attempt, "\(String(describing: rig.connection.lastFailure))")
            rig.connection.fail("again", now: .now)
        }
    }

    @Test func aConnectionThatItsUserFailsIsMadeAnew() throws {
        let server = try FakeRedis([.silence])
        defer { server.end() }
        let rig = ConnectionRig(try RedisSettings(address: server.url))
        try rig.ready()
        try rig.write([["GET", "a"]])
        rig.connection.fail("READONLY came", now: .now)
        #expect(!rig.connection.isReady && rig.connection.descriptor == -1 && rig.connection.inFlight == 0)
        #expect(rig.connection.lastFailure?.error == .poisoned("READONLY came"))
        try rig.ready()
        try rig.write([["GET", "a"]])
        try rig.run("a reply") { rig.replies == [.integer(1)] }
        rig.connection.close()
        rig.turn()
        #expect(rig.connection.phase == .closed && rig.connection.nextDeadline == nil)
    }

    @Test func aServerThatTakesNoBytesIsNoticed() throws {
        let server = try RedisServer()
        var settings = try RedisSettings(address: server.url)
        settings.replyDeadline = .milliseconds(500)
        settings.roleCheckInterval = .seconds(60)
        let rig = ConnectionRig(settings)
        try rig.ready()
        server.freeze()
        try rig.write([["SET", "a", String(repeating: "x", count: 20 << 20)]])
        try rig.run("the stall noticed") { rig.connection.lastFailure != nil }
        #expect(rig.connection.lastFailure?.error == .writeStalled(.milliseconds(500)))
        server.thaw()
    }
}
