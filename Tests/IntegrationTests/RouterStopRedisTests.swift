import Foundation
import TestRigs
import Testing

/// A router that is told to end under load.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(3)))
struct RouterStopRedisTests {
    /// A relay that holds the answers back and small batches: some 25,000 messages a second, so that a backlog outlasts the
    /// moments in which nobody looks, on a busy machine too.
    private static let small = ["REDIS_BATCH_MESSAGES": "256"]
    private static func relay(to redis: RedisServer) throws -> RedisRelay {
        try RedisRelay(to: redis.port, replyDelay: 40_000)
    }

    @Test func sigtermUnderLoadDrainsWithin5sAndLeavesNoDuplicate() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        let stops = 3 * RedisRouterRig.torture
        try rig.messages.createTopic(rig.topic(), partitions: 3)
        let sent = try rig.produce(0..<25_000 * stops)
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        let relay = try Self.relay(to: redis)
        defer { relay.end() }
        let router = try rig.router(relay.url, Self.small, waits: false)
        for _ in 0..<stops {
            try subscriber.wait(for: subscriber.count + Int.random(in: 1_000...8_000))
            let begin = ContinuousClock.now
            let code = router.stop()
            let took = ContinuousClock.now - begin
            #expect(code == 0)
            // The drain ends within its 5 s; the rest is for the end of a process on a slow machine.
            #expect(took < .seconds(8), "SIGTERM took \(took)")
            #expect(subscriber.count < sent.count, "it was told to end while messages waited")
            try router.restart()
        }
        try subscriber.wait(for: sent.count)
        try router.waitUntilReady()
        try eventually("all is done") { router.health == "healthy" }
        expectEachOnceInOrder(subscriber.received.compactMap { Sighting($0.payload) }, sent)
        #expect(subscriber.count == sent.count, "none twice")
    }

    @Test func sigtermWhileRedisHangsEndsInTimeAndLosesNothing() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic())
        let sent = try rig.produce(0..<40_000)
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        let relay = try Self.relay(to: redis)
        defer { relay.end() }
        let router = try rig.router(
            relay.url, Self.small.merging(["REDIS_REPLY_DEADLINE": "30s"]) { $1 }, waits: false)
        try subscriber.wait(for: 2_000)
        redis.freeze()
        defer { redis.thaw() }
        let begin = ContinuousClock.now
        router.process.signal(SIGTERM)
        try eventually("health says stopping") {
            guard let health = try router.get("/health") else { return false }
            return health.status == 503 && health.json["status"] as? String == "stopping"
        }
        #expect(try router.get("/diagnostic")?.json["status"] as? String == "stopping")
        router.process.waitForExit()
        #expect(ContinuousClock.now - begin < .seconds(9))
        redis.thaw()
        try router.restart()
        try eventually("all arrive", within: .seconds(40)) {
            subscriber.count >= sent.count
                && Set(subscriber.received.compactMap { Sighting($0.payload)?.number }).count == sent.count
        }
        expectEachOnceInOrder(
            subscriber.received.compactMap { Sighting($0.payload) }, sent, duplicatesAtMost: routerWindow)
        try router.waitUntilReady()
    }

    @Test func theSecondSignalEndsItAtOnceAndLosesNothing() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic())
        let sent = try rig.produce(0..<40_000)
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        let relay = try Self.relay(to: redis)
        defer { relay.end() }
        let router = try rig.router(
            relay.url, Self.small.merging(["REDIS_REPLY_DEADLINE": "30s", "DRAIN_DEADLINE": "60s"]) { $1 }, waits: false
        )
        try subscriber.wait(for: 2_000)
        redis.freeze()
        defer { redis.thaw() }
        router.process.signal(SIGTERM)
        try eventually("it is stopping") { router.health == "stopping" }
        let begin = ContinuousClock.now
        router.process.signal(SIGTERM)
        router.process.waitForExit()
        #expect(ContinuousClock.now - begin < .seconds(20), "without the minute that it might have waited")
        redis.thaw()
        try router.restart()
        try eventually("all arrive", within: .seconds(40)) {
            Set(subscriber.received.compactMap { Sighting($0.payload)?.number }).count == sent.count
        }
        let sequence = SubscriberSequence(subscriber.received.compactMap { Sighting($0.payload) })
        #expect(sequence.missed.isEmpty)
        try router.waitUntilReady()
    }
}
