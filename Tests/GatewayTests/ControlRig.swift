import Assignment
import Configuration
import Curl
import Foundation
import Gateway
import MarketData
import Redis
import Synchronization
import Telemetry
import TestRigs
import Testing

/// A real Redis, controllers in this process, and workers in others.
final class ControlRig {
    /// Long enough for a busy machine to renew it, short enough to wait for its end.
    static let terms = Lease.Terms(lasting: .seconds(4))
    /// What a test waits for something that takes a lease and a second: five times that.
    static let patience = (terms.duration + .seconds(1)) * 5
    var patience: Duration { (terms.duration + .seconds(1)) * 5 }

    let server: RedisServer
    /// The controllers' and the workers'.
    let terms: Lease.Terms
    /// Where everybody finds Redis.
    var place: UInt16
    /// Comes before each call of the storage of controllers from here on.
    var hook: HookedStorage.Hook?
    private(set) var controllers: [Controller] = []

    init(_ terms: Lease.Terms = ControlRig.terms) throws {
        self.terms = terms
        server = try RedisServer { $0.isDurable = true }
        place = server.port
    }

    deinit { for controller in controllers { controller.stop() } }

    /// It was stopped already.
    func forget(_ controller: Controller) { controllers.removeAll { $0 === controller } }

    func redis() throws -> Redis.RedisSettings {
        var settings = Redis.RedisSettings(endpoint: .tcp(host: "127.0.0.1", port: place))
        settings.backoff = .milliseconds(20) ... .milliseconds(200)
        return settings
    }

    func storage() throws -> RedisAssignments { RedisAssignments(try redis(), patience: .seconds(20)) }
    func service() throws -> AssignmentService { AssignmentService(storage: try storage()) }
    func stored() throws -> StoredState { try storage().read() }

    @discardableResult
    func control(_ name: String = "gateway-1", _ change: (inout ControllerSettings) -> Void = { _ in }) throws
        -> Controller
    {
        var settings = ControllerSettings(name: name, lease: terms)
        // Five seconds of ten, as in production.
        settings.calls = CallLimits(deadline: terms.duration / 2)
        change(&settings)
        let (redis, hook) = (try redis(), hook)
        let controller = Controller(settings) {
            let storage = RedisAssignments(redis, patience: .seconds(1))
            return hook.map { HookedStorage(storage, $0) } ?? storage
        }
        controllers.append(controller)
        controller.start()
        return controller
    }

    /// A worker of ours, which knows Redis, registered; at other ports where something stands between.
    func worker(_ name: String, redisPort: UInt16? = nil, _ more: [String] = []) throws -> WorkerDoubleRig {
        let redis = "redis://127.0.0.1:\(redisPort ?? place)"
        let milliseconds = Int(terms.duration / .milliseconds(1))
        return try WorkerDoubleRig(["--name", name, "--redis", redis, "--lease", "\(milliseconds)"] + more)
    }

    func register(_ name: String, at port: UInt16) throws {
        _ = try service().register(
            GatewayTests.worker(name), address: "127.0.0.1:\(port)", capacity: nil, weight: 1, .live())
    }

    /// `count` workers ws-1, ws-2, … of ours, or plain ones.
    func workers(_ count: Int, plain: Bool = false, _ more: [String] = []) throws -> [String: WorkerDoubleRig] {
        var workers: [String: WorkerDoubleRig] = [:]
        for number in 1...count {
            let name = "ws-\(number)"
            let double = plain ? try WorkerDoubleRig(["--name", name] + more) : try worker(name, more)
            try register(name, at: double.port)
            workers[name] = double
        }
        return workers
    }

    func dispatch(_ symbols: [String], to worker: String? = nil, timeframes: [Timeframe] = [.oneMinute, .oneHour])
        throws
    {
        let strategy: Strategy = worker.map { .worker(GatewayTests.worker($0)) } ?? .least
        let request = Dispatch(symbols.map(symbol), by: strategy, timeframes: timeframes)
        _ = try service().dispatch(request, .live())
        for controller in controllers { controller.storageChanged() }
    }

