import Synchronization

/// Latencies in fixed buckets from 100 us to 10 s.
///
/// One thread records, any thread reads a snapshot: plain relaxed loads and stores, no lock, no allocation. A snapshot
/// taken in the middle of a record may miss the newest count, never invent one.
package final class LatencyHistogram: Sendable {
    package static let boundsNanoseconds: [UInt64] = [
        100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
        250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    ]

    /// The bounds again without the check that a global costs at each use.
    private let bounds: InlineArray<16, UInt64>
    private let counts: InlineArray<17, Atomic<UInt64>>
    private let sum: Atomic<UInt64>

    package init() {
        bounds = InlineArray { Self.boundsNanoseconds[$0] }
        counts = InlineArray { _ in Atomic(0) }
        sum = Atomic(0)
    }

    /// `count` events of this latency. The one writer's thread.
    package func record(nanoseconds: UInt64, count: UInt64 = 1) {
        var index = 0
        while index < 16, nanoseconds > bounds[index] { index += 1 }
        counts[index].store(counts[index].load(ordering: .relaxed) &+ count, ordering: .relaxed)
        sum.store(sum.load(ordering: .relaxed) &+ nanoseconds &* count, ordering: .relaxed)
    }

    /// Any thread.
    package var snapshot: LatencySnapshot {
        var read: [UInt64] = []
        for index in 0..<17 { read.append(counts[index].load(ordering: .relaxed)) }
        return LatencySnapshot(counts: read, sumNanoseconds: sum.load(ordering: .relaxed))
    }
}

/// A histogram's figures at one moment.
package struct LatencySnapshot: Sendable, Equatable {
    /// One a bound, and a last one for all beyond 10 s.
    package let counts: [UInt64]
    package let sumNanoseconds: UInt64

    package var count: UInt64 { counts.reduce(0, +) }
    package var sumSeconds: Double { Double(sumNanoseconds) / 1e9 }

    /// The latency in seconds that this share (0…1) of the events did not exceed, interpolated within its bucket;
    /// 10 s for all beyond; `nil` without events.
    package func quantile(_ share: Double) -> Double? {
        let total = count
        guard total > 0 else { return nil }
        let rank = min(max(share, 0), 1) * Double(total)
        var below = 0.0
        var lower = 0.0
        for (bound, count) in zip(LatencyHistogram.boundsNanoseconds, counts) {
            let upper = Double(bound) / 1e9
            if count > 0, below + Double(count) >= rank {
                return lower + (upper - lower) * max(0, rank - below) / Double(count)
            }
            below += Double(count)
            lower = upper
        }
        return lower
    }
}
