import Foundation
import TestRigs
import Testing

/// What reaches the channels, the last values and the streams, compared with what was produced.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(3)))
struct RedisDeliveryTests {
    /// One sort of message: its bytes, and what the envelope must say of it.
    private struct Sort {
        let members: String
        var closed = false
        var enriched = false
        var hasNames = true
    }

    private static func sort(_ number: Int, _ symbol: String, _ timeframe: String?) -> Sort {
        let names = "\"symbol\":\"\(symbol.uppercased())\",\"timeframe\":\"\(timeframe ?? "1m")\","
        let prices = "\"open\":64000.10,\"high\":64001,\"low\":6.4e4,\"close\":64000.50"
        switch number % 9 {
        case 0: return Sort(members: "\(names)\(prices),\"is_closed\":true,\"n\":\(number)", closed: true)
        case 1: return Sort(members: "\(names)\(prices),\"is_closed\":false,\"n\":\(number)")
        case 2: return Sort(members: "\(prices),\"n\":\(number)", hasNames: false)
        case 3: return Sort(members: "\(names)\"open\":\"64000.10\",\"close\":\"1\",\"n\":\(number)")
        case 4: return Sort(members: "\(names)\(prices),\"rsi_14\":55.5,\"n\":\(number)", enriched: true)
        case 5: return Sort(members: " \(names) \n\t\(prices) , \"n\":\(number) ")
        case 6:
            return Sort(
                members:
                    "\(names)\"note\":\"caf\u{e9} \\u00e9 \\\"x\\\" \u{1f680}\",\"deep\":{\"a\":[1,{}]},\"n\":\(number)"
            )
        case 7:
            return Sort(members: "\(names)\"filler\":\"\(String(repeating: "x", count: 5_000))\",\"n\":\(number)")
        default:
            return Sort(
                members: "\(names)\"macd_line\":1,\"is_closed\":true,\"n\":\(number)", closed: true, enriched: true)
        }
    }

    private static func bytes(_ number: Int, _ symbol: String, _ timeframe: String?) -> [UInt8] {
        let members = sort(number, symbol, timeframe).members
        return Array((number % 9 == 5 ? " {\(members)} \r\n" : "{\(members)}").utf8)
    }

