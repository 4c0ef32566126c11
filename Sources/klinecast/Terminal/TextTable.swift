/// Rows in columns on standard output, handed out while they come: the first rows decide the widths, a longer cell later
/// only pushes its own line aside. Holds at most `sampleSize` rows and `flushSize` bytes.
struct TextTable {
    struct Column {
        let title: String
        /// Numbers stand at the right.
        let isNumber: Bool

        static func text(_ title: String) -> Column { Column(title: title, isNumber: false) }
        static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
    }

    private static let sampleSize = 200
    private static let flushSize = 65_536
    private let columns: [Column]
    private let write: (String) -> Void
    private var sample: [[String]] = []
    private var widths: [Int]?
    private var pending = ""

    init(_ columns: [Column], write: @escaping (String) -> Void = { Terminal.data($0) }) {
        self.columns = columns
        self.write = write
    }

    mutating func add(_ cells: [String]) {
        guard let widths else {
            sample.append(cells)
            if sample.count == Self.sampleSize { settle() }
            return
        }
        append(cells, widths)
    }

    /// Writes what is left. Without a row, not even the titles.
    mutating func finish() {
        if widths == nil, !sample.isEmpty { settle() }
        flush()
    }

    private mutating func settle() {
        let titles = columns.map(\.title)
        var widths = titles.map(\.count)
        for row in sample { for (place, cell) in row.enumerated() { widths[place] = max(widths[place], cell.count) } }
        self.widths = widths
        append(titles, widths)
        for row in sample { append(row, widths) }
        sample = []
    }

    private mutating func append(_ cells: [String], _ widths: [Int]) {
        var line = ""
        for (place, cell) in cells.enumerated() {
            let space = String(repeating: " ", count: max(0, widths[place] - cell.count))
            if place > 0 { line += "  " }
            line += columns[place].isNumber ? space + cell : cell + space
        }
        while line.last == " " { line.removeLast() }
        pending += line + "\n"
        if pending.utf8.count >= Self.flushSize { flush() }
    }

    private mutating func flush() {
        if !pending.isEmpty { write(pending) }
        pending = ""
    }
}
