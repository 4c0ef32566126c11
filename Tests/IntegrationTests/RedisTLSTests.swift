import Foundation
import TestRigs
import Testing

/// The router's way into a Redis that asks who is there, and that says who it is.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(2)))
struct RedisTLSTests {
    @Test func aGoodCertificateIsTrustedAndEverythingFlows() throws {
        let rig = try RedisRouterRig()
        let certificates = try Certificates()
        // Subscribers of this rig speak no TLS: the stream says what arrived.
        let redis = try RedisServer { $0.certificate = certificates.good }
        try rig.messages.createTopic(rig.topic())
        try rig.produce(0..<3_000)
        let router = try rig.router(
            redis.url, ["REDIS_CA_LOCATION": certificates.authority, "SINKS": "publish,last,stream"])
        try eventually("all are in the stream") { try redis.command("XLEN", rig.streamKey()) == "3000" }
        let last = try redis.command("GET", rig.lastKey())
        #expect(Sighting(Array(last.utf8))?.number == 2_999)
        let ids = try redis.command("XRANGE", rig.streamKey(), "-", "+", "COUNT", "3000").split(separator: "\n")
            .filter { $0.wholeMatch(of: /1-\d+/) != nil }
        #expect(ids.map(String.init) == (0..<3_000).map { "1-\($0)" })
        #expect(router.health == "healthy")
        withExtendedLifetime(certificates) {}
    }

    @Test func aCertificateThatProvesNothingIsRefusedWithItsReason() throws {
        let rig = try RedisRouterRig()
        let (certificates, others) = (try Certificates(), try Certificates())
        let trusted = certificates.authority
        let cases: [(pair: Certificates.Pair?, authority: String, words: String)] = [
            (certificates.expired, trusted, "has expired; renew it"),
            (certificates.selfSigned, trusted, "is self-signed"),
            (certificates.wrongHost, trusted, "is not for localhost"),
            (certificates.good, others.authority, "unknown authority"),
            (nil, trusted, "does not speak TLS, or hangs"),
        ]
        try rig.messages.createTopic(rig.topic())
        try rig.produce(0..<10)
        // All at once: most of it is waiting.
        let rigs = try cases.enumerated().map { index, item in
            let redis = try RedisServer { $0.certificate = item.pair }
            let router = try rig.router(
                "rediss://localhost:\(redis.port)",
                ["REDIS_CA_LOCATION": item.authority, "KAFKA_GROUP_ID": "\(rig.group)-\(index)"], waits: false)
            return (redis, router, item.words)
        }
        for (redis, router, words) in rigs {
            do {
                try eventually("health says \(words)") { router.reasons.contains { $0.contains(words) } }
            } catch {
                throw NeverHappened(description: "\(error): \(router.reasons)")
            }
            #expect(router.health == "degraded")
            #expect(try router.get("/health/ready")?.status == 503)
            // Nothing was said to a server that could not prove itself.
            #expect(try redis.command("DBSIZE") == "0")
            let commands = try redis.command("INFO", "commandstats")
            for command in ["auth", "set", "publish", "role"] {
                #expect(!commands.contains("cmdstat_\(command):"), "\(command)")
            }
        }
        withExtendedLifetime((certificates, others)) {}
    }

    @Test func aUserWithJustItsPermissionsIsEnoughAndAWrongPasswordIsNamed() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer {
            $0.users = [
                "router on >word-\(rig.symbol) resetchannels &roottrading:* resetkeys ~roottrading:* -@all +publish +set "
                    + "+xadd +xrevrange +role +ping +info +select +client|setname"
            ]
        }
        try rig.messages.createTopic(rig.topic())
        let sent = try rig.produce(0..<1_000)
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        let router = try rig.router(
            redis.url,
            [
                "REDIS_USERNAME": "router", "REDIS_PASSWORD": "word-\(rig.symbol)", "REDIS_DB": "3",
                "SINKS": "publish,last,stream",
            ])
        try subscriber.wait(for: sent.count)
        expectEachOnceInOrder(subscriber.received.compactMap { Sighting($0.payload) }, sent)
        #expect(try redis.command("-n", "3", "EXISTS", rig.lastKey(), rig.streamKey()) == "2", "keys in database 3")
        #expect(router.health == "healthy")
        #expect(router.stat("dead_letters_written") == 0)

        let wrong = try rig.router(
            "redis://router:wrong@127.0.0.1:\(redis.port)", ["KAFKA_GROUP_ID": "wrong-\(rig.symbol)"], waits: false)
        try eventually("health names it") {
            wrong.reasons.contains { $0.contains("check REDIS_USERNAME and REDIS_PASSWORD") }
        }
        #expect(wrong.health == "degraded")
    }

    @Test func aChannelWithoutPermissionBecomesDeadLettersAndTheOthersGoOn() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer {
            $0.users = [
                "router on nopass resetchannels &roottrading:market:data:\(rig.symbol):5m ~* +@all"
            ]
        }
        for timeframe in ["1m", "5m"] {
            try rig.messages.createTopic(rig.topic(timeframe))
            try rig.messages.produce(rig.topic(timeframe), 0..<40) { Messages.candle($0, rig.symbol, timeframe) }
        }
        let subscriber = try Subscriber(redis, [rig.channel("1m"), rig.channel("5m")])
        defer { subscriber.end() }
        let router = try rig.router("redis://router:any@127.0.0.1:\(redis.port)")
        try eventually("the dead letters are written") { router.stat("dead_letters_written") >= 40 }
        try subscriber.wait(for: 40)
        #expect(subscriber.received.map(\.channel) == Array(repeating: rig.channel("5m"), count: 40))
        #expect(subscriber.received.compactMap { Sighting($0.payload)?.number } == Array(0..<40))
        let letters = try RedisDeadLetters.read(rig.topic("1m") + ".dlq", count: 40)
        #expect(letters.map(\.offset).sorted() == Array(0..<40))
        for letter in letters {
            #expect(letter.headers["klinecast.reason"] == "refused_by_redis")
            #expect(letter.headers["klinecast.detail"]?.contains("NOPERM") == true)
            #expect(letter.value == Messages.candle(letter.offset, rig.symbol, "1m"))
        }
    }
}
