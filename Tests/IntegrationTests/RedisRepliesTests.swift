import Foundation
import TestRigs
import Testing

/// Every kind of answer that Redis may give, by a server that gives it on command: what the router does about it.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(3)))
struct RedisRepliesTests {
    /// One answer to the third of twenty PUBLISHes.
    private struct Case {
        let name: String
        let answers: [FakeRedis.Answer]
        /// The connection ends and the third message is sent again; otherwise everything goes on.
        let reconnects: Bool
        /// The third message becomes a dead letter.
        var isRefused = false
        /// A part of the sentence that /diagnostic keeps.
        var sentence = ""
    }

    private static let ok = FakeRedis.Answer.raw(":1\r\n")
    private static let cases: [Case] =
        [
            "LOADING Redis is loading the dataset in memory", "READONLY You can't write against a read only replica.",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "NOAUTH Authentication required.", "OOM command not allowed when used memory > 'maxmemory'.",
            "BUSY Redis is busy running a script.", "TRYAGAIN Multiple keys request during rehashing of slot",
            "CLUSTERDOWN The cluster is down", "MISCONF Redis is configured to save RDB snapshots",
        ].map { Case(name: $0, answers: [.error($0)], reconnects: true, sentence: $0) }
        + [
            Case(name: "garbage", answers: [.raw("what?\r\n")], reconnects: true, sentence: "not the Redis protocol"),
            Case(name: "half a reply, then the end", answers: [.rawThenClose(":")], reconnects: true),
            Case(name: "the end", answers: [.close], reconnects: true),
            Case(name: "silence", answers: [.silence], reconnects: true, sentence: "no reply within"),
            Case(
                name: "a text for a number", answers: [.raw("$2\r\nOK\r\n")], reconnects: true,
                sentence: "a reply of another kind"),
            Case(name: "a status for a number", answers: [.raw("+OK\r\n")], reconnects: true, sentence: "another kind"),
            Case(
                name: "an array for a number", answers: [.raw("*1\r\n:1\r\n")], reconnects: true,
                sentence: "another kind"),
            Case(name: "null for a number", answers: [.raw("$-1\r\n")], reconnects: true, sentence: "another kind"),
            Case(
                name: "NOPERM this user has no permissions to access the channel",
                answers: [.error("NOPERM this user has no permissions to access the channel")], reconnects: false,
                isRefused: true),
            Case(name: "ERR anything else", answers: [.error("ERR anything else")], reconnects: false, isRefused: true),
            // After a reconnect the answers count anew: the refusal must hit the message that was refused.
            Case(
                name: "the end, then NOPERM", answers: [.rawThenClose(":1\r\n"), .error("NOPERM no such channel")],
                reconnects: true, isRefused: true),
        ]

