import Foundation
import Synchronization
import Telemetry
import TestRigs
import Testing

private final class ManualClock: Sendable {
    private let time = Mutex(Duration.zero)
    var now: Duration { time.withLock { $0 } }
    func advance(_ duration: Duration) { time.withLock { $0 += duration } }
}

@Suite struct LogTests {
    private let memory = MemoryLog()
    private let clock = ManualClock()

    private func writer(_ level: Log.Level = .info, _ format: Log.Format = .text) -> LogWriter {
        let clock = clock
        return LogWriter(output: .memory(memory), level: level, format: format, now: { clock.now })
    }

    @Test func aLineIsTimeLevelSentenceAndData() throws {
        writer().write(.warning, "Partition revoked", { ["kafka.topic": "a", "kafka.partition": "1"] })
        let line = try #require(memory.lines.first)
        #expect(line.hasSuffix(" WARNING Partition revoked kafka.topic=a kafka.partition=1"))
        #expect(line.prefix(24).wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    }

    @Test func noValueForgesALineOrCommandsATerminal() throws {
        let evil = "a\nINFO forged\r\u{1b}[2J\u{9b}\u{202e}\t\"\\"
        writer().write(.info, "Seen", { ["x": evil] })
        let line = try #require(memory.lines.first)
        #expect(line.hasSuffix(#" x="a\nINFO forged\r\u{1b}[2J\u{9b}\u{202e}\t\"\\""#))
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f })
        writer(.info, .json).write(.info, "Seen", { ["x": evil] })
        let json = try #require(memory.lines.last)
        let read = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String]
        #expect(read?["x"] == evil)
        #expect(read?["message"] == "Seen" && read?["level"] == "info" && read?["ts"] != nil)
        #expect(!json.contains("\n"))
    }

    @Test func aRepeatIsHeldBackForTenSecondsAndCounted() {
        let writer = writer()
        for _ in 0..<5 { writer.write(.warning, "Again") }
        #expect(memory.lines.count == 1)
        clock.advance(.seconds(9))
        writer.write(.warning, "Again")
        #expect(memory.lines.count == 1)
        clock.advance(.seconds(1))
        writer.write(.warning, "Again")
        #expect(memory.lines.count == 2)
        #expect(memory.lines.last?.hasSuffix("Again log.repeated=5") == true)
    }

    @Test func whatWasHeldBackIsToldEvenIfItNeverComesAgain() {
        let writer = writer()
        for _ in 0..<3 { writer.write(.error, "Lost") }
        clock.advance(.seconds(25))
        writer.write(.info, "Other")
        #expect(memory.lines.contains { $0.hasSuffix("Lost log.repeated=2") })
        for _ in 0..<3 { writer.write(.error, "Gone") }
        writer.flush()
        #expect(memory.lines.last?.hasSuffix("Gone log.repeated=2") == true)
    }

    @Test func keysAndLevelsHoldEachOtherNotBackAndDebugNothing() {
        let writer = writer(.debug)
        for topic in ["a", "b", "a"] { writer.write(.info, "Topic", { ["t": topic] }, { topic }) }
        writer.write(.warning, "Topic")
        #expect(memory.lines.count == 3)
        for _ in 0..<3 { writer.write(.debug, "Detail") }
        #expect(memory.lines.count == 6)
    }

    @Test func belowTheLevelNothingIsWrittenNorEvenMade() {
        writer(.error).write(
            .warning, "Quiet",
            {
                Issue.record("the metadata of a line that is not written was made")
                return [:]
            })
        #expect(memory.lines.isEmpty)
    }

    @Test func manyDifferentKeysStayBounded() {
        let writer = writer()
        for number in 0..<5_000 { writer.write(.info, "Key", { [:] }, { String(number) }) }
        #expect(memory.lines.count == 5_000)
    }

    @Test func linesOfManyThreadsStayWhole() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("log")
        let writer = LogWriter(output: .file(try LogFile(path: path)))
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<200 {
                writer.write(.info, "Line", { ["n": "\(thread)-\(number)"] }, { "\(thread)-\(number)" })
            }
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 1_600)
        #expect(Set(lines.compactMap { $0.split(separator: "n=").last }).count == 1_600)
    }

    @Test func aReaderThatStopsLosesLinesAndStopsNothing() throws {
        let pipe = Pipe()
        let writer = LogWriter(output: .descriptor(pipe.fileHandleForWriting.fileDescriptor), level: .debug)
        let begin = ContinuousClock.now
        for number in 0..<5_000 { writer.write(.debug, "Line", { ["n": "\(number)"] }) }
        #expect(ContinuousClock.now - begin < .seconds(5))
        var read = pipe.fileHandleForReading.availableData
        // The pipe holds 64 KB: all but the last few lines of it.
        while read.count < 50_000 { read += pipe.fileHandleForReading.availableData }
        writer.write(.debug, "Last")
        while !read.suffix(5).elementsEqual("Last\n".utf8) { read += pipe.fileHandleForReading.availableData }
        let lines = String(decoding: read, as: UTF8.self).split(separator: "\n")
        let notice = try #require(lines.first { $0.contains("Log lines lost") })
        let lost = try #require(notice.split(separator: "log.lost=").last.flatMap { Int($0) })
        #expect(lost > 0 && lost + lines.count == 5_000 + 2)
        #expect(lines.last?.hasSuffix("Last") == true)
        try pipe.fileHandleForReading.close()
        for _ in 0..<100 { writer.write(.debug, "Nobody reads") }
    }

    @Test func aValueIsCut() throws {
        writer().write(.info, "Long", { ["x": String(repeating: "x", count: 1_000_000)] })
        #expect(try #require(memory.lines.first).utf8.count < 1_100)
    }

    @Test func aFileThatWasMovedAwayIsMadeAnew() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("log")
        let writer = LogWriter(output: .file(try LogFile(path: path)), level: .debug)
        writer.write(.debug, "Before")
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        try eventually("a line in the new file") {
            writer.write(.debug, "After")
            return FileManager.default.fileExists(atPath: path)
        }
        #expect(try String(contentsOfFile: path + ".1", encoding: .utf8).contains("Before"))
        #expect(throws: LogError.self) { try LogFile(path: folder.file("none/log")) }
    }
}
