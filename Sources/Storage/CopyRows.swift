/// Rows in PostgreSQL's binary COPY form, for the rare kinds: grown as needed, its memory kept.
struct CopyRows {
    private(set) var bytes: [UInt8] = []

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    mutating func begin(fields: Int) { put(Int16(fields)) }
    mutating func add(_ value: Int16) { addFixed(value) }
    mutating func add(_ value: Int32) { addFixed(value) }
    mutating func add(_ value: Int64) { addFixed(value) }
    mutating func add(_ text: String?) {
        guard let text else { return put(Int32(-1)) }
        put(Int32(text.utf8.count))
        bytes += text.utf8
    }
    mutating func add(_ value: [UInt8]?) {
        guard let value else { return put(Int32(-1)) }
        put(Int32(value.count))
        bytes += value
    }

    private mutating func addFixed<Value: FixedWidthInteger>(_ value: Value) {
        put(Int32(MemoryLayout<Value>.size))
        put(value)
    }

    private mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        unsafe withUnsafeBytes(of: value.bigEndian) { raw in unsafe bytes.append(contentsOf: raw) }
    }
}
