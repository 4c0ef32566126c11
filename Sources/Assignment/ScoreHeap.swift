/// A worker's symbols with the lowest score on top: a binary heap.
struct ScoreHeap {
    struct Entry: Comparable {
        let score: UInt64
        let symbol: Int

        /// Between equal scores the smaller name wins the seat.
        static func < (left: Self, right: Self) -> Bool {
            left.score != right.score ? left.score < right.score : left.symbol > right.symbol
        }
    }

    private var entries: [Entry] = []
    var count: Int { entries.count }
    var lowest: Entry? { entries.first }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0, entries[child] < entries[(child - 1) / 2] {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func replaceLowest(by entry: Entry) {
        precondition(!entries.isEmpty, "a heap with a lowest entry")
        entries[0] = entry
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child] < entries[smallest] {
                smallest = child
            }
            guard smallest != parent else { return }
            entries.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
