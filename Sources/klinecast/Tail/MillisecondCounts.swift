/// Latencies counted by the millisecond, which is as fine as a record's time is; all from 60 s on together.
struct MillisecondCounts {
    private var counts: [Int] = []
    private var total = 0
    private static let limit = 60_000

    mutating func add(_ milliseconds: Int64) {
        let place = Int(min(max(0, milliseconds), Int64(Self.limit)))
        if place >= counts.count { counts += Array(repeating: 0, count: place + 1 - counts.count) }
        counts[place] += 1
        total += 1
    }

    /// The smallest latency that this share of them did not exceed (nearest rank); nil without any.
    func quantile(_ share: Double) -> Int? {
        let rank = max(1, Int((Double(total) * share).rounded(.up)))
        var below = 0
        for (milliseconds, count) in counts.enumerated() {
            below += count
            if below >= rank { return milliseconds }
        }
        return nil
    }
}
