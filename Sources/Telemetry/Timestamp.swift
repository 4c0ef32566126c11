import Glibc

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
    package static func iso8601(_ milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds.quotientAndRemainder(dividingBy: 1_000).quotient)
        var rest = milliseconds % 1_000
        if rest < 0 {
            seconds -= 1
            rest += 1_000
        }
        var fields = unsafe tm()
        unsafe gmtime_r(&seconds, &fields)
        func padded(_ number: some BinaryInteger, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = unsafe "\(padded(fields.tm_year + 1900, 4))-\(padded(fields.tm_mon + 1))-\(padded(fields.tm_mday))"
        let time = unsafe "\(padded(fields.tm_hour)):\(padded(fields.tm_min)):\(padded(fields.tm_sec))"
        return "\(date)T\(time).\(padded(rest, 3))Z"
    }
}
