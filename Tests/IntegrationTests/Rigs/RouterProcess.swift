import Foundation
import TestRigs

/// A router under test: the built binary, as a process of its own, on ports and in a folder of its own.
final class RouterProcess: ServedPages {
    let address: String
    let stateFolder: String
    private let folder: TemporaryFolder?
    private let environment: [String: String]
    private(set) var process: ChildProcess

    /// Starts it; `wait` returns once it says that it is ready. `stateFolder`: another router's, to come back as the same member.
    init(
        kafka: String, redis: String, group: String, start: String = "earliest", stateFolder: String? = nil,
        _ more: [String: String] = [:]
    ) throws {
        let folder = try stateFolder == nil ? TemporaryFolder("router") : nil
        self.folder = folder
        self.stateFolder = stateFolder ?? folder!.path
        address = "127.0.0.1:\(freePort())"
        environment = [
            "KAFKA_BROKER": kafka, "REDIS_URL": redis, "KAFKA_GROUP_ID": group, "START": start, "PERSIST": "off",
            "ROUTER_ADDR": address, "STATE_DIR": self.stateFolder, "LOG_LEVEL": "info",
        ].merging(more) { $1 }
        process = try Self.launch(environment)
    }

    /// The binary beside the test bundle.
    static let binary: String = {
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let folder =
            bundle?.deletingLastPathComponent()
            ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return folder.appendingPathComponent("klinecast").path
    }()

    private static func launch(_ environment: [String: String]) throws -> ChildProcess {
        // It must not outlive the tests, however they end.
        try ChildProcess("setpriv", ["--pdeathsig", "KILL", binary, "router"], environment: environment)
    }

    /// Starts it again after its end, with the same state and settings.
    func restart() throws { process = try Self.launch(environment) }

    func kill() {
        process.signal(SIGKILL)
        process.waitForExit()
    }

    /// SIGTERM, and the exit code.
    @discardableResult func stop() -> Int32 {
        process.signal(SIGTERM)
        return process.waitForExit()
    }

    @discardableResult func waitUntilReady(within limit: Duration = .seconds(30)) throws -> RouterProcess {
        do {
            try eventually("router ready", within: limit) {
                if !process.isRunning { throw NeverHappened(description: "the router ended:\n\(process.text)") }
                return try get("/health/ready")?.status == 200
            }
        } catch {
            throw NeverHappened(description: "\(error)\n\((try? get("/health"))?.text ?? "")\n\(process.text)")
        }
        return self
    }

    /// Resident memory in bytes, from /proc.
    var residentBytes: Int {
        let status = (try? String(contentsOfFile: "/proc/\(process.identifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (Int(line.split(whereSeparator: { !$0.isNumber }).first ?? "0") ?? 0) * 1024
    }
}
