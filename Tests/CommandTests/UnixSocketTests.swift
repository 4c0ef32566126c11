import Foundation
import Kafka
import TestRigs
import Testing

/// REDIS_URL as a path, with user and password, through every command that talks to Redis.
@Suite(.timeLimit(.minutes(5))) struct UnixSocketTests {
    @Test func candlesTakeTheirWayThroughAUnixSocket() throws {
        let redis = try RedisServer {
            $0.isUnixSocket = true
            $0.users = ["router on >secret ~* &* +@all", "default off"]
        }
        let path = try #require(redis.socketPath)
        let broker = try EmbeddedBroker()
        try broker.createTopic("market.data.btcusdt.1m")
        let folder = try TemporaryFolder("unix")
        let address = "127.0.0.1:\(freePort())"
        func environment(password: String = "secret") -> [String: String] {
            [
                "REDIS_URL": "unix://router:\(password)@\(path)", "KAFKA_BROKER": broker.bootstrap, "START": "earliest",
                "PERSIST": "off", "STATE_DIR": folder.file("var"), "ROUTER_ADDR": address,
            ]
        }
        let check = try Program.run("check", environment: environment())
        #expect(check.code == 0, "\(check.output)")
        #expect(try Program.run("check", environment: environment(password: "wrong")).code == 5, "not authorised")

        let tail = try Program(["tail", "btcusdt", "1m", "--json", "--count", "20"], environment())
        try eventually("tail has subscribed") { tail.talk.contains("Subscribed to") }
        let router = try Program(["router"], environment())
        defer { router.signal(SIGKILL) }
        let file = folder.file("BTCUSDT-1m.csv")
        let rows = (0..<20).map { "\(1_735_700_400_000 + $0 * 60_000),1.10,2.20,0.90,1.50,\($0)\n" }.joined()
        try "open_time,open,high,low,close,volume\n\(rows)".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try Program.run("feed", "--no-create", file, environment: environment()).code == 0)

        let heard = tail.result()
        #expect(heard.code == 0, "\(heard.talk)")
        let offsets = try heard.output.split(separator: "\n").map { line in
            let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            let message = json?["payload"] as? [String: Any]
            return (message?["_routing"] as? [String: Any])?["offset"] as? Int
        }
        #expect(offsets == (0..<20).map { $0 })
        router.signal(SIGTERM)
        #expect(router.result().code == 0)
    }
}
