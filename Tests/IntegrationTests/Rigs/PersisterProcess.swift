import Foundation
import TestRigs
import Testing

/// A persister under test: the built binary, as a process of its own, on a port and in a folder of its own.
final class PersisterProcess: ServedPages {
    /// Where it kills itself: at the `batch`th time that it comes by.
    struct Failpoint: Sendable, CustomTestStringConvertible {
        enum Place: String, CaseIterable, Sendable {
            /// Before the transaction, after it, and after its offsets were handed to the consumer that commits them.
            case beforeWrite = "before_write"
            case afterCommit = "after_commit"
            case afterStore = "after_store"
        }
        let place: Place
        let batch: Int

        var testDescription: String { "\(place.rawValue):\(batch)" }
    }

    let address: String
    let stateFolder: String
    private let folder: TemporaryFolder
    private let environment: [String: String]
    /// What stands before the binary on the command line.
    private let prefix: [String]
    private(set) var process: ChildProcess

    /// Starts it. `prefix`: a program that becomes the persister when it is ready.
    init(
        kafka: String, group: String, database: String, prefix: [String] = [], failpoint: Failpoint? = nil,
        _ more: [String: String] = [:]
    ) throws {
        folder = try TemporaryFolder("persister")
        stateFolder = folder.path
        address = "127.0.0.1:\(freePort())"
        environment = [
            "KAFKA_BROKER": kafka, "KAFKA_GROUP_ID": group, "DATABASE_URL": database, "PERSISTER_ADDR": address,
            "STATE_DIR": stateFolder, "KAFKA_SESSION_TIMEOUT": "6s", "LOG_LEVEL": "info",
        ].merging(more) { $1 }
        self.prefix = prefix
        process = try Self.launch(prefix, environment, failpoint)
    }

    private static func launch(
        _ prefix: [String], _ environment: [String: String], _ failpoint: Failpoint?
    ) throws -> ChildProcess {
        var environment = environment
        if let failpoint { environment["KLINECAST_FAILPOINT"] = failpoint.testDescription }
        // It must not outlive the tests, however they end.
        return try ChildProcess(
            "setpriv", ["--pdeathsig", "KILL"] + prefix + [RouterProcess.binary, "persister"],
            environment: environment)
    }

    /// Starts it again after its end, with the same state and settings.
    func restart(failpoint: Failpoint? = nil) throws { process = try Self.launch(prefix, environment, failpoint) }

    func kill() {
        process.signal(SIGKILL)
        process.waitForExit()
    }

    /// SIGTERM, and the exit code.
    @discardableResult func stop() -> Int32 {
        process.signal(SIGTERM)
        return process.waitForExit()
    }

    @discardableResult func waitUntilReady(within limit: Duration = .seconds(30)) throws -> PersisterProcess {
        do {
            try eventually("persister ready", within: limit) {
                if !process.isRunning { throw NeverHappened(description: "the persister ended:\n\(process.text)") }
                return try get("/health/ready")?.status == 200
            }
        } catch {
            throw NeverHappened(description: "\(error)\n\((try? get("/health"))?.text ?? "")\n\(process.text)")
        }
        return self
    }

    /// Waits until it says that something is wrong with the database; its sentence.
    func waitForDatabaseReason(within limit: Duration = .seconds(30)) throws -> String {
        do {
            return try eventually("/health is degraded and names the database", within: limit) {
                if !process.isRunning { throw NeverHappened(description: "the persister ended:\n\(process.text)") }
                guard let page = try get("/health"), page.json["status"] as? String != "healthy" else { return nil }
                let reasons = page.json["reasons"] as? [String] ?? []
                return reasons.first {
                    $0.range(of: "database|sqlite|postgres", options: [.regularExpression, .caseInsensitive]) != nil
                }
            }
        } catch {
            throw NeverHappened(
                description: "\(error)\n\((try? get("/health"))?.text ?? "")\n\(process.text.suffix(4000))")
        }
    }

    func waitUntilHealthy(within limit: Duration = .seconds(30)) throws {
        do { try eventually("/health is healthy", within: limit) { health == "healthy" } } catch {
            throw NeverHappened(
                description: "\(error)\n\((try? get("/health"))?.text ?? "")\n\(process.text.suffix(4000))")
        }
    }

    /// The sum of a metric's samples whose name and labels hold `part`.
    func metric(_ part: String) -> Double {
        let text = (try? get("/metrics"))?.text ?? ""
        return text.split(separator: "\n").reduce(0) { sum, line in
            guard !line.hasPrefix("#"), line.contains(part), let space = line.lastIndex(of: " ") else { return sum }
            return sum + (Double(line[line.index(after: space)...]) ?? 0)
        }
    }
}
