extension RowBatch {
    /// Adds a row as it is, without looking for another one of its key; `text` is copied, `textStart` set here.
    ///
    /// - Returns: false when rows or bytes are used up: nothing was added.
    package func append(_ row: CandleRow, text bytes: UnsafeRawBufferPointer) -> Bool {
        guard candleCount < limits.rows, bytes.count <= limits.bytes - textCount else { return false }
        var row = row
        row.textStart = UInt32(textCount)
        if let base = bytes.baseAddress {
            unsafe UnsafeMutableRawPointer(text + textCount).copyMemory(from: base, byteCount: bytes.count)
        }
        unsafe (candles + candleCount).initialize(to: row)
        textCount += bytes.count
        candleCount += 1
        return true
    }
}
