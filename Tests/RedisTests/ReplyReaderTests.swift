import Redis
import TestRigs
import Testing

@Suite struct ReplyReading {
    /// A stream with each kind of reply, and what it says, both written by hand.
    private static let stream =
        ":0\r\n:3\r\n:-7\r\n+OK\r\n:9223372036854775807\r\n:123456789012345678\r\n:12\r\n-ERR no\r\n$5\r\nhe\r\no\r\n$0\r\n\r\n"
        + "$-1\r\n*-1\r\n*0\r\n:41\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*1\r\n*2\r\n$-1\r\n-E\r\n:5\r\n+\r\n:6\r\n:7\r\n"
    private static let replies: [ReplyTree] = [
        .integer(0), .integer(3), .integer(-7), .status("OK"), .integer(.max), .integer(123_456_789_012_345_678),
        .integer(12), .error("ERR no"), .bulk(Array("he\r\no".utf8)), .bulk([]), .null, .null, .array([]), .integer(41),
        .array([.bulk(Array("master".utf8)), .integer(0), .array([.array([.null, .error("E")])])]), .integer(5),
        .status(""), .integer(6), .integer(7),
    ]

    private static func feed(_ bytes: some Collection<UInt8>, to reader: ReplyReader) throws -> [ReplyTree] {
        var rest = bytes[...]
        var replies: [ReplyTree] = []
        while !rest.isEmpty {
            let space = unsafe reader.space()
            let count = min(space.count, rest.count)
            unsafe space.copyBytes(from: rest.prefix(count))
            reader.received(count)
            rest = rest.dropFirst(count)
            while let reply = try reader.next() { replies.append(reply.tree) }
        }
        return replies
    }

    @Test(arguments: [true, false]) func everySplitOfAStreamGivesTheSameReplies(fast: Bool) throws {
        let bytes = Array(Self.stream.utf8)
        for first in 0...bytes.count {
            for second in stride(from: first, through: bytes.count, by: 7) {
                let reader = ReplyReader(capacity: 64, usesFastPath: fast)
                var replies = try Self.feed(bytes[..<first], to: reader)
                replies += try Self.feed(bytes[first..<second], to: reader)
                replies += try Self.feed(bytes[second...], to: reader)
                try #require(replies == Self.replies, "split at \(first) and \(second)")
                try #require(!reader.hasUnread)
            }
        }
    }

    @Test func aByteAtATimeGivesTheSameReplies() throws {
        let reader = ReplyReader(capacity: 64)
        var replies: [ReplyTree] = []
        for byte in Self.stream.utf8 { replies += try Self.feed([byte], to: reader) }
        #expect(replies == Self.replies)
    }

    @Test func integersInARowAreTakenUntilSomethingElse() throws {
        let reader = ReplyReader()
        let bytes = Array(":1\r\n:22\r\n:333\r\n-ERR x\r\n:4\r\n:5".utf8)
        unsafe reader.space().copyBytes(from: bytes)
        reader.received(bytes.count)
        var values = [Int64](repeating: -1, count: 8)
        let two = unsafe values.withUnsafeMutableBufferPointer {
            unsafe reader.integers(into: .init(rebasing: $0[..<2]))
        }
        #expect(two == 2 && values[..<2] == [1, 22])
        let one = unsafe values.withUnsafeMutableBufferPointer { unsafe reader.integers(into: $0) }
        #expect(one == 1 && values[0] == 333)
        #expect(try reader.next()?.tree == .error("ERR x"))
        #expect(try reader.next()?.tree == .integer(4))
        #expect(try reader.next() == nil ? true : false)
    }

    /// Whatever comes, hiredis alone and hiredis behind the fast path say the same, and nothing traps.
    @Test func randomBytesNeverTrapAndTheFastPathAgreesWithHiredis() {
        var random = SeededRandom(seed: 7)
        let tokens = [
            ":", "0", "1", "99", "-", "\r", "\n", "\r\n", "+", "$3\r\n", "abc", "*2\r\n", ":12\r\n", ":0\r\n",
            "$-1\r\n",
            "-ERR\r\n", "123456789", "*", "$", "_",
        ]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 1...12, using: &random)).flatMap { _ -> [UInt8] in
                Int.random(in: 0..<30, using: &random) == 0
                    ? [UInt8.random(in: 0...255, using: &random)] : Array(tokens.randomElement(using: &random)!.utf8)
            }
            let answers = [true, false].map { fast in
                let reader = ReplyReader(capacity: 64, limit: 4096, usesFastPath: fast)
                var replies: [ReplyTree] = []
                var failed = false
                for byte in bytes where !failed {
                    do { replies += try Self.feed([byte], to: reader) } catch { failed = true }
                }
                return (replies, failed)
            }
            #expect(answers[0].0 == answers[1].0 && answers[0].1 == answers[1].1, "\(bytes)")
        }
    }

    @Test(arguments: [
        ":00\r\n", ":01\r\n", ":-0\r\n", ":+1\r\n", ":\r\n", ":1\n", ":1\r\r\n", ":-\r\n", ": 1\r\n", ":1 \r\n",
        ":9223372036854775808\r\n", ":0999999999999999999\r\n", ":1234567890123456789\r\n", ":-9223372036854775808\r\n",
    ])
    func oddIntegersAreWhatHiredisMakesOfThem(_ text: String) {
        let answers = [true, false].map { fast in
            Result { try Self.feed(Array((text + ":5\r\n").utf8), to: ReplyReader(usesFastPath: fast)) }
        }
        switch (answers[0], answers[1]) {
        case (.success(let fast), .success(let plain)): #expect(fast == plain)
        case (.failure, .failure): break
        default: Issue.record("\(text): \(answers)")
        }
    }

    @Test(arguments: [
        "$2147483647\r\n", "$99999999\r\n", "*2147483647\r\n", "*1000000\r\n",
        "*100000\r\n*100000\r\n",
    ])
    func bombsAreRefusedBeforeTheyGrow(_ text: String) {
        let reader = ReplyReader(limit: 1 << 20)
        #expect(throws: RedisError.self) {
            _ = try Self.feed(Array((text + String(repeating: ":1\r\n", count: 100)).utf8), to: reader)
        }
    }

    @Test func aReplyOfManySmallPartsIsHeldToTheLimit() {
        let reader = ReplyReader(limit: 1 << 20)
        #expect(throws: RedisError.replyTooLarge(limit: 1 << 20)) {
            _ = try Self.feed(Array(("*100000\r\n" + String(repeating: ":1\r\n", count: 100_000)).utf8), to: reader)
        }
    }

    @Test func aLineWithoutEndIsRefused() {
        for sign in ["+", "-", ":", "$", "*"] {
            let reader = ReplyReader()
            #expect(throws: RedisError.self) {
                _ = try Self.feed(Array((sign + String(repeating: "1", count: 200_000)).utf8), to: reader)
            }
        }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\n\r\n", "\u{16}\u{03}\u{01}", ":12x\r\n", "$-2\r\n", "*-2\r\n", "$abc\r\n"])
    func whatIsNotTheProtocolIsAnError(_ text: String) {
        #expect(throws: RedisError.self) { _ = try Self.feed(Array(text.utf8), to: ReplyReader()) }
    }

    @Test func aLargeTextComesWhole() throws {
        let text = String(repeating: "0123456789", count: 300_000)
        let replies = try Self.feed(Array("$3000000\r\n\(text)\r\n:1\r\n".utf8), to: ReplyReader(limit: 4 << 20))
        #expect(replies == [.bulk(Array(text.utf8)), .integer(1)])
    }
}
