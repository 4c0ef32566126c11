import Records
import Testing

@testable import Persister

@Suite struct ReadingStartTests {
    /// Offsets 0…9 are in the database; the last record's time is 5,000.
    private static let stored = StoredPosition(nextOffset: 10, lastTimestamp: 5_000, lastCRC32: 7)
    private static let claim = Claim(fence: 3, generation: 2, position: stored)

    @Test func withoutAPositionTheLogIsReadFromItsStart() {
        let start = ReadingStart(Claim(fence: 1, generation: 1, position: nil), LogLimits(start: 40, end: 90))
        #expect(start == ReadingStart(generation: 1, offset: 40, anchor: nil, hole: nil))
    }

    @Test func whereTheLogCantBeAskedTheFirstRecordDecides() {
        let start = ReadingStart(Self.claim, nil)
        #expect(start == ReadingStart(generation: 2, offset: 9, anchor: Anchor(Self.stored), hole: nil))
        let fresh = ReadingStart(Claim(fence: 1, generation: 1, position: nil), nil)
        #expect(fresh == ReadingStart(generation: 1, offset: 0, anchor: nil, hole: nil, isGuess: true))
    }

    @Test(arguments: [
        // The log goes on behind our position, or ends exactly there: the record before it is compared.
        (LogLimits(start: 0, end: 25), ReadingStart(generation: 2, offset: 9, anchor: Anchor(stored), hole: nil)),
        (LogLimits(start: 0, end: 10), ReadingStart(generation: 2, offset: 9, anchor: Anchor(stored), hole: nil)),
        (LogLimits(start: 9, end: 10), ReadingStart(generation: 2, offset: 9, anchor: Anchor(stored), hole: nil)),
        // Shorter than what was read: another log, from wherever that begins.
        (LogLimits(start: 0, end: 9), ReadingStart(generation: 3, offset: 0, anchor: nil, hole: nil)),
        (LogLimits(start: 0, end: 0), ReadingStart(generation: 3, offset: 0, anchor: nil, hole: nil)),
        (LogLimits(start: 4, end: 6), ReadingStart(generation: 3, offset: 4, anchor: nil, hole: 0..<4)),
        // Retention took our last record, and nothing more.
        (LogLimits(start: 10, end: 10), ReadingStart(generation: 2, offset: 10, anchor: nil, hole: nil)),
        (LogLimits(start: 10, end: 30), ReadingStart(generation: 2, offset: 10, anchor: nil, hole: nil)),
        // And here records 10…16 that nobody has read.
        (LogLimits(start: 17, end: 30), ReadingStart(generation: 2, offset: 17, anchor: nil, hole: 10..<17)),
        (LogLimits(start: 30, end: 30), ReadingStart(generation: 2, offset: 30, anchor: nil, hole: 10..<30)),
    ])
    func whatTheLogHoldsDecidesWhereReadingGoesOn(log: LogLimits, expected: ReadingStart) {
        #expect(ReadingStart(Self.claim, log) == expected)
    }

    @Test(arguments: [
        (Int64(9), Int64(5_000), UInt32(7), Int64(0), Anchor.Finding.same),
        (9, 5_001, 7, 0, .anewFromStart),
        (9, 5_000, 8, 0, .anewFromStart),
        // Offsets that fall: the library went back to the start of a shorter log.
        (0, 9_000, 1, 0, .anewFromHere),
        (8, 4_000, 1, 8, .anewFromHere),
        // Retention took the record, then more, between the claim and the first fetch.
        (10, 5_001, 1, 10, .gone(hole: nil)),
        (14, 6_000, 1, 13, .gone(hole: 10..<13)),
        // Compaction took it; the log begins where it did.
        (12, 6_000, 1, 0, .gone(hole: nil)),
        // The same, but what follows is older than what we wrote: another log.
        (12, 4_000, 1, 0, .anewFromStart),
    ])
    func theFirstRecordTellsWhetherItIsStillTheSameLog(
        offset: Int64, timestamp: Int64, crc32: UInt32, logStart: Int64, expected: Anchor.Finding
    ) {
        let found = Anchor(Self.stored).find(
            offset: offset, timestamp: timestamp, crc32: { crc32 }, logStart: logStart)
        #expect(found == expected)
    }
}
