import Foundation
import TestRigs
import Testing

/// Redis dies in the middle of batches and comes back.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(3)))
struct RedisKillTests {
    private static let kills = 5 * RedisRouterRig.torture

    @Test func nothingIsMissingWhenRedisIsKilledAndRestartedInMidBatch() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer { $0.isDurable = true }
        let count = 12_000 * Self.kills
        try rig.messages.createTopic(rig.topic())
        let sent = try rig.produce(0..<count)
        var subscribers = [try Subscriber(redis, [rig.channel()])]
        defer { for subscriber in subscribers { subscriber.end() } }
        let router = try rig.router(
            redis.url, ["SINKS": "publish,last,stream", "STREAM_MAXLEN": "100000000"], waits: false)
        func waitUntilStreamHolds(_ count: Int) throws {
            // Each look on a connection of its own: the last one died with the server.
            try eventually("the stream holds \(count)", within: .seconds(60)) {
                (try? RedisAsker(redis).length(ofStream: rig.streamKey())).map { $0 >= count } ?? false
            }
        }
        var length = 0
        for _ in 0..<Self.kills {
            try waitUntilStreamHolds(length + Int.random(in: 500...4_000))
            redis.kill()
            try redis.start()
            // The subscriber comes back late: what is published meanwhile it misses.
            length = try RedisAsker(redis).length(ofStream: rig.streamKey())
            try waitUntilStreamHolds(length + 300)
            subscribers.append(try Subscriber(redis, [rig.channel()]))
            length = try RedisAsker(redis).length(ofStream: rig.streamKey())
        }
        try #require(length < count, "every kill fell into the work")
        // An end is told only by a later message.
        let final = try rig.produce(count..<count + 1)
        try waitUntilStreamHolds(count + 1)
        try eventually("the last message is at the subscriber") {
            subscribers.last?.newest.flatMap { Sighting($0.payload) }?.number == count
        }
        try eventually("health is well again") { router.health == "healthy" }

        let asker = try RedisAsker(redis)
        let entries = try asker.entries(ofStream: rig.streamKey())
        let stored = entries.compactMap { Sighting($0.payload) }
        expectEachOnceInOrder(stored, sent + final)
        #expect(
            entries.map(\.identifier) == (0...count).map { "1-\($0)" }, "the stream holds each message once, in order")
        let last = try asker.ask("GET", rig.lastKey()).bytes.flatMap { Sighting($0) }
        #expect(last?.number == count, "the last value is the newest message")

        // What the subscriber saw and what it knows it missed is everything, and nothing besides.
        let sequence = SubscriberSequence(subscribers.flatMap(\.received).compactMap { Sighting($0.payload) })
        let place = Sighting.Place(topic: rig.topic(), partition: 0)
        let seen = Set(sequence.seen[place] ?? [])
        let missed = sequence.missedOffsets(place)
        #expect(missed.count >= Self.kills * 100, "it was away while messages came")
        #expect(seen.isDisjoint(with: missed), "nothing that it saw is called missed")
        expectSame(seen.union(missed), Set((sent + final).map(\.offset)), "seen or known to be missed")
        #expect(sequence.duplicates <= routerWindow * Self.kills)
        print("kills \(Self.kills): seen \(seen.count), missed \(missed.count), twice \(sequence.duplicates)")
    }

    @Test func whatHadNoAnswerIsSentAgainInOrderAndNothingElse() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        let relay = try RedisRelay(to: redis.port, replyDelay: 10_000)
        defer { relay.end() }
        let count = 15_000 * Self.kills
        try rig.messages.createTopic(rig.topic())
        try rig.produce(0..<count)
        let router = try rig.router(relay.url, ["SINKS": "publish"], waits: false)
        for kill in 0..<Self.kills {
            let target = relay.bytesToServer + Int.random(in: 200_000...2_000_000)
            try eventually("commands pass") { relay.bytesToServer >= target }
            // In turn: the server dies, and the connection alone is cut, between two pieces of bytes.
            if kill % 2 == 0 {
                redis.kill()
                try redis.start()
            } else {
                relay.cut()
            }
        }
        try eventually("all are answered", within: .seconds(90)) { router.stat("messages_routed") >= count }
        let connections = relay.connections.map { Passed($0, channel: rig.channel()) }.filter { !$0.offsets.isEmpty }
        try #require(connections.count > Self.kills, "every cut fell into the work")
        var next: Int64 = 0
        var reachable: ClosedRange<Int64> = 0...0
        for connection in connections {
            let first = connection.offsets[0]
            #expect(
                connection.offsets == (first..<first + Int64(connection.offsets.count)).map { $0 },
                "one after the other")
            // It goes on with the first message without an answer: none of those before it came to the router unseen.
            #expect(reachable.contains(first), "begins at \(first), possible were \(reachable)")
            #expect(next - first <= Int64(routerWindow), "\(next - first) messages came twice")
            next = first + Int64(connection.offsets.count)
            reachable = max(0, first)...first + Int64(connection.answers)
        }
        #expect(next == Int64(count), "the last connection ends with the last message")
        #expect(connections.map(\.offsets.count).reduce(0, +) > count, "commands were on their way at a cut")
        print("connections \(connections.count), sent \(connections.map(\.offsets.count).reduce(0, +)) for \(count)")
    }

    /// What passed on one connection: the offsets of the messages sent, in order, and how many answers went back.
    private struct Passed {
        var offsets: [Int64] = []
        var answers = 0

        init(_ connection: RedisRelay.Passage, channel: String) {
            var parser = RedisParser()
            parser.append(connection.toServer)
            while let command = parser.next() {
                let words = command.elements
                guard words.count == 3, words[0].string == "PUBLISH", words[1].string == channel,
                    let sighting = Sighting(words[2].bytes ?? [])
                else { continue }
                offsets.append(sighting.offset)
            }
            parser = RedisParser()
            parser.append(connection.toClient)
            while let reply = parser.next() { if case .integer = reply { answers += 1 } }
        }
    }
}
