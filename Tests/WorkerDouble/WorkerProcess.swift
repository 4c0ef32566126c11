import Assignment
import Foundation
import Gateway
import HTTP
import Redis
import Telemetry

/// A worker's control API to the letter of the BitMart worker's, and, with Redis, a worker of ours: it renews its lease,
/// names epochs, and serves nothing once its own clock says that the lease is over.
final class WorkerProcess: Sendable {
    private struct State {
        var lease: Lease?
        var granted: UInt64 = 0
        /// Channels by symbol, and since when they show.
        var channels: [String: [String: ContinuousClock.Instant]] = [:]
        var epochs: [String: Int64] = [:]
        var failures: Int
        var failedUnsubscribes: Int
        var isRunning = true
    }

    private let arguments: DoubleArguments
    private let state: Locked<State>

    init(_ arguments: DoubleArguments) {
        self.arguments = arguments
        let lease = arguments.redis.map { _ in Lease(arguments.terms, now: .now) }
        state = Locked(
            State(lease: lease, failures: arguments.failures, failedUnsubscribes: arguments.failedUnsubscribes))
    }

    func run() throws {
        var routes = [
            Route("GET", "/status") { [self] request in answer(request) { _ in status() } },
            Route("GET", "/help") { [self] request in answer(request) { _ in help() } },
            Route("POST", "/stop") { [self] request in
                answer(request) { _ in
                    state.withLock { $0.isRunning = false }
                    return taken("Worker stopped")
                }
            },
        ]
        for prefix in ["", "/klines"] {
            routes.append(Route("POST", prefix + "/subscribe") { [self] in answer($0, subscribe) })
            routes.append(Route("POST", prefix + "/unsubscribe") { [self] in answer($0, unsubscribe) })
        }
        let server = try Server(
            host: arguments.host, port: arguments.port, setting: "--port", routes: routes, hosts: .any,
            metrics: HTTPMetrics())
        say("listening \(server.port)")
        if let redis = arguments.redis { keepLease(redis) }
        // A test that was killed leaves no process behind.
        let parent = getppid()
        while getppid() == parent { usleep(50_000) }
    }

    /// One thread asks Redis, another looks at the clock: an answer that does not come must not hide the lease's end.
    private func keepLease(_ redis: Redis.RedisSettings) {
        let name = LeaseName.worker(WorkerName(arguments.name)!)
        let token = "\(arguments.name) \(UInt64.random(in: .min ... .max))"
        let (arguments, state) = (arguments, state)
        let (heard, looked) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        Thread.detachNewThread {
            let storage = RedisAssignments(redis, patience: .milliseconds(500))
            while true {
                // Until the next renewal is due: sooner where the clock has ended the lease.
                let left = (state.withLock { $0.lease?.renewsAt } ?? .now) - .now
                if left > .zero {
                    _ = looked.wait(timeout: .now() + left / .seconds(1))
                    continue
                }
                let begun = monotonic()
                let sent = ContinuousClock.now
                let isGranted = try? storage.acquire(name, token: token, for: arguments.terms.duration)
                Self.happened(isGranted.map { $0 ? .granted(sent: sent) : .refused } ?? .failed, begun, state)
                heard.signal()
            }
        }
        Thread.detachNewThread {
            while true {
                // Until Redis has said something, or the lease ends without that.
                let left = state.withLock { $0.lease?.end }.map { max(0, ($0 - .now) / .seconds(1)) }
                _ = heard.wait(timeout: left.map { .now() + $0 } ?? .distantFuture)
                Self.happened(.tick, 0, state)
                looked.signal()
            }
        }
    }

    private static func happened(_ event: Lease.Event, _ begun: UInt64, _ state: Locked<State>) {
        state.withLock { state in look(&state, event, begun) }
    }

    private static func look(_ state: inout State, _ event: Lease.Event, _ begun: UInt64 = 0) {
        let action = state.lease?.on(event, now: .now) ?? .none
        switch action {
        case .none: break
        case .start: say("serves")
        case .stop:
            state.channels = [:]
            state.epochs = [:]
            say("stopped granted=\(state.granted)")
        }
        if case .granted = event { state.granted = begun }
    }

