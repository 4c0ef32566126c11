import Assignment
import Configuration
import Foundation
import Gateway
import Redis

struct DoubleArguments: Sendable {
    let controls: Bool
    let name: String
    let host: String
    /// 0: any that is free.
    let port: UInt16
    /// `nil`: a worker that knows no Redis.
    let redis: Redis.RedisSettings?
    let terms: Lease.Terms
    /// Before each answer.
    let slowness: Duration
    /// Commands that are answered with an error before one is taken.
    let failures: Int
    /// The same for `/unsubscribe` alone.
    let failedUnsubscribes: Int
    /// From the answer to a command until it shows.
    let lateness: Duration

    init(_ words: [String]) throws {
        func value(_ flag: String) -> String? {
            words.firstIndex(of: flag).flatMap { words.indices.contains($0 + 1) ? words[$0 + 1] : nil }
        }
        func milliseconds(_ flag: String) -> Duration? { value(flag).flatMap { Int($0) }.map { .milliseconds($0) } }
        controls = words.contains("--controls")
        name = value("--name") ?? "double"
        host = value("--host") ?? "127.0.0.1"
        port = value("--port").flatMap { UInt16($0) } ?? 0
        redis = try value("--redis").map { Redis.RedisSettings(try RedisURL(parsing: $0)) }
        terms = milliseconds("--lease").map { Lease.Terms(lasting: $0) } ?? .standard
        slowness = milliseconds("--slow") ?? .zero
        failures = value("--fail").flatMap { Int($0) } ?? 0
        failedUnsubscribes = value("--fail-unsubscribe").flatMap { Int($0) } ?? 0
        lateness = milliseconds("--late") ?? .zero
    }
}

/// One line with its moment.
func say(_ text: String, at moment: UInt64 = monotonic()) {
    FileHandle.standardOutput.write(Data("\(moment) \(text)\n".utf8))
}

/// The same clock as `ContinuousClock`.
func monotonic() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_BOOTTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
