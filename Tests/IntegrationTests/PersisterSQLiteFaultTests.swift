import Foundation
import TestRigs
import Testing

/// What happens to SQLite's file while a persister writes it, and before it starts.
@Suite("A persister whose SQLite file is in trouble", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct PersisterSQLiteFaultTests {
    @Test(.timeLimit(.minutes(torture > 1 ? 10 : 3))) func nothingIsLostWhileAnotherWriterHoldsTheLock() throws {
        let corner = try PersisterCorner(.sqlite, topics: 2, trade: ["executions"])
        let load = try corner.load(rate: 1000)
        let persister = try corner.persister().waitUntilReady()
        try corner.waitForProgress(of: [persister])
        let locker = try ChildProcess(
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
        try eventually("the lock is held") { locker.text.contains("locked") }
        let begun = ContinuousClock.now
        let held = corner.total()
        let sentence = try persister.waitForDatabaseReason()
        #expect(sentence.contains("lock"), "it says what is wrong: \(sentence)")
        try eventually("the lock has lasted", every: .milliseconds(100)) {
            ContinuousClock.now - begun > .seconds(torture > 1 ? 30 : 5)
        }
        #expect(corner.total() == held, "nobody writes beside the lock")
        #expect(try persister.get("/health/live")?.status == 200, "a restart would not help")
        locker.signal(SIGKILL)
        locker.waitForExit()
        try persister.waitUntilHealthy()
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        let lost = try corner.check(written)
        print("SUMMARY lock_sqlite n=1 lost=\(lost)")
    }

    /// A folder of 48 MB in a name space of the persister's own, which needs no privilege where Linux allows it.
    @Test(.timeLimit(.minutes(2)), .enabled(if: SmallDisk.isPossible, "no mount name spaces for this user"))
    func nothingIsLostWhenTheDiskIsFullUntilThereIsRoom() throws {
        let disk = try SmallDisk(megabytes: 48)
        let corner = try PersisterCorner(
            .sqlite, topics: 2, trade: ["executions"], database: PersisterDatabase(on: disk))
        let persister = try corner.persister(prefix: disk.prefix).waitUntilReady()
        disk.owner = persister.process.identifier
        let load = try corner.load(rate: 1000)
        try corner.waitForProgress(of: [persister])
        try disk.fill()
        let sentence = try persister.waitForDatabaseReason(within: .seconds(60))
        #expect(sentence.contains("full") || sentence.contains("room"), "it says what is wrong: \(sentence)")
        #expect(persister.process.isRunning)
        try disk.makeRoom()
        try persister.waitUntilHealthy()
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        try corner.check(written)
        #expect(persister.stop() == 0)
    }

    /// Write errors that are no full disk: the file may not grow (EFBIG), until it may again.
    @Test(.timeLimit(.minutes(2))) func nothingIsLostWhenTheFileCannotGrowUntilItCan() throws {
        let corner = try PersisterCorner(.sqlite, topics: 2)
        let load = try corner.load(rate: 1000)
        // A process that is not told to ignore the signal would die of it, as by SIGKILL.
        let persister = try corner.persister(prefix: ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]).waitUntilReady()
        try corner.waitForProgress(of: [persister])
        func limit(_ bytes: String) throws {
            let child = try ChildProcess(
                "prlimit", ["--pid", "\(persister.process.identifier)", "--fsize=\(bytes):unlimited"])
            #expect(child.waitForExit() == 0, "\(child.text)")
        }
        try limit("4096")
        let sentence = try persister.waitForDatabaseReason(within: .seconds(30))
        #expect(!sentence.isEmpty)
        try limit("unlimited")
        try persister.waitUntilHealthy()
        let written = try load.stop()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        try corner.check(written)
    }

    enum Damage: String, CaseIterable, Sendable {
        case garbage, truncated, foreign, newer, damagedPage, noFolder

        var needsRows: Bool { self == .truncated || self == .newer || self == .damagedPage }
    }

    /// A file with a thousand records in it, as a persister left it.
    private static let wholeFile = Result {
        let corner = try PersisterCorner(.sqlite)
        let written = try corner.write(0..<1_000, by: try corner.writer())
        let persister = try corner.persister()
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        return try Data(contentsOf: URL(fileURLWithPath: corner.database.path))
    }

    @Test(.timeLimit(.minutes(2)), arguments: Damage.allCases)
    func aFileThatIsNoGoodIsRefusedWithASentenceAndLeftAsItIs(_ damage: Damage) throws {
        let corner = try PersisterCorner(.sqlite)
        let path = corner.database.path
        if damage.needsRows { try Self.wholeFile.get().write(to: URL(fileURLWithPath: path)) }
        switch damage {
        case .garbage:
            try Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(to: URL(fileURLWithPath: path))
        case .truncated: try damageFile(path) { try $0.truncate(atOffset: try $0.seekToEnd() / 2) }
        case .damagedPage:
            try damageFile(path) { file in
                // The first half of every page but the first.
                let end = try file.seekToEnd()
                for page in stride(from: UInt64(4096), to: end, by: 4096) {
                    try file.seek(toOffset: page)
                    try file.write(contentsOf: Data(repeating: 0xa5, count: 2048))
                }
            }
        case .foreign: try corner.database.execute("create table other(a)")
        case .newer: try corner.database.execute("pragma user_version = 9999")
        case .noFolder: break
        }
        let before = try? Data(contentsOf: URL(fileURLWithPath: path))
        let persister = try PersisterProcess(
            kafka: corner.kafka.bootstrap, group: corner.name,
            database: damage == .noFolder ? "sqlite:\(path)/nowhere/candles.db" : corner.database.url,
            corner.environment)
        try eventually("it ends", within: .seconds(20)) { !persister.process.isRunning }
        #expect(persister.process.waitForExit() == 1, "\(persister.process.text)")
        let words = persister.process.text
        #expect(words.contains(path), "it names the file: \(words)")
        #expect(!words.contains("Fatal error"), "a sentence, not a trap: \(words)")
        #expect((try? Data(contentsOf: URL(fileURLWithPath: path))) == before, "what was there is there still")
        print("NOTE \(damage): \(words.split(separator: "\n").last ?? "")")
    }

    private func damageFile(_ path: String, _ change: (FileHandle) throws -> Void) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try change(file)
    }
}
