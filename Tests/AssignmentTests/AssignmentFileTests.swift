import Assignment
import MarketData
import TestRigs
import Testing

@Suite struct AssignmentFileTests {
    /// As PHP's fputcsv writes it: a field with a blank is quoted.
    private static let predecessors = """
        symbol,worker,assigned_at
        BTCUSDT,tradingv3-ws-worker-3:8088,"2025-01-02 03:04:05"
        ETHUSDT,tradingv3-ws-worker-4:8088,"2025-01-02 03:04:06"

        """

    /// 2025-01-02T03:04:05Z, by `date -d … +%s`.
    private static let moment: Int64 = 1_735_787_045_000

    @Test(arguments: ["", "\u{feff}"], ["\n", "\r\n", "\r"])
    func thePredecessorsFileIsRead(mark: String, lineEnd: String) {
        let file = AssignmentFile(mark + Self.predecessors.split(separator: "\n").joined(separator: lineEnd))
        #expect(file.problems.isEmpty)
        #expect(file.rows.map(\.symbol.name) == ["btcusdt", "ethusdt"])
        #expect(file.rows.map(\.worker) == [Bench.name(3), Bench.name(4)])
        #expect(file.rows.map(\.assignedAt) == [Self.moment, Self.moment + 1_000])
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var state = Bench.workers(5)
        try state.carryOut(
            try state.plan(Dispatch(Bench.contracts, by: .modulo, timeframes: [.oneMinute])), at: Self.moment + 678)
        let text = AssignmentFile.text(of: state)
        #expect(text.hasPrefix("symbol,worker,assigned_at\nADAUSDT,tradingv3-ws-worker-3:8088,2025-01-02 03:04:05\n"))
        let file = AssignmentFile(text)
        #expect(file.problems.isEmpty && file.rows.count == 10)
        for row in file.rows {
            #expect(state.placements[row.symbol]?.worker == row.worker && row.assignedAt == Self.moment)
        }
    }

    @Test(arguments: [
        ("BTCUSDT", "symbol and worker expected (got 1 column)"),
        ("BTC/USDT,w:1,", "symbol must be 1…32 of the characters A-Z a-z 0-9 _ - (got BTC/USDT)"),
        (",w:1,", "symbol must be 1…32 of the characters A-Z a-z 0-9 _ - (got )"),
        (
            "BTCUSDT,\"w,1\",",
            "worker must be 1…128 of the characters A-Z a-z 0-9 . _ : [ ] - (got w,1)"
        ),
        ("BTCUSDT,w:1,yesterday", "assigned_at must be a time like 2026-01-02 03:04:05 (got yesterday)"),
        (
            "BTCUSDT,w:1,2025-02-29 00:00:00",
            "assigned_at must be a time like 2026-01-02 03:04:05 (got 2025-02-29 00:00:00)"
        ),
        (
            "BTCUSDT,w:1,2025-01-02 24:00:00",
            "assigned_at must be a time like 2026-01-02 03:04:05 (got 2025-01-02 24:00:00)"
        ),
        ("BTCUSDT,w:1,2025-01-02x", "assigned_at must be a time like 2026-01-02 03:04:05 (got 2025-01-02x)"),
        ("ethusdt,w:1,", "ETHUSDT stands on line 2 already"), ("BTCUSDT,\"w:1", "a quoted field has no closing quote"),
    ])
    func aBadRowIsNamedWithItsLine(row: String, sentence: String) {
        let file = AssignmentFile("symbol,worker,assigned_at\nETHUSDT,w:1,\n\n\(row)\n")
        #expect(file.problems.map(\.description) == ["line 4: \(sentence)"])
        #expect(file.rows.map(\.symbol.name) == ["ethusdt"])
    }

    @Test func linesWithinQuotesCount() {
        let file = AssignmentFile("\"BTC\r\nUSDT\",w:1\nETHUSDT,w:1\nbad\n")
        #expect(file.problems.map(\.line) == [1, 4] && file.rows.count == 1)
    }

    @Test(
        arguments: [
            ("2025-01-02T03:04:05Z", 0), ("2025-01-02T03:04:05.678Z", 678), (" 2025-01-02 03:04:05 ", 0),
            ("2025-01-02 03:04:05.5", 500),
        ] as [(String, Int64)])
    func timesInISO8601AreReadToo(text: String, milliseconds: Int64) {
        #expect(AssignmentFile("BTCUSDT,w:1,\(text)").rows.map(\.assignedAt) == [Self.moment + milliseconds])
    }

    @Test func aListOfSymbolsNeedsNoMoreThanAColumn() {
        let (symbols, problems) = AssignmentFile.symbols(in: "Symbol;x\nBTCUSDT\n\"ETHUSDT\",x,y\nbtcusdt\n a b\n")
        #expect(symbols.map(\.name) == ["btcusdt", "ethusdt"])
        #expect(problems.map(\.line) == [1, 5])
        #expect(AssignmentFile.symbols(in: "symbol\nBTCUSDT").symbols.map(\.name) == ["btcusdt"])
    }

    /// Any text is read without a trap, and what is taken from it is written back the same.
    @Test func noTextTraps() {
        let alphabet = Array("BTCu1,\"\"\r\n\u{feff}:- 20é\0")
        for seed in 0..<UInt64(1_500 * Bench.torture) {
            var random = SeededRandom(seed: seed)
            let length = Int.random(in: 0...60, using: &random)
            let text = String((0..<length).map { _ in alphabet.randomElement(using: &random)! })
            let file = AssignmentFile(text)
            _ = AssignmentFile.symbols(in: text)
            let again = AssignmentFile(
                file.rows.map { "\"\($0.symbol.name)\",\"\($0.worker)\"\r\n" }.joined())
            #expect(again.rows.map(\.symbol) == file.rows.map(\.symbol) && again.problems.isEmpty, "seed \(seed)")
        }
    }
}
