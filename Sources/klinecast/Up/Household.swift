import Configuration
import Foundation
import Kafka
import Redis

/// The processes of `up`: started one after the other, each ready before the next, and ended in flow order.
///
/// Main thread only.
final class Household {
    private let plan: UpPlan
    private let stop: StopFlag
    /// In the order of starting: redis, broker, router, gateway, feed.
    private var children: [Child] = []

    /// How long a process may take until it serves, and all together until they have ended.
    private static let startLimit = Duration.seconds(30)
    private static let endLimit = Duration.seconds(10)

    init(_ plan: UpPlan, _ stop: StopFlag) {
        self.plan = plan
        self.stop = stop
    }

    /// False when somebody wanted the end before all were there.
    func start() throws -> Bool {
        try StateFolder.create(plan.logFolder)
        if let address = plan.redis, try !startRedis(address) { return false }
        if let address = plan.broker, try !startBroker(address) { return false }
        for (role, address) in [("router", plan.router), ("gateway", plan.gateway)] {
            guard
                try startOwn(
                    role, [], "http://\(address)",
                    until: { HealthRequest.get(address, "/health/ready", within: .seconds(1))?.status == 200 })
            else { return false }
        }
        let creation = plan.broker == nil ? [] : ["--no-create"]
        return try startOwn(
            "feed", ["--rate", "\(plan.rate)", "--loop"] + creation + ["--"] + plan.files,
            "\(plan.rate) candles a second",
            until: { true })
    }

    private func startRedis(_ address: Address) throws -> Bool {
        guard let program = UpPlan.find("redis-server", plan.environment) else {
            throw CommandFailure.failed(
                "redis-server is not installed; install it (apt-get install redis-server) or set REDIS_URL to a Redis that runs"
            )
        }
        let folder = "\(plan.stateFolder)/redis"
        try StateFolder.create(folder)
        let arguments = [
            "--port", "\(address.port)", "--bind", "127.0.0.1", "--protected-mode", "yes", "--daemonize", "no",
            "--save", "",
            "--appendonly", "no", "--dir", folder,
        ]
        let child = try Child(
            "redis", program: program, arguments, environment: plan.environment, logFolder: plan.logFolder)
        let endpoint = Redis.RedisSettings(endpoint: .tcp(host: address.host, port: address.port))
        return try add(child, "\(address)") {
            let client = Redis.Client(endpoint, patience: .milliseconds(500))
            defer { client.close() }
            return (try? client.command(["PING"]))?.string == "PONG"
        }
    }

    private func startBroker(_ address: Address) throws -> Bool {
        try startOwn("broker", ["--topics", plan.topics.joined(separator: ",")], "\(address)") {
            PortCheck.isTaken(address)
        }
    }

    private func startOwn(_ role: String, _ arguments: [String], _ what: String, until isReady: () -> Bool) throws
        -> Bool
    {
        let child = try Child(
            role, program: plan.program, [role] + plan.commonArguments + arguments, environment: plan.environment,
            logFolder: plan.logFolder)
        return try add(child, what, until: isReady)
    }

    /// Waits until the new child serves; throws when it ends before, or one of the others does.
    private func add(_ child: Child, _ what: String, until isReady: () -> Bool) throws -> Bool {
        children.append(child)
        let deadline = ContinuousClock.now + Self.startLimit
        while true {
            if stop.isRaised { return false }
            if let dead = firstDead() { throw Self.failure(dead) }
            if isReady() { break }
            guard ContinuousClock.now < deadline else {
                throw CommandFailure.failed(
                    "\(child.name): not ready within \(Self.startLimit.components.seconds) s\n\(Self.quoted(child))")
            }
            // Readiness is asked for, since nobody tells it; the pause only keeps the asking cheap.
            stop.wait(.milliseconds(50))
        }
        let name = Terminal.coloured(child.name + String(repeating: " ", count: 8 - child.name.count), .green)
        Terminal.talk("\(name)\(what)  pid \(child.identifier)  log \(child.log)")
        return true
    }

    /// Blocks until somebody wants the end, or throws when a child dies.
    func watch() throws {
        while !stop.wait(.milliseconds(250)) {
            if let dead = firstDead() { throw Self.failure(dead) }
        }
    }

    private func firstDead() -> Child? { children.first { !$0.isRunning } }

    private static func failure(_ child: Child) -> CommandFailure {
        .failed("\(child.name) \(child.ending)\n\(quoted(child))")
    }

    private static func quoted(_ child: Child) -> String {
        let lines = child.lastLines()
        if lines.isEmpty { return "  \(child.log) is empty" }
        return lines.map { "  \($0)" }.joined(separator: "\n") + "\n  (\(child.log))"
    }

    /// In flow order, so that what is under way arrives: each is told to end when the one before it has; SIGKILL when the
    /// time is over. The second signal is the user's, see `killAll`.
    func end() {
        let deadline = ContinuousClock.now + Self.endLimit
        for child in children.reversed() {
            child.signal(SIGTERM)
            while child.isRunning, ContinuousClock.now < deadline { usleep(10_000) }
            if child.isRunning {
                Terminal.talk("\(child.name) did not end in time and is killed")
                child.signal(SIGKILL)
                while child.isRunning { usleep(10_000) }
            }
        }
        children.removeAll()
    }
}
