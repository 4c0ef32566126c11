import Foundation
import TestRigs
import Testing

@Suite(.timeLimit(.minutes(5))) struct BrokerTests {
    @Test func servesUntilItIsToldToEnd() throws {
        let port = freePort()
        let broker = try Program(["broker", "--broker-addr", "127.0.0.1:\(port)"])
        try eventually("it serves") { broker.output == "Embedded Kafka serves on 127.0.0.1:\(port)\n" }
        broker.signal(SIGTERM)
        #expect(broker.result().code == 0)
    }

    @Test func aTakenPortIsNamedWithTheRemedy() throws {
        let redis = try RedisServer()
        let result = try Program.run("broker", environment: ["BROKER_ADDR": "127.0.0.1:\(redis.port)"])
        #expect(result.code == 1)
        #expect(result.talk.contains("port \(redis.port) of 127.0.0.1 is taken by another program"))
        #expect(result.talk.contains("BROKER_ADDR"))
    }

    @Test func anAddressForOthersIsRefused() throws {
        let result = try Program.run("broker", "--broker-addr", "0.0.0.0:\(freePort())")
        #expect(result.code == 2)
        #expect(result.talk.contains("serves this machine only"))
    }
}
