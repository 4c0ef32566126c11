import Foundation
import TestRigs

/// The built `klinecast`, beside the test bundle, as a child whose output and talk are kept apart.
final class Program: Sendable {
    struct Result {
        let code: Int32
        let output: String
        let talk: String
    }

    static let path: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("klinecast").path
    }()

    /// The checkout, where `demo` is.
    static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static func knows(_ command: String) -> Bool { ((try? run("help", command))?.code ?? 2) == 0 }

    private let child: ChildProcess
    private let folder: TemporaryFolder

    /// Starts it in an empty folder, so that no configuration file is found there, unless `directory` says where.
    init(_ arguments: [String], _ environment: [String: String] = [:], in directory: String? = nil) throws {
        folder = try TemporaryFolder("command")
        let all = environment.merging(["KLINECAST_TEST_TALK": folder.file("talk")]) { $1 }
        child = try ChildProcess(
            "sh",
            ["-c", "t=$KLINECAST_TEST_TALK; unset KLINECAST_TEST_TALK; exec \"$0\" \"$@\" 2>\"$t\"", Self.path]
                + arguments,
            environment: all, in: directory ?? folder.path)
    }

    static func run(
        _ arguments: String..., environment: [String: String] = [:], in directory: String? = nil
    ) throws -> Result {
        try Program(arguments, environment, in: directory).result()
    }

    var identifier: Int32 { child.identifier }
    var isRunning: Bool { child.isRunning }
    var output: String { child.text }
    var talk: String { (try? String(contentsOfFile: folder.file("talk"), encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) { child.signal(number) }

    /// Waits for its end.
    func result() -> Result {
        let code = child.waitForExit()
        return Result(code: code, output: output, talk: talk)
    }
}
