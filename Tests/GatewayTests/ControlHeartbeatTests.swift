import Assignment
import Gateway
import TestRigs
import Testing

/// Leases that the controller keeps for workers that keep none.
@Suite(.timeLimit(.minutes(2))) struct ControlHeartbeatTests {
    @Test func aHundredHeartbeatsAreOneScriptAndTakeNobodysOwnLease() throws {
        let rig = try StorageRig()
        let (storage, worker) = (try rig.storage(), worker("ws-1"))
        let others = (2...100).map { GatewayTests.worker("ws-\($0)") }
        #expect(try storage.acquire(.worker(worker), token: "its own", for: .seconds(100)))
        // The first time the server has no script yet.
        try storage.keepLeases(of: others, token: "controller", for: .seconds(100))
        func scripts() throws -> Int {
            let lines = try rig.server.command("INFO", "commandstats").split(whereSeparator: \.isNewline)
            let line = try #require(lines.first { $0.hasPrefix("cmdstat_evalsha:calls=") })
            return try #require(Int(line.dropFirst("cmdstat_evalsha:calls=".count).prefix { $0 != "," }))
        }
        let before = try scripts()
        try storage.keepLeases(of: [worker] + others, token: "controller", for: .seconds(200))
        #expect(try scripts() == before + 1)
        let leases = try storage.leases(of: [worker] + others)
        #expect(leases.count == 100)
        #expect(try #require(leases[worker]) <= .seconds(100), "it stays as it was")
        #expect(others.allSatisfy { leases[$0]! > .seconds(100) })
        #expect(try !storage.acquire(.worker(worker), token: "controller", for: .seconds(1)))
    }
}
