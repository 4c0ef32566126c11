/// What the envelope's `_routing` says about where a message came from.
struct Routing: Equatable, Sendable, Decodable {
    let topic: String
    let partition: Int32
    let offset: Int64
    /// The offset of the record the router took before this one from the same partition; nil when it did not know.
    let previous: Int64?
    /// The record's, in ms since 1970.
    let timestamp: Int64?

    enum CodingKeys: String, CodingKey {
        case topic = "source_topic"
        case partition, offset, previous, timestamp
    }
}

/// The subscriber's rule: what a message is, seen from the messages before it of the same source partition. Pure.
struct SequenceCheck {
    enum Verdict: Equatable {
        /// Nothing of this partition was seen before.
        case first
        /// It follows the one before.
        case next
        /// Seen before, or older than what was seen.
        case duplicate
        /// The topic was created anew: its offsets begin again.
        case anew
        /// Messages of these offsets went by unseen.
        case gap(ClosedRange<Int64>)
        /// The router did not know what came before (it had just started): something may be missing.
        case unknown
    }

    private struct Source: Hashable {
        let topic: String
        let partition: Int32
    }

    private struct Seen {
        var offset: Int64
        var timestamp: Int64?
    }

    private var seen: [Source: Seen] = [:]

    /// The verdict on a message, without taking it as seen.
    func verdict(on routing: Routing) -> Verdict {
        guard let last = seen[Source(topic: routing.topic, partition: routing.partition)] else { return .first }
        if routing.offset <= last.offset {
            // Without times nobody can tell; a repetition is the common case.
            guard let now = routing.timestamp, let before = last.timestamp, now > before else { return .duplicate }
            return .anew
        }
        guard let previous = routing.previous else { return routing.offset == last.offset + 1 ? .next : .unknown }
        return previous > last.offset ? .gap(last.offset + 1...previous) : .next
    }

    /// The verdict, and from now on the message is seen.
    mutating func take(_ routing: Routing) -> Verdict {
        let verdict = verdict(on: routing)
        if verdict != .duplicate {
            seen[Source(topic: routing.topic, partition: routing.partition)] = Seen(
                offset: routing.offset, timestamp: routing.timestamp)
        }
        return verdict
    }
}
