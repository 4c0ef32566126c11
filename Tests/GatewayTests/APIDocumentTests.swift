import Foundation
import Gateway
import HTTP
import TestRigs
import Testing

/// The served OpenAPI document beside the server, by a client that makes its requests from it.
@Suite(.timeLimit(.minutes(10))) struct APIDocumentTests {
    private static let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    private static let isInstalled = folders.contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/schemathesis")
    }

    @Test(.enabled(if: isInstalled, "schemathesis is not installed: the document is NOT checked against the server"))
    func theServerAnswersAsItsDocumentSays() throws {
        let rig = try APIRig(workers: 3)
        try rig.send("POST", "/ws/dispatch", ["symbols": ["BTCUSDT", "ETHUSDT"]])
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let examples = ProcessInfo.processInfo.environment["OPENAPI_CHECK_EXAMPLES"] ?? "20"
        let check = try ChildProcess(
            root.appendingPathComponent("Scripts/openapi-check").path, ["http://127.0.0.1:\(rig.server.port)"],
            environment: ["OPENAPI_CHECK_EXAMPLES": examples])
        let code = check.waitForExit()
        #expect(code == 0, "\(check.text)")
        if ProcessInfo.processInfo.environment["OPENAPI_CHECK_EXAMPLES"] != nil { print(check.text) }
        #expect(try rig.get("/ws/assignments").status == 200)
    }
}
