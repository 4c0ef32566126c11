package import MarketData

/// Assignments as CSV: `symbol,worker,assigned_at` with a header line, as the predecessor wrote them.
///
/// Written: UTF-8, a line feed behind each line, symbols in upper case and in order, times `2026-01-02 03:04:05` in UTC. Read:
/// also with a byte order mark, CRLF, quotes, times in ISO 8601, without header, without the third column. A bad row is
/// named with its line, and the good ones are there all the same.
package struct AssignmentFile: Equatable, Sendable {
    package struct Row: Equatable, Sendable {
        package let symbol: Symbol
        package let worker: WorkerName
        /// Milliseconds since 1970.
        package let assignedAt: Int64?

        package init(symbol: Symbol, worker: WorkerName, assignedAt: Int64?) {
            self.symbol = symbol
            self.worker = worker
            self.assignedAt = assignedAt
        }
    }

    package struct Problem: Equatable, Sendable, CustomStringConvertible {
        /// From 1; the row's first line.
        package let line: Int
        package let sentence: String
        package var description: String { "line \(line): \(sentence)" }
    }

    package static let header = "symbol,worker,assigned_at"
    /// The most rows and problems that are read.
    package static let rowLimit = PlanError.symbolLimit

    package let rows: [Row]
    package let problems: [Problem]

    package init(_ text: String) {
        var reading = Reading()
        for record in CSVRecords(text) {
            guard reading.take(record) else { break }
        }
        (rows, problems) = (reading.rows, reading.problems)
    }

    /// Symbols alone, for a dispatch: the first column, whatever follows. Duplicates count once.
    package static func symbols(in text: String) -> (symbols: [Symbol], problems: [Problem]) {
        var symbols: [Symbol] = []
        var seen: Set<Symbol> = []
        var problems: [Problem] = []
        for (index, record) in CSVRecords(text).enumerated() {
            guard let field = record.fields.first, !(index == 0 && isHeader(record)) else { continue }
            guard symbols.count + problems.count < rowLimit else {
                problems.append(tooMany(record.line))
                break
            }
            if let symbol = Symbol(trimmed(field)) {
                if seen.insert(symbol).inserted { symbols.append(symbol) }
            } else {
                problems.append(Problem(line: record.line, sentence: symbolSentence(field)))
            }
        }
        return (symbols, problems)
    }

    package static func text(of state: AssignmentState) -> String {
        let rows = state.placements.keys.sorted(by: Symbol.isOrdered).compactMap { symbol in
            state.placements[symbol].map { placement in
                "\(symbol.name.uppercased()),\(placement.worker),\(DateTime.spell(placement.assignedAt))\n"
            }
        }
        return header + "\n" + rows.joined()
    }

    fileprivate static func isHeader(_ record: CSVRecords.Record) -> Bool {
        record.fields.first.map { trimmed($0).lowercased() } == "symbol"
    }

    fileprivate static func trimmed(_ field: String) -> String {
        let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return String(field.drop(while: blank).reversed().drop(while: blank).reversed())
    }

    fileprivate static func symbolSentence(_ field: String) -> String {
        "symbol must be \(Symbol.rule) (got \(excerpt(field)))"
    }

    fileprivate static func tooMany(_ line: Int) -> Problem {
        Problem(line: line, sentence: "at most \(rowLimit) rows are read")
    }

    /// What a sentence quotes: short, on one line.
    fileprivate static func excerpt(_ field: String) -> String {
        String(field.prefix(40).map { $0.isNewline || $0 == "\0" ? " " : $0 })
    }
}

/// Rows and problems of a file that is being read.
private struct Reading {
    var rows: [AssignmentFile.Row] = []
    var problems: [AssignmentFile.Problem] = []
    private var lines: [Symbol: Int] = [:]
    private var isFirst = true

    /// Whether to go on.
    mutating func take(_ record: CSVRecords.Record) -> Bool {
        defer { isFirst = false }
        if isFirst && AssignmentFile.isHeader(record) { return true }
        guard rows.count + problems.count < AssignmentFile.rowLimit else {
            problems.append(AssignmentFile.tooMany(record.line))
            return false
        }
        if let sentence = row(record) { problems.append(.init(line: record.line, sentence: sentence)) }
        return true
    }

    /// What is wrong; `nil` when the row was taken.
    private mutating func row(_ record: CSVRecords.Record) -> String? {
        if record.isUnterminated { return "a quoted field has no closing quote" }
        let fields = record.fields.map(AssignmentFile.trimmed)
        guard fields.count >= 2 else {
            let hint = [";", "\t"].contains { fields[0].contains($0) } ? "; put commas between them" : ""
            return "symbol and worker expected (got 1 column)\(hint)"
        }
        guard let symbol = Symbol(fields[0]) else { return AssignmentFile.symbolSentence(fields[0]) }
        guard let worker = WorkerName(fields[1]) else {
            return "worker must be 1…\(WorkerName.lengthLimit) of the characters A-Z a-z 0-9 . _ : [ ] - "
                + "(got \(AssignmentFile.excerpt(fields[1])))"
        }
        var assignedAt: Int64?
        if fields.count > 2, !fields[2].isEmpty {
            guard let moment = DateTime.read(fields[2]) else {
                return "assigned_at must be a time like 2026-01-02 03:04:05 (got \(AssignmentFile.excerpt(fields[2])))"
            }
            assignedAt = moment
        }
        if let line = lines[symbol] { return "\(symbol.name.uppercased()) stands on line \(line) already" }
        lines[symbol] = record.line
        rows.append(.init(symbol: symbol, worker: worker, assignedAt: assignedAt))
        return nil
    }
}
