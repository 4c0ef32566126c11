import Foundation
import TestRigs
import Testing

/// What happens to PostgreSQL and to the connections to it while a persister writes.
@Suite(
    "A persister whose PostgreSQL is in trouble", .enabled(if: KafkaCluster.isAvailable),
    .enabled(if: PersisterDatabase.hasPostgres, "PostgreSQL isn't installed"), .serialized)
struct PersisterPostgresFaultTests {
    @Test(.timeLimit(.minutes(torture > 1 ? 30 : 3)))
    func nothingIsLostWhilePostgresCrashesAndStartsAgainAndAgain() throws {
        let server = try PostgresServer { $0.isDurable = true }
        let corner = try PersisterCorner(.postgres, topics: 2, partitions: 2, trade: ["executions"], server: server)
        let load = try corner.load(rate: 1500)
        let persister = try corner.persister().waitUntilReady()
        var moments = SeededRandom(seed: 41)
        var recoveries: [Duration] = []
        let rounds = torture > 1 ? 50 : 5
        for round in 0..<rounds {
            try corner.waitForProgress(of: [persister])
            usleep(UInt32(moments.next() % 300_000))
            server.crash()
            // Down for as long as it takes to be told, each time but at once in the second.
            if round != 1 {
                _ = try persister.waitForDatabaseReason()
                #expect(try persister.get("/health/live")?.status == 200, "a restart would not help")
            }
            try server.start()
            let begun = ContinuousClock.now
            try corner.waitForProgress(of: [persister])
            recoveries.append(ContinuousClock.now - begun)
        }
        try persister.waitUntilHealthy()
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        let lost = try corner.check(written)
        print(
            "SUMMARY pg_crash n=\(rounds) lost=\(lost) recovery_p50_ms=\(percentile(0.5, of: recoveries).milliseconds)",
            "recovery_p99_ms=\(percentile(0.99, of: recoveries).milliseconds)")
    }

    @Test(.timeLimit(.minutes(torture > 1 ? 20 : 3))) func nothingIsLostWhenConnectionsAreTerminated() throws {
        let corner = try PersisterCorner(.postgres, topics: 2, partitions: 2, trade: ["executions"])
        let server = try #require(corner.database.server)
        let load = try corner.load(rate: 2500)
        let persister = try corner.persister(["DATABASE_BATCH_TIME": "10ms"]).waitUntilReady()
        var moments = SeededRandom(seed: 42)
        let rounds = torture > 1 ? 50 : 10
        var terminated = 0
        for _ in 0..<rounds {
            try corner.waitForProgress(of: [persister])
            usleep(UInt32(moments.next() % 200_000))
            terminated += try server.terminateBackends(of: corner.database.postgresName)
        }
        #expect(terminated >= rounds, "there was a connection to end each time")
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        try persister.waitUntilHealthy()
        #expect(persister.stop() == 0)
        let lost = try corner.check(written)
        print("SUMMARY pg_terminate n=\(terminated) lost=\(lost)")
    }

    /// The answer to COMMIT is cut off: whether it happened, only the table knows.
    @Test(.timeLimit(.minutes(torture > 1 ? 20 : 3))) func nothingIsLostOrTwiceWhenAnswersAreCutOff() throws {
        let server = try PostgresServer()
        let proxy = try TCPProxy(to: server.port)
        defer { proxy.end() }
        let corner = try PersisterCorner(
            .postgres, topics: 2, partitions: 2, trade: ["executions"], server: server)
        let load = try corner.load(rate: 2500)
        let url = corner.database.url.replacingOccurrences(of: ":\(server.port)/", with: ":\(proxy.port)/")
        let persister = try corner.persister(["DATABASE_URL": url, "DATABASE_BATCH_TIME": "10ms"]).waitUntilReady()
        var moments = SeededRandom(seed: 43)
        let rounds = torture > 1 ? min(10 * torture, 500) : 15
        for _ in 0..<rounds {
            try corner.waitForProgress(of: [persister])
            proxy.cut(afterBytesToClient: Int(moments.next() % 400) + 1)
        }
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        let lost = try corner.check(written)
        print("SUMMARY pg_cut n=\(rounds) lost=\(lost)")
    }