    private static func object(_ bytes: [UInt8]) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] ?? [:]
    }

    /// Compares one delivered message, member by member, with the one produced.
    private static func expect(
        _ received: [UInt8], is produced: [UInt8], adding: [String: Any], routing: [String: Any], since: Date
    ) {
        let body = produced[...produced.lastIndex(of: UInt8(ascii: "}"))!].dropLast()
        #expect(received.starts(with: body), "the bytes that were sent, digit by digit")
        var members = object(received)
        var found = members.removeValue(forKey: "_routing") as? [String: Any] ?? [:]
        let arrival = ISO8601DateFormatter()
        arrival.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let receivedAt = arrival.date(from: found.removeValue(forKey: "received_at") as? String ?? "")
        #expect(receivedAt.map { $0 >= since && $0 <= Date() } == true, "received_at is the time of taking")
        let timestamp = (found.removeValue(forKey: "timestamp") as? NSNumber)?.doubleValue ?? 0
        #expect(Date(timeIntervalSince1970: timestamp / 1000) >= since, "timestamp is the record's")
        #expect(text(members) == text(object(produced).merging(adding) { $1 }))
        #expect(text(found) == text(routing))
    }

    /// An object with its members in order of their names.
    private static func text(_ object: [String: Any]) -> String {
        let bytes = try? JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
        return String(decoding: bytes ?? Data(), as: UTF8.self)
    }

    @Test func everyMessageReachesItsChannelInOrderWithTheRightEnvelope() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        let timeframes: [String?] = ["1m", "5m", "1h", "1M", nil]
        let trade = [
            ("orders", "trade:order", "order"), ("executions", "trade:execution", "execution"),
            ("signals", "analyze:signal", "signal"), ("analyzer.signals", "analyze:signal", "signal"),
            ("signals.filtered", "signals:filtered", "signal"),
        ]
        for timeframe in timeframes {
            try rig.messages.createTopic(rig.topic(timeframe), partitions: timeframe == "1m" ? 3 : 1)
        }
        for (topic, _, _) in trade { try rig.messages.createTopic(topic) }
        let since = Date(timeIntervalSinceNow: -1)
        var sent: [Messages.Sent] = []
        func produce(_ numbers: Range<Int>) throws {
            for timeframe in timeframes {
                sent += try rig.messages.produce(
                    rig.topic(timeframe), numbers,
                    around: { Messages.Around(key: $0 % 2 == 0 ? Array("k\($0 % 7)".utf8) : nil) },
                    value: { Self.bytes($0, rig.symbol, timeframe) })
            }
            for (topic, _, _) in trade {
                sent += try rig.messages.produce(topic, numbers.lowerBound..<numbers.lowerBound + 60) {
                    Array("{\"run\":\"\(rig.symbol)\",\"n\":\($0)}".utf8)
                }
            }
        }
        try produce(0..<900)
        let channels = timeframes.map { rig.channel($0) } + Set(trade.map { "roottrading:" + $0.1 })
        let subscriber = try Subscriber(redis, channels)
        defer { subscriber.end() }
        let router = try rig.router(redis.url)
        try produce(10_000..<10_200)
        func own() -> [(Subscriber.Received, Sighting)] {
            // The trade topics are everybody's on the shared broker: others' records are not ours to judge.
            subscriber.received.filter {
                !$0.channel.contains(":data:")
                    ? String(decoding: $0.payload, as: UTF8.self).contains(rig.symbol) : true
            }.compactMap { received in Sighting(received.payload).map { (received, $0) } }
        }
        try eventually("all \(sent.count) messages arrive", within: .seconds(40)) { own().count >= sent.count }
        let arrived = own()
        #expect(arrived.count == sent.count, "each once")
        let byPlace = Dictionary(grouping: arrived) { $0.1.place }
        for (topic, sent) in Dictionary(grouping: sent, by: \.topic) {
            for (partition, sent) in Dictionary(grouping: sent, by: \.partition) {
                let sightings = byPlace[Sighting.Place(topic: topic, partition: Int64(partition))] ?? []
                #expect(sightings.map { $0.1.offset } == sent.map(\.offset).sorted(), "order in \(topic)/\(partition)")
                let isTrade = trade.first { $0.0 == topic }
                for (received, sighting) in sightings {
                    guard let message = sent.first(where: { $0.offset == sighting.offset }) else { continue }
                    var routing: [String: Any] = [
                        "source_topic": topic, "partition": Int(partition), "offset": message.offset,
                        // Nothing but our own records stands in the market topics: each follows the one before.
                        "previous": sighting.previous.map { $0 as Any } ?? NSNull(),
                    ]
                    if let isTrade {
                        routing["priority"] = "high"
                        routing["data_type"] = isTrade.2
                        #expect(received.channel == "roottrading:" + isTrade.1)
                        let produced = Array("{\"run\":\"\(rig.symbol)\",\"n\":\(message.number)}".utf8)
                        Self.expect(received.payload, is: produced, adding: [:], routing: routing, since: since)
                        continue
                    }
                    let timeframe = timeframes.first { rig.topic($0) == topic } ?? nil
                    let sort = Self.sort(message.number, rig.symbol, timeframe)
                    #expect(received.channel == rig.channel(timeframe))
                    #expect(sighting.previous == (message.offset == 0 ? nil : message.offset - 1), "the offset before")
                    routing["priority"] = sort.closed ? "high" : "normal"
                    routing["data_type"] =
                        sort.enriched
                        ? "corrupted_enriched_data" : timeframe == nil ? "raw_market_data_legacy" : "raw_market_data"
                    Self.expect(
                        received.payload, is: Self.bytes(message.number, rig.symbol, timeframe),
                        adding: sort.hasNames ? [:] : ["symbol": rig.symbol, "timeframe": timeframe ?? "1m"],
                        routing: routing, since: since)
                }
            }
        }
        #expect(router.health == "healthy")
        #expect(router.stat("messages_routed") >= sent.count)
    }

    @Test func lastValueAndStreamAgreeWithWhatWasPublished() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        let timeframes: [String?] = ["1m", "1h", "1d", nil]
        for timeframe in timeframes {
            try rig.messages.createTopic(rig.topic(timeframe), partitions: timeframe == "1m" ? 2 : 1)
        }
        func produce(_ numbers: Range<Int>) throws {
            for timeframe in timeframes {
                try rig.messages.produce(
                    rig.topic(timeframe), numbers, around: { Messages.Around(key: Array("\($0 % 5)".utf8)) },
                    value: { Messages.candle($0, rig.symbol, timeframe ?? "1m") })
            }
        }
        try produce(0..<3_000)
        let subscriber = try Subscriber(redis, timeframes.map { rig.channel($0) })
        defer { subscriber.end() }
        let router = try rig.router(
            redis.url, ["SINKS": "publish,last,stream", "STREAM_MAXLEN": "1000000", "LEGACY_CHANNELS": "1"])
        try produce(3_000..<3_050)
        // The hour's and the day's candles come on two channels each.
        try subscriber.wait(for: 3_050 * 6)
        #expect(router.health == "healthy")
        let asker = try RedisAsker(redis)
        for timeframe in timeframes {
            let published = subscriber.received(on: rig.channel(timeframe))
            let last = try asker.ask("GET", rig.lastKey(timeframe))
            #expect(last.bytes == published.last?.payload, "the last value of \(rig.channel(timeframe))")
        }
        for (timeframe, partition) in [("1m", 0), ("1m", 1), ("1h", 0), ("1d", 0), (nil, 0)] as [(String?, Int)] {
            let place = Sighting.Place(topic: rig.topic(timeframe), partition: Int64(partition))
            let published = subscriber.received(on: rig.channel(timeframe))
                .filter { Sighting($0.payload)?.place == place }
            let entries = try asker.entries(ofStream: rig.streamKey(timeframe, partition: partition))
            #expect(!entries.isEmpty && entries.map(\.payload) == published.map(\.payload), "stream of \(place)")
            #expect(
                entries.map(\.identifier) == published.map { "1-\(Sighting($0.payload)!.offset)" }, "ids of \(place)")
        }
        let legacy = subscriber.received(on: rig.channel(nil)).compactMap { Sighting($0.payload) }
        for timeframe in timeframes where timeframe != "1m" {
            let numbers = legacy.filter { $0.place.topic == rig.topic(timeframe) }.map(\.number)
            #expect(numbers == Array(0..<3_050), "\(rig.topic(timeframe)) on the channel without a timeframe")
        }
    }

    @Test func withoutTheEnvelopeTheBytesAreUntouched() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic("5m"))
        // Neither JSON nor text: without the envelope nobody looks inside.
        let values = (0..<256).map { number in (0..<number * 3).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) } }
        try rig.messages.produce(rig.topic("5m"), 0..<values.count) { values[$0] }
        let subscriber = try Subscriber(redis, [rig.channel("5m")])
        defer { subscriber.end() }
        let router = try rig.router(redis.url, ["ENVELOPE": "none"])
        try subscriber.wait(for: values.count)
        #expect(subscriber.received.map(\.payload) == values)
        #expect(try RedisAsker(redis).ask("GET", rig.lastKey("5m")).bytes == values.last)
        #expect(router.health == "healthy")
    }

    @Test func aPrefixOfOnesOwnIsOnEveryChannelAndKey() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic())
        try rig.produce(0..<20)
        let subscriber = try Subscriber(redis, ["desk:market:data:\(rig.symbol):1m"])
        defer { subscriber.end() }
        let router = try rig.router(redis.url, ["CHANNEL_PREFIX": "desk", "SINKS": "publish,last,stream"])
        try subscriber.wait(for: 20)
        try eventually("the answers are in") { router.stat("messages_routed") >= 20 }
        let keys = Set(try RedisAsker(redis).ask("KEYS", "*\(rig.symbol)*").elements.compactMap(\.string))
        #expect(keys == ["desk:last:market:data:\(rig.symbol):1m", "desk:stream:market.data.\(rig.symbol).1m"])
    }
}
