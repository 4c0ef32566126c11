import Foundation
import TestRigs
import Testing

/// What takes too long for the suite: with KLINECAST_TORTURE=N, everything N times, and these.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"),
    .enabled(if: RedisRouterRig.torture > 1, "set KLINECAST_TORTURE to 2 or more"), .timeLimit(.minutes(60)))
struct TortureRedisTests {
    private enum Fault: CaseIterable {
        case redisKilled, connectionsCut, cutWithinAReply, redisFrozen, smallPieces, routerKilled, routerEnded
    }

    @Test func nothingIsMissingAfterFaultsAtRandom() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer { $0.isDurable = true }
        let proxy = try TCPProxy(to: redis.port)
        defer { proxy.end() }
        // All that was sent stays in Redis until the end, and is read from there at once.
        let faults = min(20 * RedisRouterRig.torture, 200)
        try rig.messages.createTopic(rig.topic(), partitions: 3)
        let router = try rig.router(
            "redis://127.0.0.1:\(proxy.port)", ["SINKS": "publish,last,stream", "STREAM_MAXLEN": "100000000"])
        var sent: [Messages.Sent] = []
        func stored() throws -> Int {
            let asker = try RedisAsker(redis)
            return try (0..<3).map { max(0, try asker.length(ofStream: rig.streamKey(partition: $0))) }.reduce(0, +)
        }
        for number in 0..<faults {
            let next = sent.count
            sent += try rig.messages.produce(
                rig.topic(), next..<next + 6_000, around: { Messages.Around(key: Array("\($0 % 50)".utf8)) },
                value: { Messages.candle($0, rig.symbol) })
            try eventually("the streams grow") { try stored() >= next + Int.random(in: 100...3_000) }
            let fault = Fault.allCases.randomElement()!
            print("fault \(number): \(fault) with \(try stored()) of \(sent.count) stored")
            switch fault {
            case .redisKilled:
                redis.kill()
                try redis.start()
            case .connectionsCut: proxy.cut()
            case .cutWithinAReply: proxy.cut(afterBytesToClient: Int.random(in: 1...500))
            case .redisFrozen:
                redis.freeze()
                try eventually("health says so") { router.health == "degraded" }
                redis.thaw()
            case .smallPieces: proxy.split(into: Int.random(in: 1_000...9_000))
            case .routerKilled:
                router.kill()
                try router.restart()
            case .routerEnded:
                router.stop()
                try router.restart()
            }
        }
        try eventually("all are stored", within: .seconds(120)) { try stored() >= sent.count }
        try eventually("health is well") { router.health == "healthy" }
        let asker = try RedisAsker(redis)
        var entries: [Sighting] = []
        for partition in 0..<3 {
            entries += try asker.entries(ofStream: rig.streamKey(partition: partition)).compactMap {
                Sighting($0.payload)
            }
        }
        expectEachOnceInOrder(entries, sent)
        let lost = Set(sent.map(\.number)).subtracting(entries.map(\.number)).count
        print("SUMMARY redis_faults n=\(faults) lost=\(lost)")
    }

    @Test func aSinkWithoutProgressForAMinuteIsUnhealthyUntilThereIsSome() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic())
        let router = try rig.router(redis.url)
        redis.kill()
        let sent = try rig.produce(0..<100)
        try eventually("health says so", within: .seconds(100)) {
            guard let health = try router.get("/health") else { return false }
            return health.status == 503 && health.json["status"] as? String == "unhealthy"
        }
        #expect(try router.get("/health/live")?.status == 200, "a restart would not help")
        try redis.start()
        try eventually("health is well", within: .seconds(20)) { router.health == "healthy" }
        #expect(router.stat("messages_routed") >= sent.count)
    }
}
