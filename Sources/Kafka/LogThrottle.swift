/// Lets one line a second through for each key, and counts what it held back.
struct LogThrottle {
    private struct Entry {
        var next: Int64
        var heldBack: Int
    }
    private var entries: [String: Entry] = [:]
    /// Keys come from librdkafka's code (some tens of facilities); the limit only bounds what we do not know.
    private static let limit = 256

    /// How many lines of this key were held back since its last one; nil when this one is held back too.
    mutating func admit(_ key: String, nowMilliseconds now: Int64) -> Int? {
        if var entry = entries[key] {
            if now < entry.next {
                entry.heldBack += 1
                entries[key] = entry
                return nil
            }
            entries[key] = Entry(next: now + 1000, heldBack: 0)
            return entry.heldBack
        }
        if entries.count >= Self.limit { entries.removeAll(keepingCapacity: true) }
        entries[key] = Entry(next: now + 1000, heldBack: 0)
        return 0
    }
}
