import Foundation
import TestRigs
import Testing

/// Redis is away or hangs for long, or comes back empty.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(5)))
struct RedisAbsenceTests {
    /// 15 s in the suite; from a torture of 4 on, a minute and more.
    private static let absence = Duration.seconds(15 * RedisRouterRig.torture)
    private static let backlog = 60_000

    @Test func memoryStaysFlatWhileRedisIsGone() throws {
        let rig = try RedisRouterRig()
        // A subscriber that reads slower than this writes is not what is tested here.
        let redis = try RedisServer { $0.further = [["client-output-buffer-limit", "pubsub", "0", "0", "0"]] }
        let proxy = try TCPProxy(to: redis.port)
        defer { proxy.end() }
        try rig.messages.createTopic(rig.topic(), partitions: 4)
        let filler = String(repeating: "x", count: 800)
        func produce(_ numbers: Range<Int>) throws -> [Messages.Sent] {
            try rig.messages.produce(rig.topic(), numbers) { Array("{\"n\":\($0),\"filler\":\"\(filler)\"}".utf8) }
        }
        var sent = try produce(0..<Self.backlog)
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        // Without the pause of a long stall: it throws away what was fetched, and would hide that too much was.
        let router = try rig.router(
            "redis://127.0.0.1:\(proxy.port)", ["SINKS": "publish,last", "KAFKA_STALL_PAUSE": "240s"], waits: false)
        try subscriber.wait(for: 3_000)
        proxy.shut()
        let gone = ContinuousClock.now
        try eventually("health says so") {
            router.health == "degraded" && router.reasons.contains { $0.contains("Redis is not ready") }
        }
        #expect(try router.get("/health/ready")?.status == 503)
        #expect(try router.get("/health/live")?.status == 200, "nobody should restart it for that")
        var resident: [Int] = []
        while ContinuousClock.now - gone < Self.absence {
            let next = sent.count
            let due = ContinuousClock.now + .milliseconds(100)
            sent += try produce(next..<next + 500)
            resident.append(router.residentBytes)
            try eventually("the next five hundred are due") { ContinuousClock.now >= due }
        }
        #expect(router.health == "degraded")
        let status = try #require(try router.get("/health"))
        #expect(status.status == 200)
        try proxy.reopen()
        try eventually("health is well again", within: .seconds(20)) {
            router.reasons.allSatisfy { $0.contains("behind") }
        }
        try subscriber.wait(for: sent.count)
        try eventually("nothing waits", within: .seconds(30)) { router.health == "healthy" }
        let sightings = subscriber.received.compactMap { Sighting($0.payload) }
        expectEachOnceInOrder(sightings, sent, duplicatesAtMost: routerWindow)
        // What librdkafka fetches ahead (16 MB) and the window are all that may be held; the rest stays in Kafka.
        let early = resident.prefix(max(1, resident.count / 4)).max() ?? 0
        let late = resident.suffix(max(1, resident.count / 4)).max() ?? 0
        let peak = resident.max() ?? 0
        print(
            "resident while Redis was gone for \(Self.absence): \(resident[0] >> 20) MB, then \(early >> 20) MB, at the "
                + "end \(late >> 20) MB, peak \(peak >> 20) MB; \(sent.count - Self.backlog) messages came meanwhile")
        // The address sanitizer keeps freed memory for a while: then all of the test but its bounds counts.
        guard unsafe dlsym(nil, "__asan_init") == nil else { return }
        #expect(late - early < 4 << 20, "memory grows while Redis is gone")
        #expect(peak < 128 << 20, "more is held than the limits say")
    }

    @Test func aFrozenRedisIsNoticedWithin5sAndNothingIsMissingAfter() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic(), partitions: 2)
        let sent = try rig.produce(0..<Self.backlog)
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        // The stall's limit lies within the absence: the consumer's pause is part of the test.
        let router = try rig.router(redis.url, ["KAFKA_STALL_PAUSE": "2s"], waits: false)
        try subscriber.wait(for: 3_000)
        let asking = ContinuousClock.now
        #expect(router.health != nil)
        let answer = ContinuousClock.now - asking
        redis.freeze()
        defer { redis.thaw() }
        let frozen = ContinuousClock.now
        try eventually("health says so", within: .seconds(20)) {
            router.health == "degraded" && router.reasons.contains { $0.contains("Redis is not ready") }
        }
        let noticed = ContinuousClock.now - frozen
        print("a frozen Redis was noticed after \(noticed)")
        // Five seconds, and the two questions that it takes to hear of it, which may take long on a busy machine.
        #expect(noticed < .seconds(5) + answer * 10)
        let before = router.residentBytes
        try eventually("the absence is over", within: Self.absence + .seconds(5)) {
            ContinuousClock.now - frozen > Self.absence / 2
        }
        #expect(router.residentBytes - before < 8 << 20)
        redis.thaw()
        try subscriber.wait(for: sent.count)
        try eventually("health is well again", within: .seconds(20)) { router.health == "healthy" }
        // What had reached the frozen server is published when it wakes, and sent again: at most the window.
        try eventually("all are there") {
            Set(subscriber.received.compactMap { Sighting($0.payload)?.number }).count == sent.count
        }
        expectEachOnceInOrder(
            subscriber.received.compactMap { Sighting($0.payload) }, sent, duplicatesAtMost: routerWindow)
    }

    @Test func lastValuesComeBackToAnEmptyRedis() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        let timeframes = ["1m", "3m", "5m", "15m", "1h", "1d"]
        for timeframe in timeframes {
            try rig.messages.createTopic(rig.topic(timeframe))
            try rig.messages.produce(rig.topic(timeframe), 0..<500) { Messages.candle($0, rig.symbol, timeframe) }
        }
        let router = try rig.router(redis.url)
        func values() throws -> [RedisReply] {
            let asker = try RedisAsker(redis)
            return try timeframes.map { try asker.ask("GET", rig.lastKey($0)) }
        }
        try eventually("all are delivered") { router.stat("messages_routed") >= 500 * timeframes.count }
        let before = try values()
        #expect(before.allSatisfy { $0.bytes.flatMap { Sighting($0) }?.number == 499 })
        for _ in 0..<2 {
            redis.kill()
            try redis.forgetData()
            try redis.start()
            #expect(try RedisAsker(redis).ask("GET", "any") == .null)
            try eventually("the last values are back") { try values() == before }
        }
        try eventually("health is well again") { router.health == "healthy" }
        // A newer value is not put back by an older one.
        try rig.messages.produce(rig.topic("1m"), 500..<501) { Messages.candle($0, rig.symbol, "1m") }
        try eventually("the newest value is there") { try values()[0].bytes.flatMap { Sighting($0) }?.number == 500 }
        redis.kill()
        try redis.start()
        try eventually("the newest value is back") {
            try values()[0].bytes.flatMap { Sighting($0) }?.number == 500
        }
    }
}
