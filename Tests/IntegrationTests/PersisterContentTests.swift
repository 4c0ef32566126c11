import Foundation
import TestRigs
import Testing

/// What goes in comes out: real candles, messages of every kind, and what nobody can use.
@Suite("What a persister keeps", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct PersisterContentTests {
    /// The demo's candles of one symbol, as they stand in its file: open_time, open, high, low, close, volume.
    private func fileRows(_ path: String) throws -> [[String]] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst().map {
            $0.split(separator: ",").map(String.init)
        }
    }

    private static let klines = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().appendingPathComponent("../../demo/klines").standardizedFileURL.path

    @Test(.timeLimit(.minutes(2)), arguments: PersisterDatabase.Kind.available)
    func realCandlesComeOutDigitByDigit(_ kind: PersisterDatabase.Kind) throws {
        let corner = try PersisterCorner(kind, topics: 2)
        // The same files under names of the test's own: the name says which topic.
        let folder = try TemporaryFolder("klines")
        var expected: [[String]] = []
        for (place, source) in zip(corner.places, ["BTCUSDT", "DOGEUSDT"]) {
            let symbol = PersisterPlan.symbol(of: place)
            let path = folder.file("\(symbol)-1m.csv")
            try FileManager.default.copyItem(atPath: "\(Self.klines)/\(source)-1m.csv", toPath: path)
            for row in try fileRows(path) {
                expected.append([symbol, row[0]] + row.dropFirst().map(corner.database.spelling(of:)))
            }
        }
        let persister = try corner.persister(["DATABASE_BATCH_ROWS": "16384"])
        let feed = try ChildProcess(
            RouterProcess.binary,
            ["feed"] + corner.places.map { folder.file("\(PersisterPlan.symbol(of: $0))-1m.csv") },
            environment: ["KAFKA_BROKER": corner.kafka.bootstrap])
        #expect(feed.waitForExit() == 0, "\(feed.text)")
        let ends = try corner.places.map { try corner.offsets.limits($0).high }
        #expect(ends.reduce(0, +) == Int64(expected.count))
        try eventually(
            "all candles are in the table\n\(persister.process.text.suffix(2000))", within: .seconds(60),
            every: .milliseconds(50)
        ) {
            let positions = corner.database.positions(corner.group)
            return zip(corner.places, ends).allSatisfy { positions[$0]?.next == $1 }
        }
        #expect(persister.stop() == 0)
        let found = try corner.database.rows(
            """
            select symbol, \(corner.database.milliseconds("time")), open, high, low, close, volume
            from market_data where symbol like '\(corner.symbols)%'
            """)
        let spelled = found.map { $0.map { $0 ?? "null" }.joined(separator: " ") }.sorted()
        #expect(spelled.difference(from: expected.map { $0.joined(separator: " ") }.sorted()) == "")
    }

    /// Values that no table can take, and the word of each; `nil` is a null value.
    private static func unusable(_ symbol: String, _ number: Int) -> (value: String?, reason: String) {
        let time = PersisterPlan.start
        func candle(_ change: (inout [String: String]) -> Void) -> String {
            var members = [
                "symbol": "\"\(symbol)\"", "timeframe": "\"1m\"", "time": "\(time)", "open": "1.5", "high": "2.5",
                "low": "1.25", "close": "2", "volume": "\(number)", "is_closed": "true",
            ]
            change(&members)
            return "{" + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
                + "}"
        }
        let cases: [(String?, String)] = [
            (nil, "null_value"), ("not JSON at all", "not_an_object"), ("[1,2,3]", "not_an_object"),
            (#"{"symbol":"#, "not_an_object"), ("", "not_an_object"),
            (candle { $0["time"] = nil }, "missing_time"), (candle { $0["time"] = "\"yesterday\"" }, "bad_time"),
            (candle { $0["time"] = "-5" }, "bad_time"), (candle { $0["close"] = nil }, "missing_price"),
            (candle { $0["open"] = "\"abc\"" }, "not_a_number"), (candle { $0["close"] = "\"NaN\"" }, "not_a_number"),
            (candle { $0["high"] = "true" }, "not_a_number"), (candle { $0["close"] = "-2" }, "out_of_range"),
            (candle { ($0["high"], $0["low"]) = ("1", "2") }, "high_below_low"),
            (candle { $0["symbol"] = "\"OTHER\"" }, "wrong_symbol"),
            (candle { $0["timeframe"] = "\"7m\"" }, "wrong_timeframe"),
            (candle { $0["timeframe"] = "\"5m\"" }, "wrong_timeframe"),
        ]
        return cases[number % cases.count]
    }

    @Test(.timeLimit(.minutes(2)))
    func aLetterThatComesAloneDoesNotWaitForOthers() throws {
        let corner = try PersisterCorner(.sqlite)
        let messages = try Messages(kafka: corner.kafka.bootstrap)
        let sent = try messages.produce(
            corner.places[0].topic, 0..<3, around: { _ in Messages.Around(partition: 0, key: nil) },
            value: { $0 == 1 ? Array("no candle".utf8) : Array(corner.plan.message(corner.places[0], $0).utf8) })
        let all = Set(sent.map { WrittenRecord(place: corner.places[0], offset: $0.offset, number: $0.number) })
        // Without a limit to its patience the letter would wait for twice as long as this test does.
        let persister = try corner.persister([
            "KAFKA_PROPERTIES": "linger.ms=120000,message.timeout.ms=240000"
        ])
        try corner.waitFor(all, by: [persister])
        #expect(persister.stop() == 0)
    }

    /// One message in a hundred is of no use: each is in the table of dead letters once, with its bytes and its word, and
    /// in the topic; all others are rows.
    @Test(.timeLimit(.minutes(2)), arguments: PersisterDatabase.Kind.available)
    func eachUnusableMessageIsADeadLetterOnceAndNoOtherIs(_ kind: PersisterDatabase.Kind) throws {
        let corner = try PersisterCorner(kind)
        let place = corner.places[0]
        let symbol = PersisterPlan.symbol(of: place)
        let messages = try Messages(kafka: corner.kafka.bootstrap)
        let plan = corner.plan
        // The hundredth, and not the plan's record of that number.
        func isBad(_ number: Int) -> Bool { number % 100 == 50 }
        let sent = try messages.produce(
            place.topic, 0..<3_400, around: { Messages.Around(partition: 0, key: Array("k\($0)".utf8)) },
            value: {
                isBad($0)
                    ? Self.unusable(symbol, $0 / 100).value.map { Array($0.utf8) } : Array(plan.message(place, $0).utf8)
            })
        let all = Set(sent.map { WrittenRecord(place: place, offset: $0.offset, number: $0.number) })
        let persister = try corner.persister()
        try corner.waitFor(all, by: [persister])
        #expect(persister.stop() == 0)

        let expectedRows = plan.candles(after: all.filter { !isBad($0.number) }, in: corner.database)
        #expect(try corner.database.candles(corner.symbols).difference(from: expectedRows) == "")
        let expected = sent.filter { isBad($0.number) }.map { record in
            let bad = Self.unusable(symbol, record.number / 100)
            let value = bad.value.map { $0.utf8.map { String(format: "%02X", $0) }.joined() }
            let key = "k\(record.number)".utf8.map { String(format: "%02X", $0) }.joined()
            return "\(record.offset) \(bad.reason) \(key) \(value ?? "null")"
        }
        let found = try corner.database.rows(
            """
            select "offset", reason, \(corner.database.hexadecimal("key")),
            case when value is null then 'null' else \(corner.database.hexadecimal("value")) end
            from dead_letters where topic = '\(place.topic)'
            """
        ).map { $0.map { $0 ?? "null" }.joined(separator: " ") }
        #expect(found.sorted().difference(from: expected.sorted()) == "")

        let log = try corner.offsets.limits(KafkaPlace(topic: place.topic + ".dlq", partition: 0))
        #expect(log.high == Int64(expected.count), "nothing was killed: each is in the topic once")
        let letters = try RedisDeadLetters.read(
            place.topic + ".dlq", count: Int(log.high), cluster: corner.kafka)
        let wanted = Dictionary(
            uniqueKeysWithValues: sent.filter { isBad($0.number) }.map { (Int($0.offset), $0.number) })
        #expect(Set(letters.map(\.offset)) == Set(wanted.keys))
        for letter in letters {
            guard let number = wanted[letter.offset] else { continue }
            let bad = Self.unusable(symbol, number / 100)
            #expect(letter.value == bad.value.map { Array($0.utf8) })
            #expect(letter.headers["klinecast.stage"] == "persist")
            #expect(letter.headers["klinecast.source.topic"] == place.topic)
            #expect(letter.headers["klinecast.source.partition"] == "0")
            #expect(letter.headers["klinecast.reason"] == bad.reason)
            #expect(letter.headers["klinecast.time"] != nil)
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: PersisterDatabase.Kind.available)
    func aDeadLetterThatCanNotBeWrittenHoldsUpItsOwnPartitionOnly(_ kind: PersisterDatabase.Kind) throws {
        let corner = try PersisterCorner(kind, topics: 2)
        let (bad, good) = (corner.places[0], corner.places[1])
        let messages = try Messages(kafka: corner.kafka.bootstrap)
        // No letter of ours is so small.
        try messages.createTopic(bad.topic + ".dlq", ["max.message.bytes": "100"])
        let persister = try corner.persister().waitUntilReady()
        func produce(_ place: KafkaPlace, _ numbers: Range<Int>) throws {
            try messages.produce(
                place.topic, numbers, around: { _ in Messages.Around(partition: place.partition) },
                value: {
                    $0 == 100 && place == bad
                        ? Array("no candle \(String(repeating: "x", count: 300))".utf8)
                        : Array(corner.plan.message(place, $0).utf8)
                })
        }
        func next(_ place: KafkaPlace) -> Int64? { corner.database.positions(corner.group)[place]?.next }
        try produce(bad, 0..<101)
        try eventually("health says so", within: .seconds(60)) {
            persister.health == "degraded"
                && persister.reasons.contains {
                    $0.contains("1 partitions wait for dead letters that can't be written")
                }
        }
        try eventually("what comes before it is stored", within: .seconds(60)) { next(bad) == 100 }
        try produce(bad, 101..<200)
        try produce(good, 0..<300)
        try eventually("the other topic goes on", within: .seconds(60)) { next(good) == 300 }
        #expect(next(bad) == 100)
        #expect(persister.metric("kafka_waiting_partitions") == 1)

        // Made anew without the limit, by whoever writes the letter.
        try corner.delete(bad.topic + ".dlq")
        try eventually("the partition goes on", within: .seconds(60)) { next(bad) == 200 }
        try eventually("health says so") { persister.health == "healthy" }
        #expect(persister.stop() == 0)
        let reasons = try corner.database.rows("select reason from dead_letters where topic = '\(bad.topic)'")
        #expect(reasons == [["not_an_object"]])
    }

    /// Messages of every kind under one Kafka key, in one order: each in its own table, none merged with another.
    @Test(.timeLimit(.minutes(2)), arguments: PersisterDatabase.Kind.available)
    func messagesWithTheSameKeyAndOrderAreAllThereEachInItsTable(_ kind: PersisterDatabase.Kind) throws {
        let tables = [
            "signals": "trading_signals", "analyzer.signals": "trading_signals", "signals.filtered": "trading_signals",
            "executions": "trade_executions", "orders": "trade_orders",
        ]
        let corner = try PersisterCorner(kind, trade: tables.keys.sorted())
        let messages = try Messages(kafka: corner.kafka.bootstrap)
        // Eleven partial fills, two of them word for word the same.
        func value(_ number: Int) -> String {
            """
            {"test":"\(corner.name)","number":\(number),"order_id":"\(corner.name)-1","symbol":"BTCUSDT","side":"BUY",\
            "strategy":"rsi","client_order_id":"c-\(corner.name)","quantity":"0.10","price":64000.10}
            """
        }
        var sent: [String: [Messages.Sent]] = [:]
        for topic in tables.keys {
            sent[topic] = try messages.produce(
                topic, 0..<11, around: { _ in Messages.Around(partition: 0, key: Array("BTCUSDT".utf8)) },
                value: { Array(value($0 == 10 ? 9 : $0).utf8) })
        }
        let persister = try corner.persister()
        let written = Set(
            sent.values.joined().map {
                WrittenRecord(
                    place: KafkaPlace(topic: $0.topic, partition: $0.partition), offset: $0.offset, number: $0.number)
            })
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        for (topic, table) in tables {
            let rows = try corner.trades(topic)
            #expect(rows.allSatisfy { $0.table == table }, "\(topic)")
            let found = rows.map { "\($0.offset) \($0.message)" }.sorted()
            let expected = (sent[topic] ?? []).map { "\($0.offset) \(value($0.number == 10 ? 9 : $0.number))" }.sorted()
            #expect(found.difference(from: expected) == "", "\(topic), byte by byte")
            let columns = try corner.database.rows(
                """
                select distinct symbol, order_id, client_order_id, strategy, side from \(table)
                where topic = '\(topic)' and order_id = '\(corner.name)-1'
                """)
            #expect(columns == [["BTCUSDT", "\(corner.name)-1", "c-\(corner.name)", "rsi", "BUY"]])
        }
    }
}
