import Assignment
import Testing

@testable import Gateway

@Suite struct ControlProgressTests {
    /// Who stored the first change of many waits for its first word, which a change each second must not put off for ever.
    @Test func changesThatKeepComingDoNotPutTheFirstWordOff() throws {
        var report = ProgressReport()
        let start = ContinuousClock.now
        var words: [Int64] = []
        for second in 0...12 {
            let tag = StateTag(incarnation: "0123456789abcdef", version: Int64(second))
            let now = start + .seconds(second)
            report.look(at: tag, [], isSettled: false, isComplete: false, now: now)
            guard let due = report.due(now: now) else { continue }
            words.append(due.tag.version)
            report.posted(due, now: now)
        }
        // Four seconds after the first, and after each that came after a word.
        #expect(words == [4, 9])
    }
}
