import Foundation
import TestRigs
import Testing

/// The router with the persister in it, as it runs by default: what a database does never reaches a subscriber.
@Suite("A router that persists too", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct PersisterRouterTests {
    enum Trouble: String, CaseIterable, Sendable {
        case locked, gone, neverThere
    }

    private func router(_ corner: PersisterCorner, _ redis: RedisServer, _ url: String) throws -> RouterProcess {
        try RouterProcess(
            kafka: corner.kafka.bootstrap, redis: redis.url, group: corner.name,
            corner.environment.merging([
                "PERSIST": "on", "DATABASE_URL": url, "KAFKA_SESSION_TIMEOUT": "6s", "SINKS": "publish",
            ]) { $1 })
    }

    @Test(.timeLimit(.minutes(3)), arguments: Trouble.allCases)
    func subscribersGetEverythingInOrderWhateverTheDatabaseDoes(_ trouble: Trouble) throws {
        guard trouble == .locked || PersisterDatabase.hasPostgres else { return }
        let server = trouble == .locked ? nil : try PostgresServer()
        let corner = try PersisterCorner(
            trouble == .locked ? .sqlite : .postgres, topics: 2, partitions: 2, server: server)
        let redis = try RedisServer { $0.further = [["client-output-buffer-limit", "pubsub", "0", "0", "0"]] }
        let recorder = try KafkaRecorder(port: redis.port, channelsWith: corner.name)
        if trouble == .neverThere { server?.crash() }
        let router = try router(corner, redis, corner.database.url)
        let load = try corner.load(rate: 1500)
        try eventually("the router delivers\n\(router.process.text.suffix(2000))") { recorder.count > 500 }
        var locker: ChildProcess?
        switch trouble {
        case .neverThere: break
        case .gone:
            try corner.waitForProgress(of: [])
            server?.crash()
        case .locked:
            try corner.waitForProgress(of: [])
            let child = try ChildProcess(
                "python3",
                [
                    "-S", "-c",
                    """
                    import sqlite3, sys, time
                    database = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
                    database.execute("begin exclusive")
                    print("locked", flush=True)
                    time.sleep(600)
                    """, corner.database.path,
                ])
            locker = child
            try eventually("the lock is held") { child.text.contains("locked") }
        }
        let reason = try eventually("/health is degraded and names the database\n\(router.process.text.suffix(3000))") {
            router.health == "degraded" ? router.reasons.first { $0.contains("atabase") } : nil
        }
        print("NOTE \(trouble): \(reason)")
        let before = recorder.count
        try eventually("subscribers go on getting messages") { recorder.count > before + 1500 }
        locker?.signal(SIGKILL)
        locker?.waitForExit()
        if trouble != .locked { try server?.start() }
        let written = try load.stop()
        try eventually("every record delivered", within: .seconds(30)) { recorder.count >= written.count }
        recorder.catchUp()
        let reception = KafkaReception(recorder.messages)
        #expect(reception.records.difference(from: written) == "")
        #expect(reception.duplicates.isEmpty)
        #expect(reception.gaps.isEmpty)
        #expect(reception.disordered.isEmpty)
        try corner.waitFor(written)
        try eventually("/health is healthy again") { router.health == "healthy" }
        try corner.check(written)
        #expect(router.stop() == 0)
    }
}
