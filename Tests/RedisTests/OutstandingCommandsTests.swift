import TestRigs
import Testing

@testable import Redis

@Suite struct CommandsInFlight {
    private static let start = ContinuousClock.now

    /// Against a plain list: any order of writes and replies gives every reply to the command written at its place.
    @Test func everyReplyGoesToTheCommandWrittenAtItsPlace() {
        for seed in 0..<10 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var now = Self.start
            var outstanding = OutstandingCommands(deadline: .seconds(3), now: now)
            var model: [OutstandingCommands.Owner] = []
            for _ in 0..<2_000 {
                now += .milliseconds(Int.random(in: 0...30, using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    let count = Int.random(in: 1...20, using: &random)
                    outstanding.wrote(count, by: .caller, now: now)
                    model += Array(repeating: .caller, count: count)
                case 1 where !outstanding.isCrowded && !model.contains(.role):
                    outstanding.wrote(1, by: .role, now: now)
                    model.append(.role)
                case 2:
                    let count = outstanding.callersRun(Int.random(in: 0...30, using: &random))
                    outstanding.answeredCaller(count)
                    #expect(model.prefix(count).allSatisfy { $0 == .caller })
                    model.removeFirst(count)
                default:
                    #expect(outstanding.answered() == model.first)
                    if !model.isEmpty { model.removeFirst() }
                }
                #expect(outstanding.callerCommands == model.count { $0 == .caller } && outstanding.next == model.first)
            }
        }
    }

    @Test func theOldestIsNeverLaterAndAtMostAHundredthEarlierThanItWas() {
        var outstanding = OutstandingCommands(deadline: .seconds(3), now: Self.start)
        for millisecond in 0..<2_000 { outstanding.wrote(1, by: .caller, now: Self.start + .milliseconds(millisecond)) }
        for millisecond in 0..<2_000 {
            let written = Self.start + .milliseconds(millisecond)
            #expect(outstanding.oldest! <= written && written - outstanding.oldest! < .milliseconds(30))
            _ = outstanding.answered()
        }
        #expect(outstanding.oldest == nil && outstanding.answered() == nil)
    }

    @Test func noNumberOfTurnsOverflows() {
        var outstanding = OutstandingCommands(deadline: .seconds(3), now: Self.start)
        for second in 0..<2_000 {
            outstanding.wrote(1, by: .caller, now: Self.start + .seconds(second))
            if !outstanding.isCrowded { outstanding.wrote(1, by: .role, now: Self.start + .seconds(second)) }
        }
        #expect(outstanding.callerCommands == 2_000)
    }
}
