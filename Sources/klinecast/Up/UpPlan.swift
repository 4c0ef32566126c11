import Configuration
import Foundation

/// What `up` will run: found out, and refused with a reason, before the first process starts.
struct UpPlan {
    /// Nil where Redis is somebody else's.
    let redis: Address?
    /// Nil where Kafka is somebody else's.
    let broker: Address?
    let router: Address
    let gateway: Address
    let files: [String]
    let topics: [String]
    let rate: Int
    let stateFolder: String
    /// For every child of ours: the settings that `up` was given, and the addresses it decided on.
    let environment: [String: String]
    let commonArguments: [String]

    var logFolder: String { "\(stateFolder)/log" }
    var program: String { Self.executable }

    init(_ invocation: Invocation, _ settings: Settings) throws {
        let redisPort = try invocation.number("redis-server-port", in: 1...65_535) ?? 6379
        redis = settings.redis.isGiven ? nil : Address(host: "127.0.0.1", port: UInt16(redisPort))
        broker = settings.isGiven("kafka.broker") ? nil : settings.broker.address
        router = settings.router.address
        gateway = settings.gateway.address
        rate = settings.up.rate
        stateFolder = URL(fileURLWithPath: settings.process.stateFolder).path
        files = try Self.files(settings.up.files)
        topics = try CandleSeries.read(files).map(\.topic)
        environment = Self.environment(invocation, settings, redis: redis, broker: broker)
        commonArguments = invocation.arguments.flags["config"].map { ["--config", $0] } ?? []
        try checkPorts()
    }

    private func checkPorts() throws(CommandFailure) {
        var taken: [String] = []
        if let redis, PortCheck.isTaken(redis) {
            let remedy = "--redis-server-port, or set REDIS_URL=redis://\(redis) to use the Redis that is there"
            taken.append(PortCheck.sentence("redis", redis, remedy: remedy))
        }
        if let broker, PortCheck.isTaken(broker) {
            let remedy = "--broker-addr or BROKER_ADDR, or set KAFKA_BROKER=\(broker) to use the Kafka that is there"
            taken.append(PortCheck.sentence("broker.address", broker, remedy: remedy))
        }
        if PortCheck.isTaken(router) {
            taken.append(PortCheck.sentence("router.address", router, remedy: "--router-addr or ROUTER_ADDR"))
        }
        if PortCheck.isTaken(gateway) {
            taken.append(PortCheck.sentence("gateway.address", gateway, remedy: "--gateway-addr or GATEWAY_ADDR"))
        }
        if !taken.isEmpty { throw .failed(taken.joined(separator: "\n")) }
    }

    /// Flags become variables, since each role takes only its own flags; what the file says its readers find there.
    private static func environment(
        _ invocation: Invocation, _ settings: Settings, redis: Address?, broker: Address?
    ) -> [String: String] {
        var all = invocation.environment
        // The children's talk goes to a log file each.
        all["LOG_FILE"] = nil
        for setting in invocation.arguments.settings {
            if let variable = Options.named(setting.option)?.environment.first { all[variable] = setting.text }
        }
        if let redis {
            all["REDIS_URL"] = "redis://\(redis)"
            for name in ["REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "REDIS_DB"] { all[name] = nil }
        }
        if let broker {
            all["KAFKA_BROKER"] = broker.description
            all["BROKER_ADDR"] = broker.description
            // An empty fetch of the embedded broker answers only at the end of its time, half a second by itself.
            if !settings.isGiven("kafka.properties") { all["KAFKA_PROPERTIES"] = "fetch.wait.max.ms=20" }
        }
        // A demonstration shows everything that is there.
        if !settings.isGiven("router.start") { all["START"] = "earliest" }
        return all
    }

    /// The files, with folders as the CSV files in them.
    private static func files(_ paths: [String]) throws(CommandFailure) -> [String] {
        var files: [String] = []
        for path in paths {
            guard let found = place(of: path) else {
                throw .failed(
                    "up.files: \(path) is neither here nor beside klinecast; name CSV files or a folder of them with --files"
                )
            }
            files += CandleSeries.files(inFolder: found) ?? [found]
        }
        guard !files.isEmpty else { throw .failed("up.files: no .csv file in \(paths.joined(separator: ", "))") }
        return files
    }

    /// A path as it is, else the same below one of the folders above the executable: a checkout, or an installation.
    private static func place(of path: String) -> String? {
        if FileManager.default.fileExists(atPath: path) { return path }
        guard !path.hasPrefix("/") else { return nil }
        var folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
        while folder.path != "/" {
            let candidate = folder.appendingPathComponent(path).path
            if FileManager.default.fileExists(atPath: candidate) { return candidate }
            folder.deleteLastPathComponent()
        }
        return nil
    }

    private static let executable: String = {
        let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return path ?? CommandLine.arguments[0]
    }()

    /// Where PATH has a program.
    static func find(_ program: String, _ environment: [String: String]) -> String? {
        (environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
