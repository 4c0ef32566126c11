import Configuration
import Kafka
import MarketData
import Redis
import Router
import Telemetry

/// One measurement: produces to its own topics and subscribes to their channels. One thread, which takes turns.
final class BenchTrial {
    private let messages: Int
    private let topics: [MarketTopic]
    private let channels: [String]
    private let brokers: String
    private let producer: Producer
    private let admin: Admin
    private let subscriber: Client
    private var latency = MillisecondCounts()
    private let run = Timestamp.now()
    private var sent = 0
    private var failed = 0
    private var received = 0
    private var elapsed = Duration.zero

    /// A router finds a new topic within 10 s; a group that has just begun takes some more.
    private static let discoveryLimit = Duration.seconds(30)
    private static let silenceLimit = Duration.seconds(10)

    init(_ settings: Settings, messages: Int, topics count: Int) throws {
        self.messages = messages
        let routes = try RouteTable(settings)
        topics = (0..<count).compactMap { number in
            Symbol("bench\(number)").map { MarketTopic(symbol: $0, timeframe: .oneMinute) }
        }
        channels = topics.compactMap { routes.route($0.name)?.channels.first }
        guard channels.count == topics.count else {
            throw CommandFailure.failed(
                "router.symbols leaves bench0 out, so that the router would not take it; unset SYMBOLS")
        }
        let kafka = Kafka.KafkaSettings(settings.kafka)
        brokers = kafka.brokers
        producer = try Producer(settings: kafka)
        admin = try Admin(settings: kafka)
        subscriber = Client(Redis.RedisSettings(settings.redis, clientName: "klinecast-bench"))
        do { try subscriber.subscribe(channels) } catch { throw CheckCommand.failure(error) }
        try KafkaAccess.expectAnswer(to: producer, brokers)
        for topic in topics where !creates(topic.name) { break }
    }

    /// False where the broker leaves it to its automatic creation.
    private func creates(_ topic: String) -> Bool {
        do throws(KafkaError) {
            try admin.createTopic(topic, partitions: 1, timeout: .seconds(3))
            return true
        } catch { return false }
    }

    /// One candle a topic, until each has come through: the router has found them all.
    func warmUp(_ stop: StopFlag) throws {
        Terminal.progress("waiting for the router to find \(topics.count) topics")
        var missing = Set(channels)
        let deadline = ContinuousClock.now + Self.discoveryLimit
        var lastSend: ContinuousClock.Instant?
        while !missing.isEmpty {
            if stop.isRaised { throw CommandFailure.failed("stopped") }
            guard ContinuousClock.now < deadline else {
                throw CommandFailure.failed(
                    "no router delivers: \(missing.count) of \(topics.count) channels stayed silent for 30 s; is `klinecast "
                        + "router` running with this Kafka (\(brokers)) and this Redis, and what does its /health say?")
            }
            // Again and again: a router whose START lies behind the first one would never show it.
            if lastSend.map({ .now - $0 > .seconds(2) }) ?? true {
                lastSend = .now
                for (topic, channel) in zip(topics, channels) where missing.contains(channel) {
                    try send(topic, number: -1)
                }
            }
            if let message = try next(within: .milliseconds(100)) { missing.remove(message.channel) }
            _ = producer.poll()
            if producer.areBrokersDown {
                throw CommandFailure.failed(
                    "Kafka at \(brokers) does not answer; is it running there, and is KAFKA_BROKER right?")
            }
        }
    }

    func measure(_ stop: StopFlag) throws {
        let begin = ContinuousClock.now
        var lastMessage = begin
        var isFull = false
        while received < messages, !stop.isRaised {
            var turn = 0
            isFull = false
            while sent < messages, turn < 256, !isFull {
                if try send(topics[sent % topics.count], number: sent) { sent += 1 } else { isFull = true }
                turn += 1
            }
            for delivery in producer.poll() where delivery.failure != nil { failed += 1 }
            while let message = try next(within: sent < messages ? .zero : .milliseconds(100)) {
                count(message)
                lastMessage = .now
                if received >= messages { break }
            }
            if sent == messages, .now - lastMessage > Self.silenceLimit { break }
        }
        elapsed = lastMessage - begin
    }

    private func next(within limit: Duration) throws(CommandFailure) -> Client.Message? {
        do { return try subscriber.nextMessage(within: limit) } catch { throw CheckCommand.failure(error) }
    }

    /// False when the producer holds as many as it may.
    @discardableResult private func send(_ topic: MarketTopic, number: Int) throws(KafkaError) -> Bool {
        let now = Timestamp.now()
        let row = CandleFile.Row(
            openTime: now / 60_000 * 60_000, open: "1.0", high: "1.0", low: "1.0", close: "1.0",
            volume: "\(max(0, number)).0")
        // Its own run is known by the volume and the moment of sending, which the router leaves as they are.
        let json = row.json(symbol: topic.symbol, timeframe: .oneMinute, timestamp: now)
        let marked = json.dropLast() + ",\"bench\":\"\(number < 0 ? "warm" : "\(run)")\"}"
        do throws(KafkaError) {
            try producer.produce(
                topic: topic.name, key: Array(topic.symbol.name.uppercased().utf8), value: Array(marked.utf8),
                timestamp: now)
            return true
        } catch {
            if error == .queueFull { return false }
            throw error
        }
    }

    private func count(_ message: Client.Message) {
        let text = String(decoding: message.payload, as: UTF8.self)
        guard text.contains("\"bench\":\"\(run)\"") else { return }
        received += 1
        let read = TailMessage(channel: message.channel, payload: message.payload, way: .live)
        if let milliseconds = read.latency { latency.add(milliseconds) }
    }

    var result: BenchResult {
        BenchResult(
            sent: sent, received: received, failed: failed, topics: topics.count,
            seconds: max(0.001, elapsed.inSeconds),
            median: latency.quantile(0.5), high: latency.quantile(0.99))
    }

    /// Removes the topics where the broker allows it, and says so where it does not.
    func close() {
        _ = producer.flush(deadline: .seconds(2))
        subscriber.close()
        for topic in topics {
            do throws(KafkaError) { try admin.deleteTopic(topic.name, timeout: .seconds(3)) } catch {
                Terminal.talk("The topics \(topics[0].name)… stay: \(error)")
                return
            }
        }
    }
}
