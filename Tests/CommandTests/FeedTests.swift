import Foundation
import Kafka
import MarketData
import Records
import TestRigs
import Testing

import enum Configuration.StartPosition

@Suite(.timeLimit(.minutes(5))) struct FeedTests {
    private func write(_ text: String, _ name: String, in folder: TemporaryFolder) throws -> String {
        try text.write(toFile: folder.file(name), atomically: true, encoding: .utf8)
        return folder.file(name)
    }

    private func candles(_ count: Int, from time: Int) -> String {
        "open_time,open,high,low,close,volume\n"
            + (0..<count).map { "\(time + $0 * 60_000),1.10,2.20,0.90,1.50,\($0)\n" }.joined()
    }

    /// Topic → values by offset and partition, as our own consumer reads them until it has `count`.
    private func read(_ broker: EmbeddedBroker, _ count: Int) throws -> [String: [String]] {
        var settings = KafkaSettings(brokers: broker.bootstrap)
        settings.properties = ["fetch.wait.max.ms": "20"]
        let consumer = try Consumer(
            settings: settings, group: "reader", instanceID: nil, subscription: ["^market\\.data\\..+$"],
            start: .earliest)
        defer { consumer.close(deadline: .seconds(2)) }
        try consumer.join()
        var found: [String: [String]] = [:]
        var topics: [Int32: String] = [:]
        let buffer = UnsafeMutablePointer<Record>.allocate(capacity: 256)
        defer { unsafe buffer.deallocate() }
        try eventually("\(count) candles are read") {
            for place in 0..<(unsafe consumer.take(into: buffer, limit: 256)) {
                let record = unsafe buffer[place]
                if let value = unsafe record.value, let topic = unsafe topics[record.slot] {
                    unsafe found[topic, default: []].append(String(decoding: value, as: UTF8.self))
                }
                if let handle = unsafe record.handle { unsafe consumer.release(handle) }
            }
            while let event = consumer.nextEvent() {
                if case .assigning(let partitions) = event {
                    for one in try consumer.assign(partitions) { topics[one.slot] = one.topic }
                }
            }
            return found.values.reduce(0) { $0 + $1.count } >= count
        }
        return found
    }

    @Test func everyCandleArrivesOnceAndInOrder() throws {
        let broker = try EmbeddedBroker()
        let folder = try TemporaryFolder("feed")
        let btc = try write(candles(120, from: 1_735_700_400_000), "BTCUSDT-1m.csv", in: folder)
        let eth = try write(candles(80, from: 1_748_623_200_000), "ETHUSDT-1m.csv", in: folder)
        for topic in ["market.data.btcusdt.1m", "market.data.ethusdt.1m"] { try broker.createTopic(topic) }
        let result = try Program.run("feed", "--no-create", btc, eth, environment: ["KAFKA_BROKER": broker.bootstrap])
        #expect(result.code == 0, "\(result.talk)")
        #expect(result.talk.contains("200 candles acknowledged"))
        let found = try read(broker, 200)
        let times = try (found["market.data.btcusdt.1m"] ?? []).map { text in
            let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            #expect(json?["symbol"] as? String == "BTCUSDT")
            return json?["time"] as? Int
        }
        #expect(times == (0..<120).map { 1_735_700_400_000 + $0 * 60_000 })
        #expect(found["market.data.ethusdt.1m"]?.count == 80)
        // The figures are the file's, digit by digit.
        #expect(found["market.data.btcusdt.1m"]?.first?.contains("\"open\":1.10,\"high\":2.20") == true)
    }

    @Test func aWrongLineIsNamedAndNothingIsSent() throws {
        let folder = try TemporaryFolder("feed")
        let text = "open_time,open,high,low,close,volume\n1735700400000,1,2,1,1,5\n1735700460000,1,2,x,1,5\n"
        let file = try write(text, "BTCUSDT-1m.csv", in: folder)
        let result = try Program.run("feed", file, environment: ["KAFKA_BROKER": "127.0.0.1:\(freePort())"])
        #expect(result.code == 1)
        #expect(result.talk.contains("BTCUSDT-1m.csv: line 3: low must be a number (got x)"))
    }

    @Test func aFileWithAnotherNameIsRefused() throws {
        let folder = try TemporaryFolder("feed")
        let file = try write(candles(1, from: 0), "candles.csv", in: folder)
        let result = try Program.run("feed", file)
        #expect(result.code == 1)
        #expect(result.talk.contains("a candle file is named <SYMBOL>-<timeframe>.csv"))
    }

    @Test func aFolderIsTheFilesInItAlsoWithQuotes() throws {
        let broker = try EmbeddedBroker()
        let folder = try TemporaryFolder("feed")
        _ = try write(candles(2, from: 1_735_700_400_000), "BTCUSDT-1m.csv", in: folder)
        let quoted =
            "\"open_time\",\"open\",\"high\",\"low\",\"close\",\"volume\"\n\"0\",\"1.10\",\"2\",\"1\",\"1\",\"5\"\n"
        _ = try write(quoted, "ETHUSDT-1m.csv", in: folder)
        _ = try write("no candles", "notes.txt", in: folder)
        for topic in ["market.data.btcusdt.1m", "market.data.ethusdt.1m"] { try broker.createTopic(topic) }
        let result = try Program.run(
            "feed", "--no-create", folder.path, environment: ["KAFKA_BROKER": broker.bootstrap])
        #expect(result.code == 0 && result.talk.contains("3 candles acknowledged"), "\(result.talk)")
        #expect(try read(broker, 3)["market.data.ethusdt.1m"]?.first?.contains("\"time\":0,") == true)
        let one = try Program.run(
            "feed", "--no-create", folder.file("ETHUSDT-1m.csv"), environment: ["KAFKA_BROKER": broker.bootstrap])
        #expect(one.talk.contains("1 candle acknowledged"), "\(one.talk)")
    }

    @Test func aTimeframeThatIsNoneIsNamed() throws {
        let folder = try TemporaryFolder("feed")
        let result = try Program.run("feed", try write(candles(1, from: 0), "FOOUSDT-2m.csv", in: folder))
        #expect(result.code == 1)
        #expect(result.talk.contains("FOOUSDT-2m.csv: 2m is no timeframe"), "\(result.talk)")
        let empty = try TemporaryFolder("empty")
        #expect(try Program.run("feed", empty.path).talk.contains("the folder holds no .csv file"))
    }

    @Test func aKafkaThatIsNotThereIsSaid() throws {
        let folder = try TemporaryFolder("feed")
        let file = try write(candles(1, from: 0), "BTCUSDT-1m.csv", in: folder)
        let broker = "127.0.0.1:\(freePort())"
        let result = try Program.run("feed", file, environment: ["KAFKA_BROKER": broker])
        #expect(result.code == 1)
        #expect(result.talk.contains("Kafka at \(broker) does not answer"))
    }

    @Test func whatIsNoKafkaIsSaidBeforeACandleWaitsForIt() throws {
        let folder = try TemporaryFolder("feed")
        let file = try write(candles(1, from: 0), "BTCUSDT-1m.csv", in: folder)
        let other = try RedisServer()
        let environment = ["KAFKA_BROKER": "127.0.0.1:\(other.port)"]
        let result = try Program.run("feed", "--no-create", file, environment: environment)
        #expect(result.code == 1)
        #expect(result.talk.contains("Kafka at 127.0.0.1:\(other.port) does not answer"), "\(result.talk)")
        #expect(!result.talk.contains("acknowledged"), "\(result.talk)")
    }

    @Test(arguments: [["feed"], ["tail", "btcusdt", "1m"]])
    func controlCEndsWhatIsStillConnecting(_ words: [String]) throws {
        let folder = try TemporaryFolder("feed")
        let file = try write(candles(1, from: 0), "BTCUSDT-1m.csv", in: folder)
        // Takes connections and never says a word.
        let port = freePort()
        let mute = try LocalSocket.listen(port)
        defer { close(mute) }
        let program = try Program(
            words == ["feed"] ? words + [file] : words,
            ["KAFKA_BROKER": "127.0.0.1:\(port)", "REDIS_URL": "redis://127.0.0.1:\(port)"])
        try eventually("it connects") { accept(mute, nil, nil) >= 0 }
        program.signal(SIGINT)
        // By the signal itself, not at the end of its patience.
        #expect(program.result().code == -SIGINT, "\(program.talk)")
    }

    @Test func aMonthlyCandleClosesWithTheCalendarsMonth() throws {
        // Values of `date -u -d 2024-02-01 +%s` and of the month after it; 2024 has a leap day.
        let row = try CandleFile(
            name: "BTCUSDT-1M.csv",
            text: "open_time,open,high,low,close,volume\n1706745600000,1,1,1,1,1\n1733011200000,1,1,1,1,1\n")
        let symbol = try #require(Symbol("btcusdt"))
        let february = row.rows[0].json(symbol: symbol, timeframe: .oneMonth, timestamp: 0)
        #expect(february.contains("\"close_time\":1709251199999"))
        let december = row.rows[1].json(symbol: symbol, timeframe: .oneMonth, timestamp: 0)
        #expect(december.contains("\"close_time\":1735689599999"))
    }
}