    /// A line a request, in their order; the lease's end comes before anything that is asked after it.
    private func answer(_ request: Request, _ make: (Request) -> Response) -> Response {
        if arguments.slowness > .zero { usleep(UInt32(arguments.slowness / .microseconds(1))) }
        state.withLock { Self.look(&$0, .tick) }
        let response = make(request)
        let body = String(decoding: request.body, as: UTF8.self)
        say("\(request.method) \(request.path) \(response.status) \(body)")
        return response
    }

    private func status() -> Response {
        let (channels, epochs, isRunning, keepsLease) = state.withLock { state in
            let shown = state.channels.values.flatMap { $0.filter { $0.value <= .now }.keys }.sorted()
            return (shown, state.epochs, state.isRunning, state.lease != nil)
        }
        return .json { json in
            json.object { json in
                json.member("is_running", isRunning)
                json.member("public_ws_connected", true)
                json.member("private_ws_connected", false)
                json.member("authenticated", false)
                json.member("kline_channels", channels)
                json.member("order_subscribed", false)
                json.member("position_subscribed", false)
                json.member("positions", object: { _ in })
                json.member("balance_subscribed", false)
                json.key("balance")
                json.null()
                if keepsLease {
                    json.member(
                        "epochs", object: { json in for (symbol, epoch) in epochs { json.member(symbol, epoch) } })
                }
            }
        }
    }

    private func help() -> Response {
        .json { json in
            json.object { json in
                json.member("endpoints", object: { $0.member("GET /status", "Get worker status") })
                json.member("supported_timeframes", ["1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w"])
                json.member("example_requests", [])
            }
        }
    }

    private func subscribe(_ request: Request) -> Response {
        change(request) { state, symbol, timeframes, epoch in
            if let lease = state.lease {
                guard lease.isHeld else { return Self.refused(503, "No lease") }
                guard let epoch, epoch >= state.epochs[symbol] ?? 0 else { return Self.refused(409, "Old epoch") }
                state.epochs[symbol] = epoch
            }
            let since = ContinuousClock.now + arguments.lateness
            for timeframe in timeframes {
                let channel = "futures/klineBin\(Self.spelled(timeframe)):\(symbol)"
                if state.channels[symbol]?[channel] == nil { state.channels[symbol, default: [:]][channel] = since }
            }
            return taken("Subscribed to klines for \(symbol) with timeframes: \(timeframes.joined(separator: ", "))")
        }
    }

    private func unsubscribe(_ request: Request) -> Response {
        change(request) { state, symbol, timeframes, _ in
            if state.failedUnsubscribes > 0 {
                state.failedUnsubscribes -= 1
                return Self.refused(500, "Told to fail")
            }
            for timeframe in timeframes {
                state.channels[symbol]?["futures/klineBin\(Self.spelled(timeframe)):\(symbol)"] = nil
            }
            if state.channels[symbol]?.isEmpty ?? true {
                state.channels[symbol] = nil
                state.epochs[symbol] = nil
            }
            return taken(
                "Unsubscribed from klines for \(symbol) with timeframes: \(timeframes.joined(separator: ", "))")
        }
    }

    private func change(_ request: Request, _ make: (inout State, String, [String], Int64?) -> Response) -> Response {
        let document = (try? JSONSerialization.jsonObject(with: Data(request.body))) as? [String: Any] ?? [:]
        let frames = document["tfs"] as? [String] ?? (document["tfs"] as? String).map { [$0] }
        guard let symbol = document["symbol"] as? String, let frames, !symbol.isEmpty, !frames.isEmpty else {
            return Self.refused(400, "Missing symbol or tfs parameter")
        }
        let epoch = (document["epoch"] as? NSNumber)?.int64Value
        return state.withLock { state in
            if state.failures > 0 {
                state.failures -= 1
                return Self.refused(500, "Told to fail")
            }
            return make(&state, symbol, frames, epoch)
        }
    }

    private static func spelled(_ timeframe: String) -> String {
        timeframe.last.map { "hdw".contains($0) } == true ? timeframe.uppercased() : timeframe
    }

    private func taken(_ message: String) -> Response {
        .json { json in
            json.object { json in
                json.member("ok", true)
                json.member("message", message)
            }
        }
    }

    private static func refused(_ status: Int, _ error: String) -> Response {
        .json(status: status) { json in
            json.object { json in
                json.member("ok", false)
                json.member("error", error)
            }
        }
    }
}
