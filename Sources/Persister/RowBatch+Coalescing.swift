import MarketData

// Coalescing: of all rows with one key a batch keeps the newest, and leaves in the table what its rows, written one by one
// in the order of their arrival, would have left there, `revision` aside: what the table held is not known here.
//
// `corrections` of the survivor counts the times a closed candle was replaced by a newer closed one with other values. A
// row that arrives late, older than what stands there, changes nothing in a table, and here nothing either: reading records
// a second time behind newer ones counts no correction.

extension RowBatch {
    /// Texts of one candle at most: eight numbers and a source, and what rounding up adds.
    static let candleTextLimit = 768

    /// Adds a candle, or lets it fall when the batch has a newer one of its key. `text` are its numbers in the order of
    /// `CandleNumber`, then its source, as the row's counts say; `row.textStart` does not matter. The batch has room.
    package func add(_ row: CandleRow, text: UnsafeRawBufferPointer) {
        precondition(text.count == row.textCount, "the row's counts are its text's")
        precondition(textCount <= limits.bytes - text.count, "room for the text")
        if let start = text.baseAddress {
            unsafe UnsafeMutableRawPointer(self.text + textCount).copyMemory(from: start, byteCount: text.count)
        }
        addLast(row)
    }

    /// The same with the text already there, at `self.text + textCount`.
    func addLast(_ row: CandleRow) {
        var row = row
        row.textStart = UInt32(truncatingIfNeeded: textCount)
        var place = unsafe keys.firstPlace(of: row)
        while unsafe keys.isTaken(place) {
            let standing = unsafe candles + Int(place.pointee.row)
            if unsafe standing.pointee.time == row.time, unsafe standing.pointee.series == row.series {
                coalescedCount += 1
                unsafe replace(standing, at: place, by: &row)
                return
            }
            unsafe place = keys.next(place)
        }
        precondition(candleCount < limits.rows, "room for the row")
        unsafe keys.take(place, row: Int32(truncatingIfNeeded: candleCount), textRoom: keepText(of: row))
        unsafe (candles + candleCount).initialize(to: row)
        candleCount += 1
    }

    /// Makes the row's text, the last, part of the batch; its bytes rounded up, since the next update of a candle is
    /// often a few digits longer.
    @inline(__always)
    private func keepText(of row: CandleRow) -> UInt32 {
        let room = min((row.textCount + 15) & ~15, limits.bytes - textCount)
        textCount += room
        return UInt32(truncatingIfNeeded: room)
    }

    @inline(__always)
    private func replace(
        _ standing: UnsafeMutablePointer<CandleRow>, at place: UnsafeMutablePointer<KeyTable.Place>,
        by row: inout CandleRow
    ) {
        guard isNewer(row, than: unsafe standing.pointee) else { return }
        row.corrections = unsafe standing.pointee.corrections
        if unsafe standing.pointee.isClosed, compareValues(row, unsafe standing.pointee) != 0 {
            row.corrections = row.corrections == .max ? .max : row.corrections + 1
            correctionCount += 1
        }
        if row.textCount <= Int(unsafe place.pointee.textRoom) {
            let start = unsafe standing.pointee.textStart
            unsafe UnsafeMutableRawPointer(text + Int(start)).copyMemory(
                from: text + Int(row.textStart), byteCount: row.textCount)
            row.textStart = start
        } else {
            unsafe place.pointee.textRoom = keepText(of: row)
        }
        unsafe standing.pointee = row
    }

    /// The order of the tables: closed, the time of the event, the offset; then the values, so that any order of arrival
    /// ends alike where one candle comes by two topics.
    @inline(__always)
    private func isNewer(_ row: CandleRow, than standing: CandleRow) -> Bool {
        if row.isClosed != standing.isClosed { return row.isClosed }
        if row.eventTime != standing.eventTime { return row.eventTime > standing.eventTime }
        if row.offset != standing.offset { return row.offset > standing.offset }
        let values = compareValues(row, standing)
        return unsafe values != 0 ? values > 0 : Self.compareBytes(source(of: row), source(of: standing)) > 0
    }

    /// The numbers by size, a missing one below any other, in the order of the tables' columns, where the number of trades
    /// stands before what takers bought: -1, 0 or 1. Digits do not matter: 1.0 is 1.00.
    private func compareValues(_ left: CandleRow, _ right: CandleRow) -> Int {
        for number in CandleNumber.allCases {
            if number == .takerBuyBaseVolume, left.trades != right.trades { return left.trades < right.trades ? -1 : 1 }
            let (one, other) = unsafe (digits(number, of: left), digits(number, of: right))
            let order = unsafe Self.compareBytes(one, other)
            if order == 0 { continue }
            guard let first = unsafe try? DecimalText(one), let second = unsafe try? DecimalText(other) else {
                return order
            }
            let size = DecimalText.compare(first, second)
            if size != 0 { return size }
        }
        return 0
    }

    /// An empty one is the smallest.
    private static func compareBytes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        for index in 0..<min(left.count, right.count) where unsafe left[index] != right[index] {
            return unsafe left[index] < right[index] ? -1 : 1
        }
        return left.count == right.count ? 0 : left.count < right.count ? -1 : 1
    }
}

extension CandleRow {
    /// Bytes of all its texts.
    package var textCount: Int { Int(numberCounts.wrappedTotal) + Int(sourceCount) }
}
