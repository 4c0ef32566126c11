import Foundation
import Kafka
import TestRigs
import Testing

/// A folder that is of no use is named in the system's own words, with the setting that chooses another.
@Suite(.timeLimit(.minutes(2))) struct StateFolderTests {
    @Test(arguments: ["router", "persister", "up"]) func aFileInItsPlaceIsSaid(_ command: String) throws {
        let folder = try TemporaryFolder("state")
        let file = folder.file("worker.py")
        try "print()\n".write(toFile: file, atomically: true, encoding: .utf8)
        for path in [file, "\(file)/deep"] {
            let result = try Program(
                [command, "--state-dir", path],
                [
                    "ROUTER_ADDR": "127.0.0.1:\(freePort())", "GATEWAY_ADDR": "127.0.0.1:\(freePort())",
                    "PERSISTER_ADDR": "127.0.0.1:\(freePort())", "BROKER_ADDR": "127.0.0.1:\(freePort())",
                    "REDIS_URL": "redis://127.0.0.1:\(freePort())", "UP_FILES": "\(Program.package)/demo/klines",
                ]
            ).result()
            #expect(result.code == 1)
            #expect(
                result.talk.contains("Not a directory; set STATE_DIR to a folder that can be written")
                    && result.talk.contains(path), "\(result.talk)")
        }
    }

    /// The port is taken, so that the process ends by itself.
    @Test func aSecondPersisterOnTheFolderIsToldOfTheFirst() throws {
        let folder = try TemporaryFolder("state")
        let redis = try RedisServer()
        func persister() throws -> Program.Result {
            try Program(
                ["persister", "--state-dir", folder.path], ["PERSISTER_ADDR": "127.0.0.1:\(redis.port)"]
            ).result()
        }
        let first = try InstanceIdentity(folder: folder.path, role: "persister")
        let second = try persister()
        withExtendedLifetime(first) {}
        #expect(second.talk.contains("Another process of this role uses this state folder"), "\(second.talk)")
        #expect(second.talk.contains("\(folder.path)/persister-1.instance"), "\(second.talk)")
    }

    @Test func anExportThatCannotBeWrittenIsSaid() throws {
        let redis = try RedisServer()
        let result = try Program.run("assignment", "--export", "/nope/x", environment: ["REDIS_URL": redis.url])
        #expect(result.code == 1)
        #expect(result.talk == "klinecast assignment: /nope/x: cannot be written: No such file or directory\n")
    }
}
