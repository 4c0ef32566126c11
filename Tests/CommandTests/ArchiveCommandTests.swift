import Foundation
import Kafka
import MarketData
import Persister
import Records
import Storage
import TestRigs
import Testing

@testable import klinecast

/// `query`, `gaps` and `dlq` as a shell sees them, on real tables.
@Suite(.timeLimit(.minutes(5))) struct ArchiveCommandTests {
    /// 2025-01-01T03:00:00Z, by `date -u -d … +%s`.
    private static let start: Int64 = 1_735_700_400_000

    private func candle(
        _ minute: Int64, symbol: String = "BTCUSDT", open: String = "93576.10", isClosed: Bool = true
    ) -> String {
        let time = Self.start + minute * 60_000
        return """
            {"symbol":"\(symbol)","timeframe":"1m","time":\(time),"close_time":\(time + 59_999),"open":\(open),"high":93999.5,\
            "low":0.90,"close":93576.5,"volume":12.25,"is_closed":\(isClosed),"quote_asset_volume":100.5,\
            "number_of_trades":42,"taker_buy_base_asset_volume":1.5,"taker_buy_quote_asset_volume":2.5,\
            "source":"binance_websocket","timestamp":\(time + 60_001)}
            """
    }

    private static let topic = "market.data.btcusdt.1m"

    private func objects(_ text: String) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    }

    @Test(arguments: FilledTables.Kind.here) func whatProducersWroteIsReadBack(_ kind: FilledTables.Kind) throws {
        let tables = try FilledTables(kind)
        try tables.write([candle(0), candle(1), candle(2, isClosed: false)], to: Self.topic)
        let result = try tables.run("query", "btcusdt", "1m", "--json")
        #expect(result.code == 0, "\(result.talk)")
        let found = try objects(result.output)
        #expect(found.count == 3)
        for (place, text) in [candle(0), candle(1), candle(2, isClosed: false)].enumerated() {
            let sent = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
            #expect(found[place] as NSDictionary == sent)
        }
        // The digits the database has: PostgreSQL keeps the scale as sent.
        #expect(result.output.contains(kind == .postgres ? "\"open\":93576.10," : "\"open\":93576.1,"))
        #expect(try objects(try tables.run("query", "btcusdt", "1m", "--json", "--closed").output).count == 2)
        #expect(try objects(try tables.run("query", "btcusdt", "1m", "--json", "--limit", "1").output).count == 1)
        let times = ["--from", "2025-01-01T03:01", "--to", "2025-01-01T03:02"]
        let one = try Program(["query", "BTCUSDT", "1m", "--json"] + times, ["DATABASE_URL": tables.url]).result()
        #expect(try objects(one.output).map { $0["time"] as? Int64 } == [Self.start + 60_000])
        let none = try tables.run("query", "BTCUSDT", "1m", "--json", "--from", "2026-01-01")
        #expect(try none.code == 0 && objects(none.output).isEmpty)
        #expect(none.talk.contains("no candle of BTCUSDT 1m in that range"))
    }

    @Test(arguments: FilledTables.Kind.here) func theNewestComeInTheOrderOfTime(_ kind: FilledTables.Kind) throws {
        let tables = try FilledTables(kind)
        let minutes: [Int64] = [0, 1, 2, 3]
        try tables.write(minutes.map { candle($0) } + [candle(4, isClosed: false)], to: Self.topic)
        func found(_ words: String...) throws -> [Int64] {
            let result = try Program(
                ["query", "btcusdt", "1m", "--json"] + words, ["DATABASE_URL": tables.url]
            ).result()
            #expect(result.code == 0, "\(result.talk)")
            return try objects(result.output).compactMap { ($0["time"] as? Int64).map { ($0 - Self.start) / 60_000 } }
        }
        #expect(try found("--last", "2") == [3, 4])
        #expect(try found("--last", "2", "--closed") == [2, 3])
        #expect(try found("--last", "2", "--to", "2025-01-01T03:02") == [0, 1])
        #expect(try found("--last", "9", "--from", "2025-01-01T03:03") == [3, 4])
        #expect(try found("--last", "2", "--from", "2026-01-01") == [])
        let both = try tables.run("query", "btcusdt", "1m", "--last", "2", "--limit", "2")
        #expect(both.code == 2 && both.talk.contains("--limit and --last exclude each other"), "\(both.talk)")
    }

    @Test(arguments: FilledTables.Kind.here) func aTableIsForPeople(_ kind: FilledTables.Kind) throws {
        let tables = try FilledTables(kind)
        try tables.write([candle(0, open: "93576.5")], to: Self.topic)
        let result = try tables.run("query", "btcusdt", "1m")
        let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines[0] == "time open high low close volume trades closed source")
        #expect(lines[1].hasPrefix("2025-01-01T03:00:00Z 93576.5 93999.5 0.9"))
        #expect(lines[1].hasSuffix("93576.5 12.25 42 yes binance_websocket"))
        #expect(result.talk.contains("1 candle of BTCUSDT 1m"))
    }

    @Test(arguments: FilledTables.Kind.here) func whatQueryWritesFeedReads(_ kind: FilledTables.Kind) throws {
        let tables = try FilledTables(kind)
        let minutes: [Int64] = [0, 1, 2]
        try tables.write(minutes.map { candle($0) } + [candle(3, isClosed: false)], to: Self.topic)
        let written = try tables.run("query", "btcusdt", "1m", "--csv")
        #expect(written.code == 0)
        // Feed sends closed candles only, so an open one has no place there.
        #expect(written.talk.contains("3 candles of BTCUSDT 1m; 1 still open left out"))
        let file = try CandleFile(name: "BTCUSDT-1m.csv", text: written.output)
        #expect(file.rows.map(\.openTime) == minutes.map { Self.start + $0 * 60_000 })
        #expect(file.rows.allSatisfy { Double($0.open) == 93576.1 && $0.volume == "12.25" })
        let folder = try TemporaryFolder("round")
        try written.output.write(toFile: folder.file("BTCUSDT-1m.csv"), atomically: true, encoding: .utf8)
        let broker = try EmbeddedBroker()
        try broker.createTopic(Self.topic)
        let fed = try Program.run(
            "feed", "--no-create", folder.file("BTCUSDT-1m.csv"), environment: ["KAFKA_BROKER": broker.bootstrap])
        #expect(fed.code == 0 && fed.talk.contains("3 candles acknowledged"), "\(fed.talk)")
    }

    @Test(arguments: FilledTables.Kind.here) func missingCandlesAreListedAndHolesShown(_ kind: FilledTables.Kind) throws
    {
        let tables = try FilledTables(kind)
        let source = SourcePartition(topic: Self.topic, partition: 0)
        try tables.write(
            [0, 1, 4, 5].map { candle($0) }, to: Self.topic,
            holes: [Hole(source: source, generation: 0, from: 10, to: 15)])
        let result = try tables.run("gaps", "--json")
        #expect(result.code == 3)
        #expect(
            result.output == """
                [{"symbol":"BTCUSDT","timeframe":"1m","from":\(Self.start + 120_000),"to":\(Self.start + 180_000),"candles":2}]

                """)
        let text = try tables.run("gaps", "btcusdt", "1m")
        #expect(text.code == 3)
        #expect(text.talk.contains("2 candles are missing in 1 gap"))
        #expect(text.talk.contains("5 offsets in 1 hole"))
        let holes = try tables.run("gaps", "--holes", "--json")
        #expect(holes.code == 3)
        let hole = try #require(try objects(holes.output).first)
        #expect(hole["from_offset"] as? Int == 10 && hole["to_offset"] as? Int == 15)
        #expect(try tables.run("gaps", "btcusd").talk.contains("did you mean BTCUSDT?"))
    }

    @Test(arguments: FilledTables.Kind.here) func aHoleAloneIsToldAndOnlyToWhomItConcerns(
        _ kind: FilledTables.Kind
    ) throws {
        let tables = try FilledTables(kind)
        let source = SourcePartition(topic: Self.topic, partition: 0)
        try tables.write(
            [0, 1].map { candle($0) }, to: Self.topic,
            holes: [Hole(source: source, generation: 0, from: 10, to: 15)])
        let other = "market.data.ethusdt.1m"
        try tables.write([candle(0, symbol: "ETHUSDT")], to: other)
        #expect(try tables.run("gaps").code == 3)
        #expect(try tables.run("gaps", "btcusdt", "1m").code == 3)
        #expect(try tables.run("gaps", "ethusdt").code == 0)
    }

    @Test(arguments: FilledTables.Kind.here) func nothingMissingIsDone(_ kind: FilledTables.Kind) throws {
        let tables = try FilledTables(kind)
        #expect(try tables.run("gaps", "--json").output == "[]\n")
        try tables.write([0, 1, 2].map { candle($0) }, to: Self.topic)
        let result = try tables.run("gaps")
        #expect(result.code == 0 && result.output.isEmpty)
        #expect(try tables.run("gaps", "--holes").code == 0)
    }

    @Test(arguments: FilledTables.Kind.here)
    func aReplayedLetterIsWrittenAndMovesNoPosition(_ kind: FilledTables.Kind) throws {
        let tables = try FilledTables(kind)
        try tables.write(
            [candle(0)], to: Self.topic,
            refused: [
                FilledTables.refused(1, candle(1), .tooLarge), FilledTables.refused(2, "{\"time\":", .notAnObject),
                FilledTables.refused(3, nil, .nullValue),
            ])
        let letters = try objects(try tables.run("dlq", "list", "--json").output)
        #expect(letters.map { $0["reason"] as? String } == ["too_large", "not_an_object", "null_value"])
        let ids = try letters.map { try #require($0["id"] as? Int) }
        let sheet = try tables.run("dlq", "show", "\(ids[1])")
        #expect(sheet.code == 0 && sheet.output.contains("reason      not_an_object"))
        #expect(sheet.output.hasSuffix("value       8 bytes\n{\"time\":\n"))

        #expect(!(try tables.run("dlq", "list").output.contains("failed")), "nobody has replayed any")

        let replay = try tables.run("dlq", "replay", "--all")
        #expect(replay.code == 3, "\(replay.talk)")
        #expect(replay.talk.contains("1 written, 2 still refused, kept"))
        #expect(replay.output.contains("still refused: null_value: the record's value is null"))
        #expect(try objects(try tables.run("query", "btcusdt", "1m", "--json").output).count == 2)
        // Once more changes nothing, and what was replayed is no longer listed.
        let again = try tables.run("dlq", "replay", "\(ids[0])", "--json")
        #expect(again.code == 0 && again.output == "{\"written\":0,\"unchanged\":1,\"failed\":0}\n")
        let left = try objects(try tables.run("dlq", "list", "--json").output)
        #expect(left.map { $0["id"] as? Int } == Array(ids.dropFirst()))
        #expect(left.allSatisfy { $0["attempts"] as? Int == 2 })
        #expect(try tables.run("dlq", "list").output.split(separator: "\n").count { $0.contains("failed") } == 2)
        #expect(try objects(try tables.run("dlq", "list", "--replayed", "--json").output).count == 3)

        let claim = try tables.store.claim([SourcePartition(topic: Self.topic, partition: 0)])[0]
        #expect(claim.position == StoredPosition(nextOffset: 4, lastTimestamp: 7, lastCRC32: 9))
        // One fence for the claim that wrote, one for this claim: a replay takes none.
        #expect(claim.fence == 2)
    }

    @Test(arguments: FilledTables.Kind.here) func aTradeMessageIsReplayedToo(_ kind: FilledTables.Kind) throws {
        let tables = try FilledTables(kind)
        let order = "{\"symbol\":\"BTCUSDT\",\"order_id\":\"17\",\"side\":\"buy\"}"
        try tables.write([], to: "orders", refused: [FilledTables.refused(0, order, .refusedByDatabase)])
        let first = try tables.run("dlq", "replay", "--topic", "orders")
        #expect(first.code == 0 && first.talk.contains("1 written"), "\(first.talk)")
        #expect(try tables.run("dlq", "replay", "--all").talk.contains("no dead letters to replay"))
    }

    @Test(arguments: FilledTables.Kind.here) func purgeAsksAndRemovesWhatWasChosen(_ kind: FilledTables.Kind) throws {
        let tables = try FilledTables(kind)
        try tables.write(
            [], to: Self.topic,
            refused: [FilledTables.refused(0, "x", .notAnObject), FilledTables.refused(1, nil, .nullValue)])
        let unasked = try tables.run("dlq", "purge")
        #expect(unasked.code == 2 && unasked.talk.contains("give --yes"))
        #expect(try objects(try tables.run("dlq", "list", "--json").output).count == 2)
        let some = try tables.run("dlq", "purge", "--reason", "null_value", "--yes")
        #expect(some.code == 0 && some.output == "1 dead letter removed\n")
        #expect(try tables.run("dlq", "purge", "--yes", "--json").output == "{\"removed\":1}\n")
        #expect(try tables.run("dlq", "list").talk.contains("no dead letters"))
        #expect(try tables.run("dlq", "show", "1").code == 1)
    }

    @Test func lettersOfTheRouterAreReadFromTheirTopic() throws {
        let broker = try EmbeddedBroker()
        for topic in ["orders", "orders.dlq"] { try broker.createTopic(topic) }
        let producer = try Producer(settings: KafkaSettings(brokers: broker.bootstrap))
        let headers = [
            "klinecast.stage": "publish", "klinecast.source.topic": "orders", "klinecast.source.partition": "0",
            "klinecast.source.offset": "41", "klinecast.reason": "refused_by_redis", "klinecast.detail": "NOPERM",
            "klinecast.time": "2026-01-02T03:04:05.678Z",
        ]
        for number in 0..<2 {
            try producer.produce(
                topic: "orders.dlq", key: Array("k".utf8), value: Array("{\"n\":\(number)}".utf8),
                headers: headers.map { (name: $0.key, value: Array($0.value.utf8)) })
        }
        try producer.produce(topic: "orders", key: nil, value: Array("{}".utf8))
        var delivered = 0
        try eventually("the letters are there") {
            delivered += producer.poll(timeout: .milliseconds(50)).count
            return delivered == 3
        }
        let environment = ["KAFKA_BROKER": broker.bootstrap]
        let list = try Program.run("dlq", "list", "--kafka", "--json", environment: environment)
        #expect(list.code == 0, "\(list.talk)")
        let letters = try objects(list.output)
        #expect(letters.map { $0["letter"] as? String } == ["orders.dlq/0/0", "orders.dlq/0/1"])
        #expect(letters.first?["topic"] as? String == "orders" && letters.first?["offset"] as? Int == 41)
        let show = try Program.run("dlq", "show", "orders.dlq/0/1", environment: environment)
        #expect(show.output.contains("detail      NOPERM") && show.output.hasSuffix("7 bytes\n{\"n\":1}\n"))
        let none = try Program.run("dlq", "show", "orders/0/9", environment: environment)
        #expect(none.code == 1 && none.talk.contains("orders.dlq has no record at partition 0, offset 9"))
    }

    @Test func whatIsNoLetterOfTheRouterIsNotDelivered() throws {
        let broker = try EmbeddedBroker()
        let redis = try RedisServer()
        try broker.createTopic("orders.dlq")
        let producer = try Producer(settings: KafkaSettings(brokers: broker.bootstrap))
        let good = [
            "klinecast.stage": "publish", "klinecast.source.topic": "orders", "klinecast.source.partition": "0",
            "klinecast.source.offset": "41",
        ]
        let changes: [[String: String]] = [
            [:], ["klinecast.stage": "persist"], ["klinecast.stage": "none"], ["klinecast.source.offset": "-1"],
            ["klinecast.source.topic": "executions"], ["klinecast.source.topic": #"orders","a":""#],
        ]
        for change in changes {
            try producer.produce(
                topic: "orders.dlq", key: nil, value: Array("{}".utf8),
                headers: good.merging(change) { $1 }.map { (name: $0.key, value: Array($0.value.utf8)) })
        }
        #expect(producer.flush(deadline: .seconds(30)))
        let environment = ["KAFKA_BROKER": broker.bootstrap, "REDIS_URL": redis.url]
        let all = try Program.run("dlq", "replay", "--kafka", "--topic", "orders", environment: environment)
        #expect(
            all.code == 3 && all.talk.contains("1 delivered, 4 still refused, 1 of the persister left"), "\(all.talk)")
        let lines = all.output.split(separator: "\n")
        #expect(lines.first == "orders.dlq/0/0  published to 0 subscribers")
        #expect(
            lines.count { $0.hasSuffix("its headers don't say which stage refused which record of its topic") } == 4)
        redis.kill()
        let down = try Program.run("dlq", "replay", "orders.dlq/0/0", environment: environment)
        #expect(down.code == 1 && down.talk.contains("Redis"), "\(down.talk)")
    }
}
