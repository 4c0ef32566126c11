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
        private let settings: [String: String]

        /// What a command needs to find its way to what runs here.
        var environment: [String: String] { settings.merging(["REDIS_URL": "redis://127.0.0.1:\(redis)"]) { $1 } }

        init() throws {
            folder = try TemporaryFolder("up")
            settings = [
                "STATE_DIR": folder.file("var"), "ROUTER_ADDR": "127.0.0.1:\(freePort())",
                "GATEWAY_ADDR": "127.0.0.1:\(freePort())", "BROKER_ADDR": "127.0.0.1:\(freePort())", "UP_RATE": "20",
                "UP_FILES": "\(Program.package)/demo/klines",
            ]
            up = try Program(["up", "--redis-server-port", "\(redis)"], settings)
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

    @Test func candlesOfTheDemoAreInTheDatabaseDigitByDigit() throws {
        let rig = try Rig()
        _ = try rig.started()
        let file = try String(contentsOfFile: "\(Program.package)/demo/klines/BTCUSDT-1m.csv", encoding: .utf8)
        let sent = file.split(separator: "\n").dropFirst().map(String.init)
        let time = try #require(Int64(sent[0].prefix { $0 != "," }))
        let span = ["--from", "\(time)", "--to", "\(time + 3 * 60_000)"]
        var result: Program.Result?
        try eventually("the first three candles are stored", within: .seconds(60), every: .milliseconds(500)) {
            let program = try Program(["query", "BTCUSDT", "1m", "--csv"] + span, rig.environment)
            result = program.result()
            return result?.output.split(separator: "\n").count == 4
        }
        #expect(result?.output.split(separator: "\n").dropFirst().map(String.init) == Array(sent[..<3]))
        rig.up.signal(SIGINT)
        #expect(rig.up.result().code == 0)
    }

    /// The README's section on workers, line by line, on ports that are free.
    @Test func theReadmeOnWorkersDoesWhatItSays() throws {
        let rig = try Rig()
        _ = try rig.started()
        let readme = try String(contentsOfFile: "\(Program.package)/README.md", encoding: .utf8)
        let section = try #require(readme.components(separatedBy: "## Who serves which symbol\n").dropFirst().first)
        let blocks = section.components(separatedBy: "```")
        let ports = (1...5).map { _ in freePort() }
        var script = String(try #require(blocks[1].firstRange(of: "sh\n").map { blocks[1][$0.upperBound...] }))
        for (old, new) in [
            ("8091 8092 8093 8094 8095 >/tmp/workers.log &", ports.map(String.init).joined(separator: " ") + " >&2 &"),
            ("alias klinecast=.build/release/klinecast", "klinecast() { \"$KLINECAST\" \"$@\"; }"),
            ("809$n", "${ports[$n]}"),
        ] {
            #expect(script.contains(old), "the README has changed")
            script = script.replacing(old, with: new)
        }
        let begin = """
            set -e
            ports=(0 \(ports.map(String.init).joined(separator: " ")))
            trap 'kill $(jobs -p)' EXIT

            """
        let shell = try ChildProcess(
            "bash", ["-c", begin + script],
            environment: rig.environment.merging(["KLINECAST": Program.path]) { $1 }, in: Program.package)
        #expect(shell.waitForExit() == 0, "\(shell.text)")
        let promised = blocks[3].split(separator: "\n").filter { !$0.contains("--if-match") }
        #expect(promised.count > 5)
        for line in promised { #expect(shell.text.contains(line), "\(line)\nin\n\(shell.text)") }
        #expect(shell.text.contains("3 moves, 7 stay; a plan, nothing was changed"))
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
