import Foundation
import Gateway
import MarketData
import TestRigs
import Testing

/// What Redis acknowledged to the API and lost, with nobody else there who knew of it.
@Suite(.timeLimit(.minutes(2))) struct APIRecoveryTests {
    @Test(arguments: [true, false]) func epochsThatOnlyTheAPIKnewAreRaised(byARead: Bool) throws {
        let redis = try RedisServer { $0.isDurable = true }
        let rig = try APIRig(redis: redis, workers: 2)
        let names = ["ws-worker-1:8088", "ws-worker-2:8088"]
        try rig.send("POST", "/ws/dispatch", ["symbols": ["A", "B"], "worker": names[0]])
        func epoch() throws -> Int {
            let placements = try #require(try rig.get("/ws/assignments")["placements"] as? [String: [String: Any]])
            return try #require(placements["A"]?["epoch"] as? Int)
        }
        // The log as it is now is what will be found after the loss.
        let log = try StorageRig(server: redis).growingLog()
        let length = try FileManager.default.attributesOfItem(atPath: log)[.size] as? UInt64
        for name in [names[1], names[0], names[1]] {
            try rig.send("POST", "/ws/dispatch", ["symbols": ["A"], "worker": name])
        }
        let lost = try epoch()
        redis.kill()
        let handle = try #require(FileHandle(forWritingAtPath: log))
        try handle.truncate(atOffset: try #require(length))
        try handle.close()
        try redis.start()

        if byARead { _ = try rig.tag() } else { try rig.send("POST", "/ws/dispatch", ["symbols": ["C"]]) }
        // It neither reads nor repairs the assignments.
        let history = try #require(try rig.get("/ws/history")["history"] as? [[String: Any]])
        #expect(history.count { $0["action"] as? String == "recovery" } == 1)
        let tag = try rig.tag()
        #expect(try epoch() > lost)
        #expect(try rig.get("/ws/assignments").assignments?["A"] == names[0])
        #expect(try rig.tag() == tag, "it is made good once")
    }
}
