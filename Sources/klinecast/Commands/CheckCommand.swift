import Configuration
import Redis
import Router
import Telemetry

/// Tries what a router with its persister needs, and says what is wrong and what to do.
struct CheckCommand: Command {
    static let description = CommandDescription(
        "check", "Try the router's connections, permissions and port, and the database; say what is wrong.",
        flags: [
            CommandFlag("json", "One JSON object."),
            CommandFlag("health", value: "URL", "Only ask this URL: 0 when it answers 200, else 1; for containers."),
        ],
        sections: ["kafka", "redis", "router", "database", "process", "log"],
        examples: ["klinecast check", "klinecast check --health http://127.0.0.1:5004/health"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        if let url = invocation.arguments.flags["health"] { return try Self.askHealth(url) }
        let settings = try invocation.settings(isQuiet: true)
        let isJSON = invocation.arguments.has("json")
        var findings: [Finding] = []
        func add(_ more: [Finding]) {
            findings += more
            if !isJSON { for finding in more { Terminal.data(finding.line) } }
        }
        let routes = try RouteTable(settings)
        add(KafkaCheck(settings, routes).findings())
        add(RedisCheck(settings).findings())
        add([DatabaseCheck(settings).finding()])
        add([MachineCheck.stateFolder(settings.process.stateFolder), MachineCheck.router(settings.router.address)])
        if isJSON { Terminal.data(Self.json(findings)) }
        if findings.contains(where: { $0.outcome == .notAuthorised }) { return .notAuthorised }
        return findings.contains { $0.outcome == .wrong } ? .failed : .done
    }

    private static func askHealth(_ url: String) throws -> ExitCode {
        let (address, path) = try HealthRequest.parse(url)
        guard let answer = HealthRequest.get(address, path, within: .seconds(3)) else {
            throw CommandFailure.failed("\(Terminal.plain(url)): no answer within 3 s")
        }
        Terminal.data("\(answer.status)\n")
        return answer.status == 200 ? .done : .failed
    }

    private static func json(_ findings: [Finding]) -> JSONWriter {
        var json = JSONWriter()
        json.object { json in
            json.member("ok", findings.allSatisfy { $0.outcome == .fine })
            json.member(
                "checks",
                array: { json in
                    for finding in findings {
                        json.object { json in
                            json.member("subject", finding.subject)
                            json.member("outcome", finding.outcome.rawValue)
                            json.member("text", finding.sentence)
                        }
                    }
                })
        }
        return json
    }

    /// What a failure to connect to Redis means for a command's exit code.
    static func failure(_ error: RedisError) -> CommandFailure {
        if case .refused(_, .global, _) = error { return .notAuthorised("Redis: \(error)") }
        return .failed("Redis: \(error)")
    }
}
