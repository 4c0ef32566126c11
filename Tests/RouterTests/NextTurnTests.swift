import Records
import Testing

@Suite struct NextTurnTests {
    private static let now = ContinuousClock.now

    private func milliseconds(_ deadlines: Duration?...) -> Int32 {
        var next = NextTurn(after: Self.now)
        for deadline in deadlines { next.notAfter(deadline.map { Self.now + $0 }) }
        return next.milliseconds
    }

    @Test func withoutADeadlineItIsASecond() {
        #expect(milliseconds() == 1_000)
        #expect(milliseconds(nil, .seconds(5)) == 1_000)
    }

    @Test func theEarliestDeadlineCounts() {
        #expect(milliseconds(.milliseconds(40), nil, .milliseconds(7), .milliseconds(90)) == 7)
    }

    @Test func theLastPartOfAMillisecondIsWaitedForNotSpunThrough() {
        #expect(milliseconds(.nanoseconds(1)) == 1)
        #expect(milliseconds(.nanoseconds(2_000_001)) == 3)
    }

    @Test func whatIsOverIsNow() {
        #expect(milliseconds(.zero) == 0)
        #expect(milliseconds(.seconds(-3)) == 0)
    }
}
