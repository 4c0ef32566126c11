internal import Persister

/// Writes a batch's candles in PostgreSQL's binary COPY form (manual, COPY, "Tuples": a count of fields, then each field's
/// length and bytes, all big-endian), into one buffer that is used again for ever. Nothing is allocated a row.
@safe final class CandleEncoder {
    /// What one row takes at most: fixed fields, eight numbers, a source of up to 255 bytes.
    private static let rowLimit = 2 + 8 * 12 + 8 * (4 + NumericEncoder.byteLimit) + 4 + 255
    /// Milliseconds from 1970 to 2000, where PostgreSQL's time begins.
    private static let epoch: Int64 = 946_684_800_000
    private static let fieldCount: Int16 = 16

    /// Rows in the order of the table's key: the index is filled page by page, and two processes that change the same
    /// candles lock them in the same order.
    struct Place {
        let series: Int32
        let index: Int32
        let time: Int64
    }

    /// A row that has no binary form.
    struct Unencodable: Equatable {
        let index: Int
        let sentence: String
    }

    private let buffer: UnsafeMutableRawPointer
    private let capacity: Int
    private var used = 0
    private(set) var order: [Place] = []
    private(set) var unencodable: [Unencodable] = []

    init(capacity: Int = 256 << 10) {
        self.capacity = max(capacity, Self.rowLimit)
        unsafe buffer = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { unsafe buffer.deallocate() }

    /// Sorts the batch's rows; `identifiers` are the table's numbers of the batch's series.
    func begin(_ batch: RowBatch, identifiers: [Int32]) {
        order.removeAll(keepingCapacity: true)
        unencodable.removeAll(keepingCapacity: true)
        used = 0
        for index in 0..<batch.candleCount {
            let series = unsafe Int(batch.candles[index].series)
            let time = unsafe batch.candles[index].time
            order.append(Place(series: identifiers[series], index: Int32(index), time: time))
        }
        order.sort { $0.series != $1.series ? $0.series < $1.series : $0.time < $1.time }
    }

    /// Encodes these places of `order`, handing the buffer out each time it is full and at the end.
    func encode<Failure: Error>(
        _ places: Range<Int>, of batch: RowBatch, _ send: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        used = 0
        for place in places {
            if capacity - used < Self.rowLimit {
                try unsafe send(UnsafeRawBufferPointer(start: buffer, count: used))
                used = 0
            }
            let start = used
            let row = unsafe batch.candles[Int(order[place].index)]
            if let fault = append(row, series: order[place].series, of: batch) {
                used = start
                unencodable.append(Unencodable(index: Int(order[place].index), sentence: fault))
            }
        }
        if used > 0 { try unsafe send(UnsafeRawBufferPointer(start: buffer, count: used)) }
        used = 0
    }

    /// What is wrong with the row; `nil` when it was appended.
    private func append(_ row: CandleRow, series: Int32, of batch: RowBatch) -> String? {
        guard let time = Self.microseconds(row.time) else { return "time \(row.time): out of range" }
        guard let eventTime = Self.microseconds(row.eventTime) else {
            return "event_time \(row.eventTime): out of range"
        }
        put(Self.fieldCount)
        putField(time)
        putField(eventTime)
        putField(row.offset)
        if row.trades >= 0 { putField(row.trades) } else { put(Int32(-1)) }
        putField(series)
        putField(Int32(row.corrections))
        put(Int32(1))
        put(UInt8(row.isClosed ? 1 : 0))
        var start = Int(row.textStart)
        for number in 0..<8 {
            let count = Int(row.numberCounts[number])
            let digits = unsafe UnsafeRawBufferPointer(start: batch.text + start, count: count)
            start += count
            guard count > 0 else {
                put(Int32(-1))
                continue
            }
            let length = unsafe NumericEncoder.encode(digits, to: buffer + used + 4)
            guard length > 0 else {
                let text = unsafe String(decoding: digits.prefix(80), as: UTF8.self)
                return "\(CandleNumber.allCases[number]) \(text): not a number of at most"
                    + " \(NumericEncoder.characterLimit) characters"
            }
            put(Int32(length))
            used += length
        }
        let count = Int(row.sourceCount)
        put(count == 0 ? Int32(-1) : Int32(count))
        unsafe (buffer + used).copyMemory(from: batch.text + start, byteCount: count)
        used += count
        return nil
    }

    private static func microseconds(_ milliseconds: Int64) -> Int64? {
        let (since, early) = milliseconds.subtractingReportingOverflow(epoch)
        let (value, late) = since.multipliedReportingOverflow(by: 1_000)
        return early || late ? nil : value
    }

    @inline(__always) private func putField<Value: FixedWidthInteger>(_ value: Value) {
        put(Int32(MemoryLayout<Value>.size))
        put(value)
    }

    @inline(__always) private func put<Value: FixedWidthInteger>(_ value: Value) {
        unsafe buffer.storeBytes(of: value.bigEndian, toByteOffset: used, as: Value.self)
        used += MemoryLayout<Value>.size
    }
}
