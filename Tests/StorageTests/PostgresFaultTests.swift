import Configuration
import Foundation
import MarketData
import Persister
import Postgres
import Records
import TestRigs
import Testing

@testable import Storage

/// What only a server can do to a writer. Each test compares the table's rows with those sent, as sets.
@Suite(.enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"), .timeLimit(.minutes(3)))
struct PostgresFaultTests {
    private typealias Samples = PostgresSamples

    /// Writes until it is written, opening anew as the store asks; how often it was refused for the moment.
    private func persist(_ batch: RowBatch, _ store: PostgresStore, tries: Int = 200) throws -> Int {
        for failures in 0..<tries {
            guard let error = complaint({ try store.write(batch) }) else { return failures }
            guard case .unavailable(_, _, let mustReopen) = error else { throw error }
            if mustReopen { try reopen(store) }
        }
        throw NeverHappened(description: "never happened within \(tries) tries: a batch is written")
    }

    private func reopen(_ store: PostgresStore) throws {
        try eventually("the store opens again") {
            guard let error = complaint({ try store.open() }) else { return true }
            guard case .unavailable = error else { throw error }
            return false
        }
    }

    private func times(_ place: PostgresPlace) throws -> [Int64] {
        try place.rows("SELECT (extract(epoch FROM time) * 1000)::bigint FROM market_data ORDER BY 1")
            .map { Int64($0[0] ?? "") ?? -1 }
    }

    private func position(_ place: PostgresPlace) throws -> String? {
        try place.rows("SELECT next_offset FROM consumer_offsets")[0][0]
    }

    private func expected(_ numbers: Range<Int>) -> [Int64] { numbers.map { Samples.start + Int64($0) * 60_000 } }

    @Test func noRowIsLostOrDoubledWhenBackendsAreTerminatedFiftyTimes() throws {
        let place = try PostgresPlace()
        let store = place.postgresStore()
        try store.open()
        var samples = try Samples(store)
        let killer = try Killer(place)
        defer { killer.stop() }
        var (failures, count) = (0, 0)
        // The next batch only when the killer had its chance at this one, wherever it stood.
        while killer.kills < 50 || failures < 10 {
            let batch = samples.candles(count..<count + 500)
            failures += try persist(batch, store)
            samples.advance(past: batch)
            count += 500
            try #require(count < 200_000)
        }
        // It would end the reader too.
        killer.stop()
        #expect(try times(place) == expected(0..<count))
        #expect(try position(place) == "\(count)")
    }

    @Test func aCrashedServerComesBackWithEveryRowOnce() throws {
        let server = try PostgresServer { $0.isDurable = true }
        let place = try PostgresPlace(server)
        let store = place.postgresStore()
        try store.open()
        var samples = try Samples(store)
        for round in 0..<4 {
            let batch = samples.candles(round * 1_000..<(round + 1) * 1_000)
            if round > 0 {
                server.crash()
                #expect(complaint { try store.write(batch) }?.summary == "unavailable connection reopen")
                #expect(complaint { try store.open() }?.summary == "unavailable connection reopen")
                try server.start()
            }
            _ = try persist(batch, store)
            samples.advance(past: batch)
        }
        #expect(try times(place) == expected(0..<4_000))
        #expect(try position(place) == "4000")
    }

    @Test func aCommitWhoseAnswerWasLostIsRecognised() throws {
        let place = try PostgresPlace()
        let store = place.postgresStore()
        try store.open()
        let samples = try Samples(store)
        let batch = samples.candles(0..<100)
        #expect(try store.write(batch).candlesInserted == 100)
        // To the writer, whose connection went with the answer, the batch is still to be written.
        try store.open()
        #expect(try store.write(batch) == WriteReport())
        #expect(try times(place) == expected(0..<100))
    }

    @Test func aDeadlockRollsBackAndTheSameBatchPassesAfterwards() throws {
        let place = try PostgresPlace()
        try place.server.sql("ALTER DATABASE \(place.database) SET deadlock_timeout = '10ms'")
        let store = place.postgresStore()
        try store.open()
        var samples = try Samples(store)
        let first = samples.candles(0..<100)
        _ = try store.write(first)
        samples.advance(past: first)
        // The writer takes its partition's row, then waits for candle 99; the other has 99 and wants the partition's. Whoever
        // waits looks for a deadlock once: a third one holds the writer up until the other waits, so that the writer's look
        // is the one that finds it.
        let (third, other) = (try place.connection(), try place.connection())
        try other.execute("SET deadlock_timeout = '60s'; BEGIN")
        try other.execute("UPDATE candles SET source = 'x' WHERE time = (SELECT max(time) FROM candles)")
        try third.execute("BEGIN; UPDATE candles SET source = 'y' WHERE time < (SELECT max(time) FROM candles)")
        let change = samples.candles(0..<100, close: "1.7", eventTime: Samples.start + 90_000_000)
        let (box, otherBox) = (Box((store, change)), Box(other))
        let (outcome, otherOutcome) = (Outcome(), Outcome())
        Thread.detachNewThread {
            outcome.set(complaint { try box.value.0.write(box.value.1) }?.summary ?? "written")
        }
        let watcher = try place.connection()
        let waiting = { try watcher.execute("SELECT FROM pg_locks WHERE NOT granted").rowCount }
        try eventually("the writer waits for a candle") { try waiting() == 1 }
        Thread.detachNewThread {
            let result = Result { try otherBox.value.execute("UPDATE consumer_offsets SET updated_at = now(); COMMIT") }
            otherOutcome.set((try? result.get()) == nil ? "\(result)" : "committed")
        }
        try eventually("the other waits for the partition") { try waiting() == 2 }
        try third.execute("ROLLBACK")
        #expect(try eventually("the writer answers") { outcome.value } == "unavailable 40P01")
        #expect(try eventually("the other answers") { otherOutcome.value } == "committed")
        #expect(try store.write(change).candlesUpdated == 100)
    }

    @Test func aSerializationFailureIsTriedAgain() throws {
        let place = try PostgresPlace()
        try place.server.sql(
            "ALTER DATABASE \(place.database) SET default_transaction_isolation = 'repeatable read'")
        let store = place.postgresStore()
        try store.open()
        let samples = try Samples(store)
        let other = try place.connection()
        try other.execute("BEGIN; UPDATE consumer_offsets SET updated_at = now()")
        let box = Box((store, samples.candles(0..<100)))
        let outcome = Outcome()
        Thread.detachNewThread {
            outcome.set(complaint { try box.value.0.write(box.value.1) }?.summary ?? "written")
        }
        let watcher = try place.connection()
        try eventually("the writer waits for its partition") {
            try watcher.execute("SELECT FROM pg_locks WHERE NOT granted").rowCount > 0
        }
        try other.execute("COMMIT")
        #expect(try eventually("the writer answers") { outcome.value } == "unavailable 40001")
        #expect(try store.write(samples.candles(0..<100)).candlesInserted == 100)
    }

    @Test func aSeriesThatAnotherAddsAtTheSameMomentHasOneNumber() throws {
        let place = try PostgresPlace()
        let store = place.postgresStore()
        try store.open()
        let samples = try Samples(store)
        let batch = samples.candles(0..<10)
        let other = try place.connection()
        try other.execute("BEGIN")
        let added = try other.execute(
            "INSERT INTO series (symbol, timeframe) VALUES ($1, $2) RETURNING id",
            [.text(batch.series[0].symbol), .text(batch.series[0].timeframe.rawValue)]
        ).text(0, 0)
        let box = Box((store, batch))
        let outcome = Outcome()
        Thread.detachNewThread {
            outcome.set(complaint { _ = try box.value.0.write(box.value.1) }?.summary ?? "written")
        }
        let watcher = try place.connection()
        try eventually("the writer waits for the other's series") {
            try watcher.execute("SELECT FROM pg_locks WHERE NOT granted").rowCount > 0
        }
        try other.execute("COMMIT")
        #expect(try eventually("the writer answers") { outcome.value } == "written")
        #expect(try place.rows("SELECT DISTINCT series FROM candles") == [[added]])
    }

    @Test func theSecondOwnerOfAPartitionFencesTheFirst() throws {
        let place = try PostgresPlace()
        let (first, second) = (place.postgresStore(), place.postgresStore())
        try first.open()
        try second.open()
        var old = try Samples(first)
        let written = old.candles(0..<10)
        _ = try first.write(written)
        old.advance(past: written)
        let new = try Samples(second)
        #expect(new.next == 10)
        #expect(throws: StoreError.fenced([Samples.source])) { try first.write(old.candles(10..<20)) }
        #expect(try second.write(new.candles(10..<20)).candlesInserted == 10)
        #expect(try times(place) == expected(0..<20))
    }

    /// The claim comes when the writer has looked at its fence and has not committed yet.
    @Test func aClaimInTheMiddleOfAWriteEitherStopsItOrFindsItsPosition() throws {
        let place = try PostgresPlace()
        let (first, second) = (place.postgresStore(), place.postgresStore())
        try first.open()
        try second.open()
        let batch = try Samples(first).candles(0..<10)
        let other = try place.connection()
        try other.execute("BEGIN; LOCK TABLE candles IN SHARE MODE")
        let watcher = try place.connection()
        let waiting = { try watcher.execute("SELECT FROM pg_locks WHERE NOT granted").rowCount }
        let (writer, claimer) = (Box((first, batch)), Box(second))
        let (written, claimed) = (Outcome(), Outcome())
        Thread.detachNewThread {
            written.set(complaint { try writer.value.0.write(writer.value.1) }?.summary ?? "written")
        }
        try eventually("the writer waits for the table") { try waiting() > 0 }
        Thread.detachNewThread {
            let claims = try? claimer.value.claim([Samples.source])
            claimed.set("\(claims?[0].position?.nextOffset ?? 0)")
        }
        try eventually("the claim is there, or waits for the writer") { try claimed.value != nil || waiting() > 1 }
        try other.execute("COMMIT")
        let ends = try [written, claimed].map { outcome in try eventually("both end") { outcome.value } }
        #expect([["written", "10"], ["fenced", "0"]].contains(ends), "\(ends)")
        #expect(try times(place) == expected(0..<(ends[0] == "written" ? 10 : 0)))
    }

    @Test func twoProcessesThatStartAtOnceMigrateOnce() throws {
        let place = try PostgresPlace()
        let done = Guard<[String]>([])
        let box = Box(place)
        for _ in 0..<4 {
            Thread.detachNewThread {
                let error = complaint { try box.value.postgresStore().open() }
                done.withLock { $0.append(error.map { "\($0)" } ?? "open") }
            }
        }
        try eventually("all four are open") { done.withLock { $0.count == 4 } }
        #expect(done.withLock { $0 } == ["open", "open", "open", "open"])
        #expect(try place.rows("SELECT version FROM klinecast_schema") == [["1"]])
    }

    @Test func aNewerSchemaIsRefusedWithASentence() throws {
        let place = try PostgresPlace()
        try place.postgresStore().open()
        _ = try place.connection().execute("INSERT INTO klinecast_schema (version) VALUES (7)")
        for error in [complaint { try place.postgresStore().open() }, complaint { try place.archive() }] {
            #expect(error?.summary == "unusable schema")
            #expect(error?.sentence.contains("version 7") == true)
        }
    }

    @Test func theWrongPasswordAndAMissingDatabaseWantAPerson() throws {
        let server = try PostgresServer { $0.password = "s3cret" }
        for (url, code) in [(server.url(password: "0ther"), "28P01"), (server.url("missing"), "3D000")] {
            let error = complaint { try PostgresStore(url: Secret(url), group: "test").open() }
            #expect(error?.summary == "unusable \(code)")
            #expect(error?.sentence.contains("0ther") == false && error?.sentence.contains("s3cret") == false)
        }
    }

    @Test func aReadOnlyServerIsWaitedFor() throws {
        let place = try PostgresPlace()
        let store = place.postgresStore()
        try store.open()
        let samples = try Samples(store)
        try place.server.sql("ALTER DATABASE \(place.database) SET default_transaction_read_only = on")
        try place.server.terminateBackends(of: place.database)
        #expect(complaint { try store.open() }?.summary == "unavailable 25006")
        #expect(try place.archive().series().isEmpty)
        try place.server.sql("ALTER DATABASE \(place.database) SET default_transaction_read_only = off")
        #expect(try persist(samples.candles(0..<10), store) == 1)
    }

    @Test func rowsThatTheServerRefusesAreNamedAndNothingIsWritten() throws {
        let place = try PostgresPlace()
        let store = place.postgresStore()
        try store.open()
        let samples = try Samples(store)
        let connection = try place.connection()
        try connection.execute("ALTER TABLE candles ADD CHECK (close < 100)")
        let batch = samples.candles(0..<1_000)
        for (number, close) in [(2_000, "100"), (2_001, "1"), (2_002, "1e3")] {
            let time = Samples.start + Int64(number) * 60_000
            #expect(
                Samples.add(
                    ["1", "1", "1", close, "", "", "", ""], source: "", to: batch, time: time, eventTime: time,
                    offset: Int64(number), isClosed: true))
        }
        guard case .refused(let rows) = complaint({ try store.write(batch) }) else {
            Issue.record("the rows were taken")
            return
        }
        #expect(rows.map(\.offset) == [2_000, 2_002])
        #expect(rows.allSatisfy { $0.source == Samples.source && $0.sentence.contains("23514") })
        #expect(try times(place).isEmpty)
        #expect(try store.write(samples.candles(0..<1_000)).candlesInserted == 1_000)
    }

    /// A tablespace on a file system of a few megabytes; making one takes root.
    @Test(.enabled(if: MountedDisk.isPossible, "a small file system needs root and mount (tmpfs)"))
    func aFullDiskLosesNothingAndIsRecoveredFrom() throws {
        let server = try PostgresServer()
        let disk = try MountedDisk(megabytes: 12)
        let place = try PostgresPlace(server)
        try server.sql("CREATE TABLESPACE small LOCATION '\(disk.path)'")
        let store = place.postgresStore()
        try store.open()
        var samples = try Samples(store)
        try server.sql("ALTER TABLE candles SET TABLESPACE small", in: place.database)
        var (count, code) = (0, "")
        var full: RowBatch?
        while full == nil, count < 1_000_000 {
            let batch = samples.candles(count..<count + 10_000)
            if let error = complaint({ try store.write(batch) }) {
                code = error.summary
                full = batch
            } else {
                samples.advance(past: batch)
                count += 10_000
            }
        }
        #expect(code == "unavailable 53100")
        #expect(try times(place) == expected(0..<count))
        try disk.grow(megabytes: 64)
        #expect(try persist(#require(full), store) == 0)
        #expect(try times(place) == expected(0..<count + 10_000))
    }

    @Test(.enabled(if: Timescale.isInstalled, "the extension timescaledb isn't in this PostgreSQL: never tested here"))
    func withTimescaleTheCandlesAreAHypertable() throws {
        let server = try PostgresServer { $0.further["shared_preload_libraries"] = "timescaledb" }
        let place = try PostgresPlace(server)
        _ = try place.rows("CREATE EXTENSION timescaledb")
        let store = place.postgresStore()
        try store.open()
        #expect(try place.rows("SELECT hypertable_name FROM timescaledb_information.hypertables") == [["candles"]])
        let samples = try Samples(store)
        #expect(try store.write(samples.candles(0..<1_000)).candlesInserted == 1_000)
    }
}
