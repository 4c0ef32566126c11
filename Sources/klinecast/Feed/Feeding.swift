import Foundation
import Kafka
import MarketData
import Telemetry

/// Hands candles to the producer at a chosen speed and counts what becomes of them.
struct Feeding {
    private let producer: Producer
    private let brokers: String
    /// Candles of one round through the files.
    private let total: Int
    /// Candles a second; 0 is as fast as Kafka takes them.
    private let rate: Int
    private let begin = ContinuousClock.now
    private var sent = 0
    private var delivered = 0
    private var failed = 0
    private var firstFailure: KafkaFailure?
    private var lastWords: String?
    private var shownAt = ContinuousClock.now

    init(_ producer: Producer, brokers: String, total: Int, rate: Int) {
        self.producer = producer
        self.brokers = brokers
        self.total = total
        self.rate = rate
    }

    /// One round through all candles, each with the moment of its sending as event time.
    mutating func play(_ series: [CandleSeries], until stop: StopFlag) throws(KafkaError) {
        let topics = series.map(\.topic)
        let keys = series.map(\.key)
        for (place, row) in CandleMerge(series) {
            guard waitForTurn(stop) else { return }
            let now = Timestamp.now()
            let one = series[place]
            let value = Array(one.rows[row].json(symbol: one.symbol, timeframe: one.timeframe, timestamp: now).utf8)
            while try !accepts(topics[place], keys[place], value, now) {
                collect(for: .milliseconds(100))
                if stop.isRaised { return }
            }
            sent += 1
            if sent % 1024 == 0 { collect(for: .zero) }
        }
    }

    /// Hands one record over; false when the producer holds as many as it may.
    private func accepts(_ topic: String, _ key: [UInt8], _ value: [UInt8], _ now: Int64) throws(KafkaError) -> Bool {
        do throws(KafkaError) {
            try producer.produce(topic: topic, key: key, value: value, timestamp: now)
            return true
        } catch {
            if error == .queueFull { return false }
            throw error
        }
    }

    /// Blocks until the next candle's moment; false when somebody wants the end.
    private mutating func waitForTurn(_ stop: StopFlag) -> Bool {
        guard rate > 0 else { return !stop.isRaised }
        let due = begin + .seconds(Double(sent) / Double(rate))
        while !stop.isRaised {
            let rest = due - .now
            if rest <= .zero { return true }
            // Reports come in at once while there are any to wait for; without them it is the pause that counts.
            if rest >= .milliseconds(1) { collect(for: min(rest, .milliseconds(100))) }
        }
        return false
    }

    /// Waits for what is under way and says how it went.
    mutating func finish(_ stop: StopFlag) -> ExitCode {
        let deadline = ContinuousClock.now + .seconds(5)
        while producer.outstanding > 0, !stop.isRaised || ContinuousClock.now < deadline {
            collect(for: .milliseconds(100))
        }
        collect(for: .zero)
        let lost = sent - delivered
        let seconds = max(0.001, (ContinuousClock.now - begin).inSeconds)
        let rate = Terminal.grouped(Int(Double(delivered) / seconds))
        Terminal.talk(
            "\(Terminal.counted(delivered, "candle")) acknowledged by \(brokers) in \(Self.shown(seconds)), \(rate) a second"
        )
        guard lost > 0 else { return .done }
        let reason = firstFailure.map { ": \($0)" } ?? ""
        Terminal.talk(
            "klinecast feed: \(Terminal.grouped(lost)) of \(Terminal.grouped(sent)) candles were not delivered\(reason)"
        )
        return .failed
    }

    private static func shown(_ seconds: Double) -> String { String(format: "%.1f s", seconds) }

    private mutating func collect(for limit: Duration) {
        for delivery in producer.poll(timeout: limit) {
            if let failure = delivery.failure {
                failed += 1
                if firstFailure == nil { firstFailure = failure }
            } else {
                delivered += 1
            }
        }
        while let failure = producer.nextFailure() {
            let words = "\(failure)"
            if words != lastWords { Terminal.talk("Kafka at \(brokers): \(words)") }
            lastWords = words
        }
        guard Terminal.isWatched, ContinuousClock.now - shownAt > .milliseconds(500) else { return }
        shownAt = .now
        let round = total > 0 && sent > total ? " (round \(sent / total + 1))" : " of \(Terminal.grouped(total))"
        Terminal.progress("\(Terminal.grouped(delivered))\(round) candles acknowledged")
    }
}