    @Test func eachReplyGetsItsActionAndNoneIsMatchedToTheWrongMessage() throws {
        let rig = try RedisRouterRig()
        let server = try FakeRedis(for: rig.symbol)
        defer { server.end() }
        try rig.messages.createTopic(rig.topic())
        let router = try rig.router(server.url, ["SINKS": "publish", "REDIS_REPLY_DEADLINE": "3s"])
        func published(_ numbers: Range<Int>) -> [Int] {
            server.commands.filter { $0[0] == "PUBLISH" && $0[1] == rig.channel() }
                .compactMap { Sighting(Array($0[2].utf8))?.number }.filter(numbers.contains)
        }
        var letters: [Int] = []
        var routed = router.stat("messages_routed")
        for (index, item) in Self.cases.enumerated() {
            let numbers = index * 20..<index * 20 + 20
            let isLater = item.answers.count > 1
            let accepted = server.accepted
            server.script([Self.ok, Self.ok] + item.answers)
            try rig.produce(numbers)
            // The last message of the twenty goes out when all before it are answered or given up.
            try eventually("all of \(item.name) are answered") {
                router.stat("messages_routed") >= routed + 20 - (item.isRefused ? 1 : 0)
                    && published(numbers).last == numbers.upperBound - 1
            }
            routed = router.stat("messages_routed")
            let third = numbers.lowerBound + 2 + (isLater ? 1 : 0)
            if item.isRefused { letters.append(third) }
            #expect(Set(published(numbers)) == Set(numbers), "\(item.name): all were sent")
            let again = zip(published(numbers), published(numbers).dropFirst()).filter { $1 != $0 + 1 }.map(\.1)
            if item.reconnects {
                #expect(server.accepted > accepted, "\(item.name): the connection is made anew")
                #expect(
                    again.allSatisfy { $0 == third } && again.count <= 1,
                    "\(item.name): goes on with \(again): \(published(numbers))")
                let diagnostic = try router.get("/diagnostic")?.text ?? ""
                #expect(
                    item.sentence.isEmpty || diagnostic.contains(item.sentence), "\(item.name): told in /diagnostic")
            } else {
                #expect(server.accepted == accepted, "\(item.name): the connection stays")
                #expect(again.isEmpty, "\(item.name): nothing is sent again")
            }
        }
        try eventually("the dead letters are written") { router.stat("dead_letters_written") == letters.count }
        let found = try RedisDeadLetters.read(rig.topic() + ".dlq", count: letters.count)
        #expect(found.map(\.offset).sorted() == letters, "each refused message, and no other")
        for letter in found {
            #expect(letter.headers["klinecast.reason"] == "refused_by_redis")
            #expect(letter.headers["klinecast.stage"] == "publish")
            #expect(letter.value == Messages.candle(letter.offset, rig.symbol))
        }
        // One answer too many belongs to nobody: the connection ends, and nothing is lost.
        let accepted = server.accepted
        server.push(":1\r\n")
        try eventually("the connection is made anew") { server.accepted >= accepted + 1 }
        let numbers = 10_000..<10_020
        try rig.produce(numbers)
        try eventually("the next messages arrive") { Set(published(numbers)) == Set(numbers) }
        #expect(published(numbers) == Array(numbers))
        try eventually("health is well") { router.health == "healthy" }
    }

    @Test func outOfMemoryStopsTheStreamAndDefersTheLastValueButLosesNothing() throws {
        let rig = try RedisRouterRig()
        let server = try FakeRedis(for: rig.symbol)
        defer { server.end() }
        try rig.messages.createTopic(rig.topic())
        let router = try rig.router(server.url, ["SINKS": "publish,last,stream"])
        func sent(_ name: String) -> [Int] {
            server.commands.filter { $0[0] == name && $0.contains { $0.contains(rig.symbol) } }
                .compactMap { Sighting(Array($0.last!.utf8))?.number }
        }
        let words = "OOM command not allowed when used memory > 'maxmemory'."
        server.answer("SET", .error(words))
        try rig.produce(0..<50)
        try eventually("publishing goes on") { sent("PUBLISH") == Array(0..<50) }
        try eventually("health says so") { router.reasons.contains { $0.contains("no memory for last values") } }
        #expect(router.health == "degraded")
        let before = sent("SET").count
        server.answer("SET", nil)
        try eventually("the last value is written later") { sent("SET").count > before && sent("SET").last == 49 }
        try eventually("health is well") { router.health == "healthy" }

        server.answer("XADD", .error(words))
        try rig.produce(50..<100)
        try eventually("the stream's first entry is tried again and again") {
            sent("XADD").filter { $0 == 50 }.count >= 3
        }
        // Not only between two connections: as long as nothing gets on.
        for _ in 0..<5 {
            let tries = sent("XADD").count
            try eventually("another try") { sent("XADD").count > tries }
            #expect(router.health == "degraded")
        }
        #expect(router.reasons.contains { $0.contains("OOM") })
        server.answer("XADD", nil)
        try eventually("everything is delivered") { sent("PUBLISH").last == 99 && sent("XADD").last == 99 }
        for name in ["XADD", "PUBLISH"] { #expect(Set(sent(name)) == Set(0..<100), "\(name)") }
        try eventually("health is well") { router.health == "healthy" }
        #expect(router.stat("dead_letters_written") == 0)
    }

    /// Answers to the connection's own commands, before any message: not ready, and why.
    @Test func whatKeepsRedisFromBeingUsableIsTold() throws {
        let rig = try RedisRouterRig()
        let server = try FakeRedis(for: rig.symbol)
        defer { server.end() }
        try rig.messages.createTopic(rig.topic())
        server.answer("PING", .error("LOADING Redis is loading the dataset in memory"))
        let router = try rig.router(server.url, ["REDIS_REPLY_DEADLINE": "400ms"], waits: false)
        func expectTold(_ words: String) throws {
            do {
                try eventually("health says \(words)") {
                    router.health == "degraded" && router.reasons.contains { $0.contains(words) }
                }
            } catch {
                throw NeverHappened(description: "\(error); it says \(router.reasons)")
            }
        }
        try expectTold("LOADING")
        server.answer("PING", .error("NOAUTH Authentication required."))
        try expectTold("set REDIS_PASSWORD")
        server.answer("PING", .error("MASTERDOWN Link with MASTER is down"))
        try expectTold("MASTERDOWN")
        server.answer("PING", .raw("HTTP/1.1 400 Bad Request\r\n"))
        try expectTold("not the Redis protocol")
        server.answer("PING", .silence)
        try expectTold("no reply within")
        server.answer("PING", nil)
        server.answer("ROLE", .raw("*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n:1\r\n"))
        try expectTold("role is replica, not master")
        try rig.produce(0..<20)
        #expect(!server.commands.contains { $0[0] == "PUBLISH" && $0[1] == rig.channel() })
        server.answer("ROLE", nil)
        try eventually("everything is delivered once it can be") {
            server.commands.filter { $0[0] == "PUBLISH" && $0[1] == rig.channel() }.count == 20
        }
        try eventually("health is well") { router.health == "healthy" }
    }
}
