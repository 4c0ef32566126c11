import Foundation
import TestRigs
import Testing

@Suite(.timeLimit(.minutes(5)), .enabled(if: Program.knows("router"), "the router's command is not there"))
struct UpTests {
    private struct Ended: Error { let talk: String }

    /// `up` on free ports with a state folder of its own.
    private struct Rig {
        let folder: TemporaryFolder
        let redis = freePort()
        let up: Program

        init() throws {
            folder = try TemporaryFolder("up")
            let environment = [
                "STATE_DIR": folder.file("var"), "ROUTER_ADDR": "127.0.0.1:\(freePort())",
                "GATEWAY_ADDR": "127.0.0.1:\(freePort())", "BROKER_ADDR": "127.0.0.1:\(freePort())", "UP_RATE": "20",
                "UP_FILES": "\(Program.package)/demo/klines",
            ]
            up = try Program(["up", "--redis-server-port", "\(redis)"], environment)
        }

        /// Waits until all are there, and gives their process ids.
        func started() throws -> [Int32] {
            try eventually("up is complete", within: .seconds(60)) {
                guard up.isRunning else { throw Ended(talk: up.talk) }
                return up.talk.contains("Ctrl-C ends all of it")
            }
            let children = up.talk.split(separator: "\n").compactMap { line -> Int32? in
                guard let mark = line.firstRange(of: "  pid ") else { return nil }
                return Int32(line[mark.upperBound...].prefix { $0.isNumber })
            }
            #expect(children.count == 5)
            return children
        }
    }

    private func expectGone(_ children: [Int32]) throws {
        try eventually("no child is left") {
            children.allSatisfy { !FileManager.default.fileExists(atPath: "/proc/\($0)/exe") }
        }
    }

    @Test func candlesFlowToTheirChannels() throws {
        let rig = try Rig()
        _ = try rig.started()
        let tail = try Program.run(
            "tail", "btcusdt", "1m", "--count", "3", environment: ["REDIS_URL": "redis://127.0.0.1:\(rig.redis)"])
        #expect(tail.code == 0, "\(tail.talk)")
        #expect(tail.output.contains("BTCUSDT"))
        rig.up.signal(SIGINT)
        #expect(rig.up.result().code == 0)
    }

    @Test(arguments: [SIGINT, SIGTERM]) func endsEverythingWhenAsked(_ signal: Int32) throws {
        let rig = try Rig()
        let children = try rig.started()
        rig.up.signal(signal)
        #expect(rig.up.result().code == 0, "\(rig.up.talk)")
        try expectGone(children)
    }

    @Test func leavesNothingRunningWhenItIsKilled() throws {
        let rig = try Rig()
        let children = try rig.started()
        rig.up.signal(SIGKILL)
        #expect(rig.up.result().code == -SIGKILL)
        try expectGone(children)
    }

    @Test func aChildThatDiesEndsAllWithItsReason() throws {
        let rig = try Rig()
        let children = try rig.started()
        kill(children[0], SIGKILL)
        let result = rig.up.result()
        #expect(result.code == 1)
        #expect(result.talk.contains("redis was ended by signal 9"))
        try expectGone(children)
    }
}

@Suite struct UpPortTests {
    @Test func takenPortsAreNamedBeforeAnythingStarts() throws {
        let redis = try RedisServer()
        let result = try Program.run(
            "up", "--redis-server-port", "\(redis.port)",
            environment: [
                "ROUTER_ADDR": "127.0.0.1:\(redis.port)", "GATEWAY_ADDR": "127.0.0.1:\(redis.port)",
                "BROKER_ADDR": "127.0.0.1:\(freePort())",
                "UP_FILES": "\(Program.package)/demo/klines",
            ])
        #expect(result.code == 1)
        #expect(result.talk.contains("redis: port \(redis.port) of 127.0.0.1 is taken"))
        #expect(result.talk.contains("REDIS_URL=redis://127.0.0.1:\(redis.port)"))
        #expect(result.talk.contains("router.address: port \(redis.port)"))
        #expect(result.talk.contains("gateway.address: port \(redis.port)"))
    }
}
