/// What a subscriber makes of what it hears, by the contract: per source partition, an offset that is not above the last
/// one is a duplicate unless its timestamp is newer (then the topic was created anew), and a `previous` above the last
/// offset is a gap.
struct KafkaReception {
    private(set) var accepted: [KafkaPlace: [HeardMessage]] = [:]
    private(set) var duplicates: [HeardMessage] = []
    private(set) var gaps: [HeardMessage] = []
    private(set) var createdAnew = 0

    init(_ messages: [HeardMessage]) {
        for message in messages { hear(message) }
    }

    private mutating func hear(_ message: HeardMessage) {
        let place = message.record.place
        if let last = accepted[place]?.last {
            if message.record.offset <= last.record.offset {
                guard message.timestamp > last.timestamp else {
                    duplicates.append(message)
                    return
                }
                createdAnew += 1
            } else if let previous = message.previous, previous > last.record.offset {
                gaps.append(message)
            }
        }
        accepted[place, default: []].append(message)
    }

    /// The records accepted, each once.
    var records: Set<WrittenRecord> { Set(accepted.values.joined().map(\.record)) }

    /// Partitions in which the writer's numbers do not rise.
    var disordered: [KafkaPlace] {
        accepted.filter { zip($1, $1.dropFirst()).contains { $0.record.number >= $1.record.number } }.map(\.key)
    }
}

extension Set<WrittenRecord> {
    /// Says how this differs from what was to come, in a line; empty when it does not.
    func difference(from expected: Self) -> String {
        let missing = expected.subtracting(self)
        let surplus = subtracting(expected)
        func some(_ records: Self) -> String {
            let sorted = records.sorted { ($0.place, $0.offset) < ($1.place, $1.offset) }
            return sorted.prefix(4).map { "\($0.place)@\($0.offset) #\($0.number)" }.joined(separator: ", ")
        }
        return (missing.isEmpty ? "" : "\(missing.count) missing: \(some(missing)) ")
            + (surplus.isEmpty ? "" : "\(surplus.count) never written: \(some(surplus))")
    }
}
