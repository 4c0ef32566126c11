import Foundation
import TestRigs
import Testing

/// Orders do not wait for candles.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(3)))
struct RedisLaneTests {
    @Test func anOrderIsDeliveredWithin100msWhileCandlesWait() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        let backlog = 200_000 * RedisRouterRig.torture
        try rig.messages.createTopic(rig.topic(), partitions: 4)
        try rig.messages.createTopic("orders")
        try rig.produce(0..<backlog)
        let subscriber = try Subscriber(redis, ["roottrading:trade:order"])
        defer { subscriber.end() }
        // START as of now for a group of its own would skip the backlog: only the trade lane's new records count here.
        // Candles are fetched in small pieces, or a fast machine is done with them before the first order is on its way.
        let router = try rig.router(
            redis.url, ["KAFKA_PROPERTIES": "fetch.message.max.bytes=4096,queued.min.messages=500"])
        let orders = try Messages(kafka: rig.kafka, linger: .zero)
        func arrival(of number: Int) throws -> ContinuousClock.Instant {
            let mark = Array("\"run\":\"\(rig.symbol)\",\"n\":\(number),".utf8)
            return try eventually("order \(number) arrives") {
                subscriber.received.last { $0.payload.starts(with: Array("{".utf8) + mark) }?.time
            }
        }
        func order(_ number: Int) -> [UInt8] {
            Array("{\"run\":\"\(rig.symbol)\",\"n\":\(number),\"side\":\"buy\"}".utf8)
        }
        // The first one also waits for the lane's assignment; it is not measured.
        try orders.produce("orders", 0..<1, value: order)
        _ = try arrival(of: 0)
        var waits: [Duration] = []
        let begin = ContinuousClock.now
        // Only what was sent while candles waited counts: how long they wait is the machine's affair.
        for number in 1...100 {
            let sent = ContinuousClock.now
            try orders.produce("orders", number..<number + 1, value: order)
            let wait = try arrival(of: number) - sent
            guard router.stat("messages_routed") < backlog else { break }
            waits.append(wait)
        }
        try #require(waits.count >= 10, "orders were sent while candles waited")
        try eventually("the backlog is done", within: .seconds(100)) { router.stat("messages_routed") >= backlog }
        let drain = ContinuousClock.now - begin
        let sorted = waits.sorted()
        let (median, late, worst) = (sorted[sorted.count / 2], sorted[sorted.count * 9 / 10], sorted[sorted.count - 1])
        print(
            "\(waits.count) orders while \(backlog) candles wait: p50 \(median), p90 \(late), max \(worst); backlog \(drain)"
        )
        #expect(median < .milliseconds(100))
        #expect(late < .milliseconds(100))
        // Two cores that several builds share may take a thread's turn away once; what a shared lane would cost is seconds.
        #expect(worst < max(.milliseconds(100), drain / 4))
    }
}