    /// Who gave the controller's lease back, or was replaced, ends.
    func stop(_ controller: Controller) {
        controller.stop()
        forget(controller)
    }

    /// The controller has seen all that is stored, and every worker does just that.
    func waitUntilSettled(_ controller: Controller) throws {
        let storage = try storage()
        try eventually("all workers do what is stored", within: patience, every: .milliseconds(20)) {
            let status = controller.status
            let tag = try storage.read().tag
            return status.isSettled && status.tag == tag
        }
    }
}

/// A process that stands for a worker or a controller.
final class WorkerDoubleRig: Sendable {
    struct Line: Sendable {
        /// Nanoseconds of the machine's monotonic clock.
        let moment: UInt64
        let text: String
    }

    let port: UInt16
    private let process: ChildProcess

    /// - Parameter hosts: the process reads this file for /etc/hosts, where `canHaveHosts`.
    init(_ arguments: [String], hosts: String? = nil) throws {
        let words = hosts.map { Self.ownHosts + [$0, Self.binary] + arguments } ?? [Self.binary] + arguments
        // Nobody there: a proxy of the environment must not be asked.
        let process = try ChildProcess(
            words[0], Array(words.dropFirst()),
            environment: ["http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"])
        self.process = process
        if arguments.contains("--controls") {
            port = 0
        } else {
            port = try eventually("the worker listens") {
                guard process.isRunning else { throw NeverHappened(description: "it ended: \(process.text)") }
                let line = Self.lines(process.text).first { $0.text.hasPrefix("listening ") }
                return line.flatMap { UInt16($0.text.dropFirst("listening ".count)) }
            }
        }
    }

    /// A user may have a mount of its own here, which is all that it takes.
    static let canHaveHosts: Bool = {
        let process = try? ChildProcess("unshare", Array(ownHosts.dropFirst()) + ["/dev/null", "true"])
        return process?.waitForExit() == 0
    }()

    private static let ownHosts = [
        "unshare", "--map-root-user", "--mount", "sh", "-c", #"mount --bind "$0" /etc/hosts && exec "$@""#,
    ]

    /// Beside the test bundle.
    private static let binary: String = {
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let folder =
            bundle?.deletingLastPathComponent()
            ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return folder.appendingPathComponent("WorkerDouble").path
    }()

    var lines: [Line] { Self.lines(process.text) }
    func lines(beginning prefix: String) -> [Line] { lines.filter { $0.text.hasPrefix(prefix) } }

    /// Somebody else than a controller tells it, and waits for its answer.
    func tell(_ verb: String, _ symbol: String) throws {
        let client = HTTPClient()
        defer { client.stop() }
        let body = Array(#"{"symbol":"\#(symbol)","tfs":["1m","1h"]}"#.utf8)
        let isDone = Locked(false)
        client.call(Call(post: body, to: "http://127.0.0.1:\(port)/\(verb)")) { _ in isDone.withLock { $0 = true } }
        try eventually("\(verb) \(symbol) is answered") { isDone.withLock { $0 } }
    }

    func kill() {
        process.signal(SIGKILL)
        process.waitForExit()
    }
    func freeze() { process.signal(SIGSTOP) }
    func thaw() { process.signal(SIGCONT) }

    private static func lines(_ text: String) -> [Line] {
        // The last one may be half written.
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let moment = UInt64(parts[0]) else { return nil }
            return Line(moment: moment, text: String(parts[1]))
        }
    }
}

/// The clock of the doubles' lines.
func moment() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_BOOTTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

extension StoredState {
    /// The symbols of each worker.
    var symbolsByWorker: [String: Set<String>] {
        state.placements.reduce(into: [:]) { $0[$1.value.worker.text, default: []].insert($1.key.name) }
    }
    func state(of name: String) -> Worker.State? { state.workers[GatewayTests.worker(name)]?.state }
}
