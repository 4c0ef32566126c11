import Redis

/// The reference subscriber: subscribes, waits for the confirmation, reads the newest value of each channel, then takes
/// what comes; where the sequence shows a gap it asks the stream for what is missing. One thread.
final class Tailing {
    struct Counts {
        var snapshots = 0
        var live = 0
        var recovered = 0
        var duplicates = 0
        var gaps = 0
        var missed: Int64 = 0
        var anew = 0
        var unknown = 0
        var withoutEnvelope = 0
        var reconnections = 0
    }

    private(set) var counts = Counts()
    private(set) var latency = MillisecondCounts()
    private let channels: [String]
    private let prefix: String
    private let subscriber: Client
    /// Takes commands, which a subscriber's connection does not.
    private let reader: Client
    private let wantsSnapshot: Bool
    private let show: (TailMessage, String) -> Void
    private var check = SequenceCheck()
    private var snapshotOffsets: [String: Int64] = [:]

    init(
        _ channels: [String], prefix: String, settings: Redis.RedisSettings, wantsSnapshot: Bool,
        show: @escaping (TailMessage, String) -> Void
    ) {
        self.channels = channels
        self.prefix = prefix
        self.wantsSnapshot = wantsSnapshot
        self.show = show
        subscriber = Client(settings)
        reader = Client(settings)
    }

    /// Messages taken so far, by whatever way.
    var taken: Int { counts.snapshots + counts.live + counts.recovered }

    /// Subscribes and takes the newest values: at the beginning, and again after each loss of the connection.
    func begin() throws(RedisError) {
        try subscriber.subscribe(channels)
        guard wantsSnapshot else { return }
        for channel in channels {
            // Without the permission to read there is no snapshot, and everything else still works.
            guard let reply = try readable(["GET", RedisKeys.last(of: channel, prefix: prefix)]),
                case .bulk(let payload) = reply
            else { continue }
            take(TailMessage(channel: channel, payload: payload, way: .snapshot))
        }
    }

    /// Takes what comes within the time.
    func step(within limit: Duration) throws(RedisError) {
        guard let message = try subscriber.nextMessage(within: limit) else { return }
        take(TailMessage(channel: message.channel, payload: message.payload, way: .live))
    }

    func noteReconnection() { counts.reconnections += 1 }

    func close() {
        subscriber.close()
        reader.close()
    }

    private func readable(_ words: [String]) throws(RedisError) -> ReplyTree? {
        do throws(RedisError) { return try reader.command(words) } catch {
            if case .refused(_, .message, _) = error { return nil }
            throw error
        }
    }

    private func take(_ message: TailMessage) {
        guard let routing = message.routing else {
            counts.withoutEnvelope += 1
            count(message)
            return show(message, "")
        }
        if case .gap(let range) = check.verdict(on: routing) { recover(range, of: routing, message.channel) }
        let verdict = check.take(routing)
        if verdict == .duplicate, message.way != .live || routing.offset <= snapshotOffsets[message.channel] ?? -1 {
            // A snapshot that shows what was seen, or its own message that was on its way already.
            return
        }
        if message.way == .snapshot { snapshotOffsets[message.channel] = routing.offset }
        count(message)
        show(message, note(verdict))
    }

    private func count(_ message: TailMessage) {
        switch message.way {
        case .snapshot: counts.snapshots += 1
        case .stream: counts.recovered += 1
        case .live:
            counts.live += 1
            if let milliseconds = message.latency { latency.add(milliseconds) }
        }
    }

    private func note(_ verdict: SequenceCheck.Verdict) -> String {
        switch verdict {
        case .first, .next: return ""
        case .duplicate:
            counts.duplicates += 1
            return "duplicate"
        case .anew:
            counts.anew += 1
            return "topic created anew"
        case .gap(let range):
            counts.gaps += 1
            counts.missed += Int64(range.count)
            return "gap: \(range.lowerBound)…\(range.upperBound) missed"
        case .unknown:
            counts.unknown += 1
            return "what came before is unknown"
        }
    }

    /// Entries beyond this many are left missing: a subscriber wants to be live again.
    private static let recoveryLimit = 10_000

    /// Takes what the partition's stream still holds of a gap. Its ids are `<generation>-<offset>`; a generation is one
    /// life of the topic, and the newest entry tells the present one.
    private func recover(_ range: ClosedRange<Int64>, of routing: Routing, _ channel: String) {
        let key = RedisKeys.stream(of: routing.topic, partition: routing.partition, prefix: prefix)
        guard let newest = try? readable(["XREVRANGE", key, "+", "-", "COUNT", "1"]),
            let id = newest.elements?.first?.elements?.first?.string, let generation = id.split(separator: "-").first
        else { return }
        let command = [
            "XRANGE", key, "\(generation)-\(range.lowerBound)", "\(generation)-\(range.upperBound)", "COUNT",
            "\(Self.recoveryLimit)",
        ]
        for entry in (try? readable(command))?.elements ?? [] {
            // [id, [field, payload]]
            guard let fields = entry.elements?.last?.elements, fields.count >= 2, case .bulk(let payload) = fields[1]
            else { continue }
            let message = TailMessage(channel: channel, payload: payload, way: .stream)
            guard let found = message.routing, found.topic == routing.topic, found.partition == routing.partition
            else { continue }
            let verdict = check.take(found)
            if verdict == .duplicate { continue }
            count(message)
            show(message, note(verdict))
        }
    }
}
