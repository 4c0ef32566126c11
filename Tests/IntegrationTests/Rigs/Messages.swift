import Foundation
import Kafka
import TestRigs

/// Messages that were produced to a real Kafka and acknowledged, each told from all others by its number.
final class Messages {
    struct Sent: Hashable {
        let topic: String
        let partition: Int32
        let offset: Int64
        let number: Int
    }

    private let producer: Producer
    private let admin: Admin

    init(kafka: String, linger: Duration = .milliseconds(5)) throws {
        let settings = Kafka.KafkaSettings(brokers: kafka)
        producer = try Producer(settings: settings, linger: linger)
        admin = try Admin(settings: settings)
    }

    func createTopic(_ name: String, partitions: Int = 1, _ configuration: [String: String] = [:]) throws {
        try admin.createTopic(name, partitions: partitions, configuration: configuration)
    }

    /// What is said of a message beside its value.
    struct Around {
        var partition: Int32?
        var key: [UInt8]?
        var headers: [(name: String, value: [UInt8])] = []
    }

    /// Produces one message for each number; returns when Kafka has all, in the order of the numbers.
    @discardableResult func produce(
        _ topic: String, _ numbers: Range<Int>, around: (Int) -> Around = { _ in Around() }, value: (Int) -> [UInt8]?
    ) throws -> [Sent] {
        var sent: [Sent?] = Array(repeating: nil, count: numbers.count)
        var left = numbers.count
        func collect(_ timeout: Duration) throws {
            for delivery in producer.poll(timeout: timeout) {
                guard delivery.failure == nil, let offset = delivery.offset else {
                    throw NeverHappened(description: "message \(delivery.token) reached \(topic): \(delivery)")
                }
                let index = Int(delivery.token)
                sent[index] = Sent(
                    topic: topic, partition: delivery.partition, offset: offset, number: numbers.lowerBound + index)
                left -= 1
            }
        }
        for (index, number) in numbers.enumerated() {
            let around = around(number)
            let value = value(number)
            while true {
                do throws(KafkaError) {
                    try producer.produce(
                        topic: topic, partition: around.partition, key: around.key, value: value,
                        headers: around.headers, token: UInt64(index))
                    break
                } catch {
                    guard error == .queueFull else { throw error }
                    try collect(.milliseconds(10))
                }
            }
            if index % 4096 == 4095 { try collect(.zero) }
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while left > 0 {
            try collect(.milliseconds(20))
            if ContinuousClock.now > deadline {
                throw NeverHappened(description: "\(left) messages to \(topic) acknowledged")
            }
        }
        return sent.compactMap(\.self)
    }

    /// A candle with a number of its own.
    static func candle(_ number: Int, _ symbol: String, _ timeframe: String = "1m") -> [UInt8] {
        let open = 1_726_000_000_000 + number * 60_000
        return Array(
            """
            {"symbol":"\(symbol.uppercased())","timeframe":"\(timeframe)","time":\(open),"close_time":\(open + 59_999),\
            "open":64000.10,"high":64001.0,"low":63999.99,"close":64000.5,"volume":1.25,"is_closed":\(number % 4 == 0),\
            "n":\(number)}
            """.utf8)
    }
}
