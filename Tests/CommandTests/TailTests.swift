import Foundation
import TestRigs
import Testing

@Suite(.timeLimit(.minutes(5))) struct TailTests {
    static let channel = "roottrading:market:data:btcusdt:1m"

    /// A message as docs/contracts/redis.md shows it.
    private func payload(_ offset: Int, previous: String, timestamp: Int64) -> String {
        """
        {"symbol":"BTCUSDT","timeframe":"1m","time":1726000000000,"close_time":1726000059999,"open":1.0,"high":1.0,\
        "low":1.0,"close":1.0,"volume":1.0,"is_closed":true,"timestamp":1726000060001,"_routing":{"source_topic":\
        "market.data.btcusdt.1m","partition":0,"offset":\(offset),"previous":\(previous),"timestamp":\(timestamp),\
        "received_at":"2026-01-02T03:04:05.678Z","priority":"high","data_type":"raw_market_data"}}
        """
    }

    private let now = Int64(Date().timeIntervalSince1970 * 1_000)

    private func start(_ redis: RedisServer, _ flags: String...) throws -> Program {
        let tail = try Program(["tail", "btcusdt", "1m"] + flags, ["REDIS_URL": redis.url])
        try eventually("tail has subscribed") { tail.talk.contains("Subscribed to \(Self.channel)") }
        return tail
    }

    private func publish(_ redis: RedisServer, _ offset: Int, previous: String, after milliseconds: Int64 = 0) throws {
        let text = payload(offset, previous: previous, timestamp: now + milliseconds)
        try redis.command("PUBLISH", Self.channel, text)
    }

    private func notes(_ result: Program.Result) throws -> [String] {
        try result.output.split(separator: "\n").map { line in
            let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return "\(json?["way"] as? String ?? "?") \(json?["note"] as? String ?? "")"
        }
    }

    @Test func tellsDuplicatesGapsAndATopicCreatedAnew() throws {
        let redis = try RedisServer()
        let tail = try start(redis, "--json", "--count", "5")
        try publish(redis, 10, previous: "9")
        try publish(redis, 11, previous: "10", after: 1)
        try publish(redis, 11, previous: "10", after: 1)
        try publish(redis, 15, previous: "13", after: 2)
        try publish(redis, 0, previous: "null", after: 3)
        let result = tail.result()
        #expect(result.code == 3)
        #expect(
            try notes(result) == [
                "live ", "live ", "live duplicate", "live gap: 12…13 missed", "live topic created anew",
            ])
        #expect(result.talk.contains("1 gap (2 offsets), 1 duplicate, topic created anew 1 time"))
        #expect(result.talk.contains("latency p50"))
    }

    @Test func showsTheNewestValueFirstAndItsOwnMessageOnce() throws {
        let redis = try RedisServer()
        try redis.command("SET", "roottrading:last:market:data:btcusdt:1m", payload(10, previous: "9", timestamp: now))
        let tail = try start(redis, "--json", "--count", "2")
        try publish(redis, 10, previous: "9")
        try publish(redis, 11, previous: "10", after: 1)
        let result = tail.result()
        #expect(result.code == 0)
        #expect(try notes(result) == ["snapshot ", "live "])
    }

    @Test func whatTheStreamHoldsIsNoGap() throws {
        let redis = try RedisServer()
        let tail = try start(redis, "--json", "--count", "4")
        try publish(redis, 10, previous: "9")
        for offset in 11...12 {
            let text = payload(offset, previous: "\(offset - 1)", timestamp: now + Int64(offset))
            try redis.command("XADD", "roottrading:stream:market.data.btcusdt.1m", "1-\(offset)", "payload", text)
        }
        try publish(redis, 13, previous: "12", after: 20)
        let result = tail.result()
        #expect(result.code == 0)
        #expect(try notes(result) == ["live ", "stream ", "stream ", "live "])
    }

    @Test func goesOnWhenRedisComesBackAndTellsWhatWasMissed() throws {
        let redis = try RedisServer()
        let tail = try start(redis, "--json", "--count", "2")
        try publish(redis, 10, previous: "9")
        try eventually("the first message is shown") { tail.output.contains("\"offset\":10") }
        try redis.restart()
        try eventually("tail is back") { tail.talk.contains("Redis is back") }
        try publish(redis, 20, previous: "19", after: 1)
        let result = tail.result()
        #expect(result.code == 3)
        #expect(try notes(result) == ["live ", "live gap: 11…19 missed"])
        #expect(result.talk.contains("1 reconnection"))
    }

    @Test func controlCEndsItWithTheSummary() throws {
        let redis = try RedisServer()
        let tail = try start(redis)
        tail.signal(SIGINT)
        let result = tail.result()
        #expect(result.code == 0)
        #expect(result.talk.contains("0 messages"))
    }

    @Test(arguments: [["btcusdt"], ["btcusdt", "2m"], ["BTC/USDT", "1m"], ["btcusdt", "1m", "--channel", "x"]])
    func whatItCannotReadIsAMatterOfUsage(_ words: [String]) throws {
        #expect(try Program(["tail"] + words).result().code == 2)
    }
}