    /// Another session holds the very rows: no error comes by itself, and none may be waited for without end.
    @Test(.timeLimit(.minutes(2))) func anotherSessionsLockIsSaidAndOutlived() throws {
        let corner = try PersisterCorner(.postgres)
        let load = try corner.load(rate: 500)
        let persister = try corner.persister(["DATABASE_STATEMENT_TIMEOUT": "2s"]).waitUntilReady()
        try corner.waitForProgress(of: [persister])
        let locker = try ChildProcess(
            PersisterReader.psql,
            [
                "-X", "-d", corner.database.url, "-c",
                "begin; lock table consumer_offsets in access exclusive mode; select pg_sleep(600)",
            ])
        _ = try persister.waitForDatabaseReason()
        locker.signal(SIGKILL)
        locker.waitForExit()
        // The server notices that its client is gone only when it wants to tell it something.
        try corner.database.server?.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)' and pid <> pg_backend_pid()"
        )
        try persister.waitUntilHealthy()
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        try corner.check(written)
    }

    /// A deadlock is ended by the server at somebody's cost; whoever pays tries again.
    @Test(.timeLimit(.minutes(2))) func aDeadlockIsTriedAgain() throws {
        let server = try PostgresServer { $0.further = ["deadlock_timeout": "50ms"] }
        let corner = try PersisterCorner(.postgres, topics: 2, partitions: 2, trade: ["executions"], server: server)
        let load = try corner.load(rate: 1500)
        let persister = try corner.persister(["DATABASE_BATCH_TIME": "20ms"]).waitUntilReady()
        try corner.waitForProgress(of: [persister])
        // A batch locks its positions in the order of their topics; the other the other way round, over and over.
        let order = ["market.data.\(corner.name)1.1m", "market.data.\(corner.name)0.1m", "executions"]
        func update(_ topic: String) -> String {
            "update consumer_offsets set updated_at = updated_at where topic = '\(topic)'"
        }
        let rival = try ChildProcess(
            "sh",
            [
                "-c",
                """
                while true; do "$1" -X -q -d "$0" -c "begin; \(update(order[0])); select pg_sleep(0.03); \
                \(update(order[1])); select pg_sleep(0.03); \(update(order[2])); commit" >/dev/null 2>&1; done
                """, corner.database.url, PersisterReader.psql,
            ])
        try eventually(
            "the server has ended some, and one of them was ours", within: .seconds(40), every: .milliseconds(100)
        ) {
            persister.stat("database_failures") >= 1
        }
        rival.signal(SIGKILL)
        rival.waitForExit()
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        try persister.waitUntilHealthy()
        #expect(persister.stop() == 0)
        try corner.check(written)
    }

    /// Somebody else changes the rows of the positions, in a database where that is an error.
    @Test(.timeLimit(.minutes(2))) func aSerializationFailureIsTriedAgain() throws {
        let corner = try PersisterCorner(.postgres, topics: 2, partitions: 2, trade: ["executions"])
        let server = try #require(corner.database.server)
        try server.sql(
            "ALTER DATABASE \(corner.database.postgresName) SET default_transaction_isolation = 'serializable'")
        let load = try corner.load(rate: 1500)
        let persister = try corner.persister(["DATABASE_BATCH_TIME": "20ms"]).waitUntilReady()
        try corner.waitForProgress(of: [persister])
        // It commits as soon as a batch waits for its row.
        let rival = try ChildProcess(
            PersisterReader.psql,
            [
                "-X", "-d", corner.database.url, "-v", "ON_ERROR_STOP=1", "-c",
                """
                begin isolation level read committed; set local statement_timeout = '40s';
                update consumer_offsets set updated_at = updated_at where topic = 'executions';
                do $$ begin
                    while not exists (select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid)))
                    loop perform pg_stat_clear_snapshot(); end loop;
                end $$;
                commit
                """,
            ])
        #expect(rival.waitForExit() == 0, "\(rival.text)")
        try eventually("the batch has failed for it", within: .seconds(40), every: .milliseconds(100)) {
            try persister.get("/diagnostic")?.text.contains("40001") == true
        }
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        try persister.waitUntilHealthy()
        #expect(persister.stop() == 0)
        try corner.check(written)
    }

    /// A tablespace without room for another page, until it has grown.
    @Test(
        .timeLimit(.minutes(2)),
        .enabled(if: MountedDisk.isPossible, "a small file system needs root and mount (tmpfs)"))
    func nothingIsLostWhenTheDiskIsFullUntilThereIsRoom() throws {
        let server = try PostgresServer()
        let disk = try MountedDisk(megabytes: 1)
        let corner = try PersisterCorner(.postgres, topics: 2, trade: ["executions"], server: server)
        try server.sql("CREATE TABLESPACE small LOCATION '\(disk.path)'")
        let persister = try corner.persister().waitUntilReady()
        try server.sql("ALTER TABLE candles SET TABLESPACE small", in: corner.database.postgresName)
        let load = try corner.load(rate: 3000)
        let sentence = try persister.waitForDatabaseReason(within: .seconds(60))
        #expect(sentence.contains("make room on the server's disk"), "it says what is wrong: \(sentence)")
        #expect(try persister.get("/health/live")?.status == 200, "a restart would not help")
        try disk.grow(megabytes: 256)
        try persister.waitUntilHealthy()
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        try corner.check(written)
        #expect(persister.stop() == 0)
    }
}
