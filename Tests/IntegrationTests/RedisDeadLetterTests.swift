import Foundation
import TestRigs
import Testing

/// Messages that nobody can use: kept in the dead-letter topic, named, and out of the way of the others.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(3)))
struct RedisDeadLetterTests {
    private static let limit = 16_384
    /// Values that can't be delivered with an envelope, and the reason that must be given.
    private static let unusable: [(value: [UInt8]?, reason: String)] = [
        (Array("hello".utf8), "not_a_json_object"),
        (Array("[{\"n\":1}]".utf8), "not_a_json_object"),
        (Array("{\"symbol\":\"BTCUSDT\",\"close\":1".utf8), "not_a_json_object"),
        (Array("{\"symbol\":\"".utf8) + [0xff, 0xfe, 0xc3] + Array("\"}".utf8), "not_a_json_object"),
        (nil, "null_value"),
        (Array("{\"filler\":\"\(String(repeating: "x", count: limit))\"}".utf8), "too_large"),
        ([], "not_a_json_object"),
        (Array("{\"a\":1}{\"b\":2}".utf8), "not_a_json_object"),
        (Array("\"text\"".utf8), "not_a_json_object"),
        (Array("{\"a\":01}".utf8), "not_a_json_object"),
    ]

    @Test func eachKindOfUnusableMessageIsKeptAndTheOthersAreDeliveredInOrder() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic(), partitions: 2)
        func kind(_ number: Int) -> (value: [UInt8]?, reason: String)? {
            number % 100 == 37 ? Self.unusable[number / 100 % Self.unusable.count] : nil
        }
        let begin = Date(timeIntervalSinceNow: -1)
        let sent = try rig.messages.produce(
            rig.topic(), 0..<6_000,
            around: { number in
                Messages.Around(
                    partition: Int32(number / 10 % 2), key: number % 3 == 0 ? nil : Array("key-\(number)".utf8),
                    headers: [(name: "trace", value: Array("t\(number)".utf8))])
            },
            value: { number in kind(number).map(\.value) ?? Messages.candle(number, rig.symbol) })
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        let router = try rig.router(redis.url, ["ROUTER_MESSAGE_MAX_BYTES": "\(Self.limit)"])
        let bad = sent.filter { kind($0.number) != nil }
        let good = sent.filter { kind($0.number) == nil }
        try subscriber.wait(for: good.count)
        try eventually("the dead letters are written") { router.stat("dead_letters_written") >= bad.count }

        let sightings = subscriber.received.compactMap { Sighting($0.payload) }
        expectSame(Set(sightings.map(\.number)), Set(good.map(\.number)), "good messages")
        let sequence = SubscriberSequence(sightings)
        #expect(sequence.duplicates == 0)
        for (place, offsets) in sequence.seen {
            #expect(offsets == offsets.sorted())
            // A dead letter is a message that the subscriber did not get: it can tell.
            let wanted = bad.filter { Int64($0.partition) == place.partition && $0.offset < offsets.last! }.map(
                \.offset)
            #expect(sequence.missedOffsets(place) == Set(wanted), "what the subscriber knows it missed in \(place)")
        }

        let letters = try RedisDeadLetters.read(rig.topic() + ".dlq", count: bad.count)
        #expect(letters.count == bad.count, "each once")
        let byPlace = Dictionary(
            letters.map { ("\($0.headers["klinecast.source.partition"] ?? "")/\($0.offset)", $0) },
            uniquingKeysWith: { first, _ in first })
        expectSame(Set(byPlace.keys), Set(bad.map { "\($0.partition)/\($0.offset)" }), "dead letters")
        let time = ISO8601DateFormatter()
        time.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        for message in bad {
            guard let letter = byPlace["\(message.partition)/\(message.offset)"], let kind = kind(message.number) else {
                continue
            }
            #expect(letter.value == kind.value, "the bytes of message \(message.number)")
            #expect(letter.key == (message.number % 3 == 0 ? nil : Array("key-\(message.number)".utf8)))
            #expect(letter.headers["trace"] == "t\(message.number)", "its own headers")
            #expect(letter.headers["klinecast.stage"] == "route")
            #expect(letter.headers["klinecast.source.topic"] == rig.topic())
            #expect(letter.headers["klinecast.reason"] == kind.reason, "\(message.number)")
            let written = letter.headers["klinecast.time"].flatMap { time.date(from: $0) }
            #expect(written.map { $0 >= begin && $0 <= Date() } == true)
        }
        #expect(router.health == "healthy")
    }

    @Test func onceTheCauseIsMendedTheStageThatRefusedRunsAgain() throws {
        let rig = try RedisRouterRig()
        // No channel of the one topic, and the stream of the other has another program's key.
        let redis = try RedisServer {
            $0.users = [
                "router on nopass resetchannels &\(rig.channel("5m")) &roottrading:[ast]* ~* +@all"
            ]
        }
        let url = "redis://router:any@127.0.0.1:\(redis.port)"
        try redis.command("SET", rig.streamKey("5m"), "another program's")
        for timeframe in ["1m", "5m"] {
            try rig.messages.createTopic(rig.topic(timeframe))
            try rig.messages.produce(rig.topic(timeframe), 0..<20) {
                timeframe == "1m" && $0 == 10 ? Array("hello".utf8) : Messages.candle($0, rig.symbol, timeframe)
            }
        }
        let sinks = ["SINKS": "publish,last,stream"]
        let router = try rig.router(url, sinks)
        // Not by the router's own count: the trade topics are other tests' too.
        for timeframe in ["1m", "5m"] {
            let letters = try RedisDeadLetters.read(rig.topic(timeframe) + ".dlq", count: 20)
            #expect(letters.map(\.offset).sorted() == Array(0..<20))
        }
        let subscriber = try Subscriber(redis, [rig.channel("1m"), rig.channel("5m")])
        defer { subscriber.end() }
        func replay(_ words: String..., with more: [String: String] = [:]) throws -> (code: Int32, text: String) {
            let child = try ChildProcess(
                RouterProcess.binary, ["dlq", "replay"] + words,
                environment: ["KAFKA_BROKER": rig.kafka, "REDIS_URL": url].merging(sinks) { $1 }.merging(more) { $1 })
            return (child.waitForExit(), child.text)
        }
        let early = try replay("\(rig.topic("1m")).dlq/0/3")
        #expect(early.code == 3 && early.text.contains("still refused: refused_by_redis: NOPERM"), "\(early.text)")

        try redis.command("ACL", "SETUSER", "router", "allchannels")
        try redis.command("DEL", rig.streamKey("5m"))
        let last = try redis.command("GET", rig.lastKey("1m"))
        let published = try replay("--kafka", "--topic", rig.topic("1m"))
        #expect(published.code == 3, "one of them is no JSON")
        #expect(published.text.contains("  still refused: not_a_json_object"), "\(published.text)")
        #expect(published.text.contains("19 delivered, 1 still refused"), "\(published.text)")
        try subscriber.wait(for: 19)
        let sightings = subscriber.received(on: rig.channel("1m")).compactMap { Sighting($0.payload) }
        #expect(sightings.map(\.number) == (0..<20).filter { $0 != 10 })
        #expect(sightings.map(\.offset) == sightings.map { Int64($0.number) })
        #expect(try redis.command("GET", rig.lastKey("1m")) == last, "a letter is not the newest value")
        // Once more: who follows the contract knows them all.
        // What was refused without asking Redis is the first letter.
        #expect(try replay("\(rig.topic("1m"))/0/1", "\(rig.topic("1m"))/0/19").code == 0)
        try subscriber.wait(for: 21)
        let again = subscriber.received(on: rig.channel("1m")).compactMap { Sighting($0.payload) }
        #expect(SubscriberSequence(again).duplicates == 2)

        let appended = try replay("--kafka", "--topic", rig.topic("5m"), "--json")
        #expect(appended.code == 0 && appended.text.contains(#"{"delivered":20,"failed":0,"elsewhere":0}"#))
        let entries = try RedisAsker(redis).entries(ofStream: rig.streamKey("5m"))
        #expect(entries.map(\.identifier) == (0..<20).map { "1-\($0)" })
        #expect(entries.compactMap { Sighting($0.payload)?.number } == Array(0..<20))
        #expect(subscriber.count == 21, "what was published is not published again")
        let behind = try replay("\(rig.topic("5m"))/0/7")
        #expect(behind.code == 3 && behind.text.contains("behind_stream: the stream has come to 1-19"))

        // The stream has long gone past what never reached Redis; its subscribers get it all the same.
        let first = try replay("\(rig.topic("1m"))/0/0", with: ["ENVELOPE": "none"])
        #expect(first.code == 0 && first.text.contains("published to 1 subscriber"), "\(first.text)")
        try subscriber.wait(for: 22)
        #expect(subscriber.newest?.payload == Array("hello".utf8))
        #expect(try RedisAsker(redis).length(ofStream: rig.streamKey("1m")) == 19)
        #expect(router.stop() == 0)
    }

    @Test func deadLetterTopicUnwritableMakesThePartitionWaitAndHealthSaysSo() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        let (topic, other) = (rig.topic("1m"), rig.topic("5m"))
        try rig.messages.createTopic(topic)
        try rig.messages.createTopic(other)
        // No letter of ours is so small.
        try rig.messages.createTopic(topic + ".dlq", ["max.message.bytes": "100"])
        let subscriber = try Subscriber(redis, [rig.channel("1m"), rig.channel("5m")])
        defer { subscriber.end() }
        let router = try rig.router(redis.url)
        let words = Array("no candle \(String(repeating: "x", count: 300))".utf8)
        func produce(_ topic: String, _ numbers: Range<Int>) throws {
            try rig.messages.produce(topic, numbers) {
                $0 == 100 && topic == rig.topic("1m") ? words : Messages.candle($0, rig.symbol)
            }
        }
        func delivered(_ timeframe: String) -> [Int] {
            subscriber.received(on: rig.channel(timeframe)).compactMap { Sighting($0.payload)?.number }
        }
        try produce(topic, 0..<101)
        try eventually("health says so") {
            router.health == "degraded" && router.reasons.contains { $0.contains("dead letters can't be written") }
        }
        // What comes now waits; the other topic does not notice.
        try produce(topic, 101..<200)
        let slowest = try (0..<10).map { round in
            let begin = ContinuousClock.now
            try produce(other, round * 50..<round * 50 + 50)
            try eventually("the other topic goes on") { delivered("5m").count == (round + 1) * 50 }
            return ContinuousClock.now - begin
        }.max()!
        #expect(slowest < .seconds(10), "the other topic was never delayed")
        #expect(delivered("5m") == Array(0..<500))
        #expect(delivered("1m") == Array(0..<100), "the partition waits at its dead letter")
        // The partitions that /diagnostic shows are up to a second old.
        let waiting = try eventually("/diagnostic names a partition that waits") { () -> [[String: Any]]? in
            let lane = (try router.get("/diagnostic")?.json["lanes"] as? [String: Any])?["market"] as? [String: Any]
            let partitions = lane?["partitions"] as? [[String: Any]] ?? []
            let waiting = partitions.filter { $0["waits_for_dead_letter"] as? Bool == true }
            return waiting.isEmpty ? nil : waiting
        }
        #expect(waiting.map { $0["topic"] as? String } == [topic])
        #expect(waiting.first?["committed"] as? Int ?? 0 <= 100, "a restart reads the message again")

        // A router that dies meanwhile begins with that message again.
        router.kill()
        try router.restart()
        try router.waitUntilReady()
        try eventually("health says so again") {
            router.reasons.contains { $0.contains("dead letters can't be written") }
        }
        try KafkaCluster.shared().run(
            "bin/kafka-configs.sh",
            [
                "--bootstrap-server", rig.kafka, "--alter", "--entity-type", "topics", "--entity-name", topic + ".dlq",
                "--add-config", "max.message.bytes=1048576",
            ])
        try eventually("everything goes on", within: .seconds(40)) { Set(delivered("1m")).isSuperset(of: 101..<200) }
        try eventually("health is well") { router.health == "healthy" }
        expectSame(Set(delivered("1m")), Set(0..<200).subtracting([100]), "messages")
        let letters = try RedisDeadLetters.read(topic + ".dlq", count: 1)
        #expect(letters.map(\.offset) == [100], "one letter, for the one message")
        #expect(letters.first?.value == words)
    }
}
