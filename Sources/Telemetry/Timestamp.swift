import Glibc
import MarketData

/// The wall clock: only for what people and other programs read. Intervals come from a monotonic clock.
package enum Timestamp {
    /// Milliseconds since 1970.
    package static func now() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Seconds since 1970 with milliseconds, as /health shows them.
    package static func seconds() -> Double { Double(now()) / 1_000 }

    /// `2026-01-02T03:04:05.678Z`.
    package static func iso8601(_ milliseconds: Int64) -> String { CivilTime(milliseconds: milliseconds).iso8601 }
}
