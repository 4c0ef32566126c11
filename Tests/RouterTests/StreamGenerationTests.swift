import Testing

@testable import Router

@Suite struct StreamGenerationTests {
    /// As docs/contracts/redis.md shows an entry's payload.
    private static func payload(_ value: String, timestamp: String) -> String {
        #"{\#(value),"_routing":{"source_topic":"market.data.btcusdc.1m","partition":0,"offset":1234,"previous":1233,"#
            + #""timestamp":\#(timestamp),"received_at":"2026-01-02T03:04:05.678Z","priority":"high","data_type":"order"}}"#
    }

    @Test func anEntryTellsItsLogAndItsTime() throws {
        let value = #""symbol":"BTCUSDC","timestamp":99,"note":"\n,\"timestamp\":98""#
        let head = try #require(StreamHead("3-1234\npayload\n" + Self.payload(value, timestamp: "1767323045670")))
        #expect(head.generation == 3 && head.offset == 1234 && head.timestamp == 1_767_323_045_670)
        #expect(StreamHead("3-1234\npayload\n" + Self.payload(value, timestamp: "null"))?.timestamp == nil)
        // Without an envelope the value's own member is not the record's.
        let bare = StreamHead("3-1234\npayload\n{\(value)}")
        #expect(bare?.offset == 1234 && bare?.timestamp == nil)
        let long = Self.payload(#""filler":"\#(String(repeating: "é", count: 9_001))""#, timestamp: "7")
        #expect(StreamHead("1-0\npayload\n" + long)?.timestamp == 7)
        for text in ["", "5", "a-1", "1-", "-1", "1-2-3"] {
            #expect(StreamHead(text) == nil, "\(text)")
        }
    }

    struct Case: Sendable {
        let what: String
        let end: Int64
        let offset: Int64
        let timestamp: Int64
        var isCommitted = false
        let expected: Int64
    }

    /// The stream's newest entry is 4-199 of time 1000.
    @Test(arguments: [
        Case(what: "the log goes on", end: 300, offset: 200, timestamp: 1001, isCommitted: true, expected: 4),
        Case(what: "records come again", end: 300, offset: 150, timestamp: 990, isCommitted: true, expected: 4),
        Case(what: "a clock was ahead", end: 300, offset: 198, timestamp: 1002, isCommitted: true, expected: 4),
        Case(what: "another group reads the same log", end: 300, offset: 0, timestamp: 500, expected: 4),
        Case(what: "the newest record itself", end: 200, offset: 199, timestamp: 1000, expected: 4),
        Case(what: "a shorter log", end: 199, offset: 0, timestamp: 2000, expected: 5),
        Case(what: "a longer log created anew", end: 400, offset: 0, timestamp: 1001, expected: 5),
        Case(what: "one whose records have no time", end: 400, offset: 0, timestamp: -1, expected: 4),
    ]) func theGenerationRisesWithAnotherLogOnly(_ one: Case) throws {
        let head = try #require(StreamHead("4-199\npayload\n" + Self.payload(#""a":1"#, timestamp: "1000")))
        let found = StreamGeneration.found(head).settled(
            end: one.end, offset: one.offset, timestamp: one.timestamp, isCommitted: one.isCommitted)
        #expect(found == one.expected, "\(one.what)")
    }
}
