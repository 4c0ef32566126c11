package import Foundation

/// A program that a test started; killed and reaped when its owner goes.
package final class ChildProcess: @unchecked Sendable {
    // `Process` is not Sendable, yet the calls used here (identifier, running, wait) are safe from any thread once
    // `run` has returned, and nothing else touches it.
    private let process = Process()
    package let output: URL
    private let folder: TemporaryFolder

    /// Starts `program` (a path, or a name looked up in PATH) with standard output and error in one file.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], in directory: String? = nil
    )
        throws
    {
        folder = try TemporaryFolder("child")
        output = folder.url.appendingPathComponent("output")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let handle = try FileHandle(forWritingTo: output)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        try process.run()
    }

    deinit {
        if process.isRunning {
            signal(SIGCONT)
            signal(SIGKILL)
        }
        process.waitUntilExit()
    }

    package var identifier: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }
    /// All that it has printed so far.
    package var text: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }

    package func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for its end; the exit code, or minus the signal that ended it.
    @discardableResult package func waitForExit() -> Int32 {
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}
