import Testing

@testable import klinecast

@Suite struct SequenceCheckTests {
    /// offset, previous, timestamp, and what the subscriber's rule says about it after the ones before.
    typealias Step = (offset: Int64, previous: Int64?, timestamp: Int64?, verdict: SequenceCheck.Verdict)

    static let sequences: [(name: String, steps: [Step])] = [
        ("in order", [(7, 6, 100, .first), (8, 7, 101, .next), (9, 8, 102, .next)]),
        ("a control record between them is no gap", [(7, 6, 100, .first), (9, 7, 101, .next)]),
        ("one is missing", [(7, 6, 100, .first), (9, 8, 102, .gap(8...8)), (10, 9, 103, .next)]),
        ("three are missing", [(7, 6, 100, .first), (12, 10, 102, .gap(8...10))]),
        (
            "the same again",
            [(7, 6, 100, .first), (8, 7, 101, .next), (8, 7, 101, .duplicate), (7, 6, 100, .duplicate)]
        ),
        (
            "after a repetition the sequence goes on",
            [(8, 7, 101, .first), (7, 6, 100, .duplicate), (9, 8, 102, .next)]
        ),
        ("created anew", [(7, 6, 100, .first), (0, nil, 200, .anew), (1, 0, 201, .next)]),
        ("created anew, first one missed", [(7, 6, 100, .first), (3, 2, 200, .anew), (5, 4, 202, .gap(4...4))]),
        ("the same offset, but newer, is another topic's", [(7, 6, 100, .first), (7, nil, 200, .anew)]),
        ("without times a repetition is assumed", [(7, 6, nil, .first), (7, 6, nil, .duplicate)]),
        ("previous unknown, but the next offset", [(7, 6, 100, .first), (8, nil, 101, .next)]),
        ("previous unknown, offsets between", [(7, 6, 100, .first), (20, nil, 101, .unknown), (21, 20, 102, .next)]),
    ]

    @Test(arguments: sequences.indices) func theRuleOfTheContract(_ index: Int) {
        let (name, steps) = Self.sequences[index]
        var check = SequenceCheck()
        for step in steps {
            let routing = Routing(
                topic: "market.data.btcusdt.1m", partition: 0, offset: step.offset, previous: step.previous,
                timestamp: step.timestamp)
            #expect(check.take(routing) == step.verdict, "\(name): offset \(step.offset)")
        }
    }

    @Test func partitionsAndTopicsHaveSequencesOfTheirOwn() {
        var check = SequenceCheck()
        func take(_ topic: String, _ partition: Int32, _ offset: Int64) -> SequenceCheck.Verdict {
            check.take(
                Routing(topic: topic, partition: partition, offset: offset, previous: offset - 1, timestamp: offset))
        }
        #expect(take("a", 0, 5) == .first)
        #expect(take("a", 1, 9) == .first)
        #expect(take("b", 0, 1) == .first)
        #expect(take("a", 0, 6) == .next)
        #expect(take("a", 1, 11) == .gap(10...10))
    }
}

@Suite struct MillisecondCountsTests {
    @Test func quantilesAreMeasuredValuesByNearestRank() {
        var counts = MillisecondCounts()
        #expect(counts.quantile(0.5) == nil)
        for milliseconds in 1...200 { counts.add(Int64(milliseconds)) }
        #expect(counts.quantile(0.5) == 100)
        #expect(counts.quantile(0.99) == 198)
        counts.add(.max)
        #expect(counts.quantile(1) == 60_000)
    }
}
