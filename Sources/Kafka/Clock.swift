import Glibc

/// Moments as plain numbers, for callbacks and hot loops.
enum Clock {
    /// Monotonic.
    static var nanoseconds: Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
    static var milliseconds: Int64 { nanoseconds / 1_000_000 }
    /// Wall clock, since 1970.
    static var unixMilliseconds: Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

extension Duration {
    /// Rounded down, never below zero, at most a day: what the C calls take as a time limit.
    var cMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds >= 0 else { return 0 }
        return Int32(min(seconds, 86_400) * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}

/// A time limit shared by the steps of one call.
struct Deadline {
    private let end: Int64
    init(_ limit: Duration) { end = Clock.milliseconds + Int64(limit.cMilliseconds) }
    /// What is left, at least 1: a library call with 0 would not even ask.
    var remainingMilliseconds: Int32 { Int32(max(1, end - Clock.milliseconds)) }
    var hasPassed: Bool { Clock.milliseconds >= end }
}
