/// (topic pointer, partition) → slot, for one look-up a record: open addressing with linear probing, and the last
/// answer in front of it, since records come in runs.
///
/// A topic pointer may be used again by the library for another topic, so a slot's entries go with its revocation.
struct PartitionTable {
    private struct Entry {
        var topic: UInt
        var partition: Int32
        /// -1 marks a free place.
        var slot: Int32
    }
    private var entries: [Entry]
    private var count = 0
    private var last = Entry(topic: 0, partition: -1, slot: -1)
    private static let free = Entry(topic: 0, partition: -1, slot: -1)

    init() { entries = Array(repeating: Self.free, count: 64) }

    /// -1 when it is not there.
    mutating func slot(_ topic: UInt, _ partition: Int32) -> Int32 {
        if last.topic == topic, last.partition == partition, last.slot >= 0 { return last.slot }
        var index = place(topic, partition)
        while entries[index].slot >= 0 {
            if entries[index].topic == topic, entries[index].partition == partition {
                last = entries[index]
                return last.slot
            }
            index = (index + 1) & (entries.count - 1)
        }
        return -1
    }

    mutating func insert(_ topic: UInt, _ partition: Int32, slot: Int32) {
        if (count + 1) * 2 > entries.count { rebuild(capacity: entries.count * 2) { _ in true } }
        put(Entry(topic: topic, partition: partition, slot: slot))
    }

    /// Forgets everything about the slots for which `isGone` holds.
    mutating func remove(where isGone: (Int32) -> Bool) {
        last = Self.free
        rebuild(capacity: entries.count) { !isGone($0) }
    }

    private mutating func put(_ entry: Entry) {
        var index = place(entry.topic, entry.partition)
        while entries[index].slot >= 0 { index = (index + 1) & (entries.count - 1) }
        entries[index] = entry
        count += 1
    }

    private mutating func rebuild(capacity: Int, keeping: (Int32) -> Bool) {
        let old = entries
        entries = Array(repeating: Self.free, count: capacity)
        count = 0
        for entry in old where entry.slot >= 0 && keeping(entry.slot) { put(entry) }
    }

    private func place(_ topic: UInt, _ partition: Int32) -> Int {
        // Fibonacci hashing: pointers differ in their middle bits only.
        let mixed = (UInt64(topic) ^ UInt64(UInt32(bitPattern: partition)) << 40) &* 0x9E37_79B9_7F4A_7C15
        return Int(mixed >> 32) & (entries.count - 1)
    }
}
