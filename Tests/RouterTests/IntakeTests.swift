import Records
import TestRigs
import Testing

@testable import Router

@Suite struct IntakeTests {
    private static let start = ContinuousClock.now

    private func moment(_ milliseconds: Int) -> ContinuousClock.Instant { Self.start + .milliseconds(milliseconds) }

    /// A source that holds records of two partitions, in slots 0 and 1.
    private func source(records: Int) throws -> SimulatedSource {
        let source = SimulatedSource(random: SeededRandom(seed: 3))
        let partitions = ["a", "b"].map { SourcePartition(topic: $0, partition: 0) }
        for partition in partitions {
            source.logs[partition] = .init(values: Array(repeating: Array("{}".utf8), count: records))
        }
        _ = try source.assign(partitions)
        return source
    }

    @Test func aShortLackOfRoomPassesByItself() {
        var intake = Intake(pauseAfter: .seconds(5))
        #expect(intake.relief(isFull: true, moment(0)) == nil)
        #expect(intake.deadline == moment(5_000))
        #expect(intake.relief(isFull: true, moment(4_999)) == nil)
        #expect(intake.relief(isFull: false, moment(5_000)) == nil)
        #expect(intake.deadline == nil)
        // The next one is counted from its own beginning.
        #expect(intake.relief(isFull: true, moment(6_000)) == nil)
        #expect(intake.relief(isFull: true, moment(10_999)) == nil)
    }

    @Test func aLongOnePausesOnceThenAsksTwiceASecondUntilThereIsRoom() {
        var intake = Intake(pauseAfter: .seconds(5))
        _ = intake.relief(isFull: true, moment(0))
        #expect(intake.relief(isFull: true, moment(5_000)) == .pause)
        #expect(intake.isPaused == true)
        #expect(intake.deadline == moment(5_500))
        #expect(intake.relief(isFull: true, moment(5_499)) == nil)
        #expect(intake.relief(isFull: true, moment(5_500)) == .ask)
        #expect(intake.relief(isFull: true, moment(6_000)) == .ask)
        #expect(intake.relief(isFull: false, moment(6_001)) == .resume)
        #expect(intake.isPaused == false)
        #expect(intake.relief(isFull: false, moment(6_002)) == nil)
    }

    @Test func whatSlippedThroughAPauseIsLookedAtBeforeItEnds() throws {
        let source = try source(records: 3)
        var intake = Intake(pauseAfter: .zero)
        #expect(intake.relief(isFull: true, moment(0)) == .pause)
        intake.ask(source)
        #expect(intake.count == 1)
        #expect(intake.relief(isFull: false, moment(1)) == nil)
        #expect(intake.isPaused == true)
        intake.next += 1
        #expect(intake.relief(isFull: false, moment(2)) == .resume)
        intake.releaseLooked(to: source)
        #expect(source.openHandles == 0)
    }

    @Test func askingNeverTakesMoreThanThereIsMemoryFor() throws {
        let source = try source(records: 500)
        var intake = Intake(pauseAfter: .zero)
        for _ in 0..<500 { intake.ask(source) }
        #expect(intake.count == 128)
        #expect(source.openHandles == 128)
        #expect(intake.giveBack(to: source) { _ in true } == 128)
        #expect(source.openHandles == 0)
    }

    @Test func whatIsGivenBackTakesNothingOfTheOthersAndNothingThatWasLookedAt() throws {
        let source = try source(records: 30)
        var intake = Intake(pauseAfter: .zero)
        for _ in 0..<40 { intake.ask(source) }
        intake.next = 5
        let places = 5..<intake.count
        let kept = places.filter { unsafe intake[$0].slot == 1 }.map { unsafe intake[$0].offset }
        let returned = intake.giveBack(to: source) { $0 == 0 }
        #expect(returned > 0 && !kept.isEmpty)
        #expect(returned == places.count - kept.count)
        #expect((5..<intake.count).map { unsafe intake[$0].offset } == kept)
        #expect((5..<intake.count).allSatisfy { unsafe intake[$0].slot == 1 })
        intake.next = intake.count
        intake.releaseLooked(to: source)
        #expect(intake.count == 0 && source.openHandles == 0)
        #expect(source.mistakes.isEmpty)
    }
}
