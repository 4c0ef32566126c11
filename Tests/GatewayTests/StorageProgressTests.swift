import Assignment
import Testing

@testable import Gateway

@Suite struct StorageProgressTests {
    /// What a controller posted may have been lost since, or written over by an earlier one: nothing else would bring it back.
    @Test func theSameIsSaidAgainAfterSomeSeconds() throws {
        var report = ProgressReport()
        let start = ContinuousClock.now
        let tag = StateTag(incarnation: "0123456789abcdef", version: 7)
        report.look(at: tag, [], isSettled: true, isComplete: true, now: start)
        let progress = try #require(report.due(now: start))
        report.posted(progress, now: start)
        #expect(report.due(now: start + .milliseconds(4_999)) == nil)
        #expect(report.due(now: start + .seconds(5)) == Progress(tag: tag, pending: []))
        report.posted(progress, now: start + .seconds(5))
        #expect(report.due(now: start + .seconds(9)) == nil)
    }
}
