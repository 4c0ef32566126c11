import Foundation
import TestRigs
import Testing

/// `klinecast gateway` with the stand-in workers of docs/contracts/examples/worker.py, and commands beside it.
@Suite(.timeLimit(.minutes(5))) struct GatewayCommandTests {
    /// Redis, two workers and a gateway.
    private struct Rig {
        let redis: RedisServer
        /// With user and password.
        let url: String
        let ports = [freePort(), freePort()]
        let address = "127.0.0.1:\(freePort())"
        let folder: TemporaryFolder
        let workers: ChildProcess
        let gateway: Program

        /// - Parameter rights: a user's rule, for Redis to let only that user do anything of it.
        init(_ environment: [String: String] = [:], rights: String? = nil) throws {
            redis = try RedisServer { if let rights { $0.users = ["gateway on >secret \(rights)"] } }
            url = rights == nil ? redis.url : "redis://gateway:secret@127.0.0.1:\(redis.port)"
            folder = try TemporaryFolder("gateway")
            let script = "\(Program.package)/docs/contracts/examples/worker.py"
            let started = try ChildProcess("python3", [script] + ports.map(String.init))
            workers = started
            try eventually("the workers serve") { started.text.contains("serving on") }
            let all = [
                "REDIS_URL": url, "GATEWAY_ADDR": address, "GATEWAY_LEASE": "2s",
                "WS_WORKERS": ports.map { "127.0.0.1:\($0)" }.joined(separator: ","),
            ]
            gateway = try Program(["gateway"], all.merging(environment) { $1 })
            try eventually("the gateway is ready and its workers are registered") {
                guard gateway.isRunning else { throw NeverHappened(description: gateway.talk) }
                let workers = try? redis.command("HLEN", "{klinecast}:workers")
                return workers == "2" && gateway.talk.contains("lease won")
            }
        }

        func run(_ words: String...) throws -> Program.Result {
            try Program(words, ["REDIS_URL": url], in: folder.path).result()
        }

        /// The status and the body of one GET.
        func get(_ path: String) throws -> (status: Int, body: String) {
            let client = try ChildProcess("curl", ["-s", "-w", "\n%{http_code}", "http://\(address)\(path)"])
            client.waitForExit()
            var lines = client.text.split(separator: "\n", omittingEmptySubsequences: false)
            let status = lines.popLast().flatMap { Int($0) } ?? 0
            return (status, lines.joined(separator: "\n"))
        }
    }

    @Test func aStoredDispatchIsToldToTheWorkers() throws {
        let rig = try Rig()
        let result = try rig.run("dispatch", "BTCUSDT,ETHUSDT", "--strategy", "least", "-t", "1m,1h", "--live")
        #expect(result.code == 0, "\(result.talk)")
        #expect(rig.workers.text.contains("subscribe BTCUSDT 1m 1h"))
        #expect(rig.workers.text.contains("subscribe ETHUSDT 1m 1h"))
        let listed = try rig.get("/ws/assignments")
        #expect(listed.status == 200 && listed.body.contains("\"BTCUSDT\":\"127.0.0.1:"))
        #expect(try rig.run("assignment", "--clear", "--live").code == 0)
        #expect(rig.workers.text.contains("unsubscribe BTCUSDT 1m 1h"))
    }

    /// What compose gives the gateway suffices for all of it.
    @Test func theUserOfTheAccessFileMayDoAllOfIt() throws {
        let file = try String(contentsOfFile: "\(Program.package)/config/redis-users.acl", encoding: .utf8)
        let line = try #require(file.split(separator: "\n").first { $0.hasPrefix("user gateway on ") })
        let rig = try Rig(rights: line.split(separator: " ").dropFirst(4).joined(separator: " "))
        #expect(try rig.run("dispatch", "BTCUSDT", "--live").code == 0)
        #expect(try rig.run("dispatch", "--rebalance", "--live").code == 0)
        #expect(try rig.run("workers").output.contains(" s left"))
        #expect(try rig.run("assignment", "--history").output.contains("BTCUSDT nobody"))
        #expect(try rig.run("assignment", "--clear", "--live").code == 0)
        #expect(try rig.get("/health/ready").status == 200)
    }

    @Test func whatAWorkerCouldNotBeToldIsPending() throws {
        // A lease that outlasts the command's patience: until it ends, the symbol is the deaf worker's.
        let rig = try Rig(["GATEWAY_LEASE": "10s"])
        #expect(try rig.run("workers", "add", "deaf", "127.0.0.1:\(freePort())").code == 0)
        let result = try rig.run("dispatch", "SOLUSDT", "--worker", "deaf", "--live")
        #expect(result.code == 3)
        #expect(result.talk.contains("subscribe SOLUSDT at deaf"), "\(result.talk)")
        #expect(try rig.run("assignment", "--stats").talk.contains("subscribe SOLUSDT at deaf"))
        try eventually("health tells it") { try rig.get("/health").body.contains("subscribe SOLUSDT at deaf") }
    }

    @Test func theSymbolsOfAWorkerThatIsGoneAreServedByOthers() throws {
        let rig = try Rig()
        #expect(try rig.run("workers", "add", "deaf", "127.0.0.1:\(freePort())").code == 0)
        _ = try rig.run("dispatch", "SOLUSDT", "--worker", "deaf", "--live")
        try eventually("the symbol is another worker's") { rig.workers.text.contains("subscribe SOLUSDT") }
        #expect(try rig.run("workers").output.contains("deaf"))
        #expect(try rig.run("assignment", "--history").output.contains("SOLUSDT deaf → 127.0.0.1:"))
    }

    @Test func healthAndDiagnosisSayWhatIs() throws {
        let rig = try Rig()
        try eventually("the gateway is healthy") { try rig.get("/health").body.contains("\"status\":\"healthy\"") }
        #expect(try rig.get("/health/live").status == 200)
        #expect(try rig.get("/health/ready").status == 200)
        #expect(try rig.get("/metrics").body.contains("\nklinecast_controller_active 1\n"))
        let document = try JSONSerialization.jsonObject(with: Data(try rig.get("/openapi.json").body.utf8))
        #expect(((document as? [String: Any])?["paths"] as? [String: Any])?["/ws/dispatch"] != nil)
        let diagnostic = try rig.get("/diagnostic").body
        #expect(diagnostic.contains("\"redis\":\"connected\"") && diagnostic.contains("\"holds_lease\":true"))
        rig.redis.kill()
        try eventually("not ready without Redis") { try rig.get("/health/ready").status == 503 }
        #expect(try rig.get("/health").body.contains("\"status\":\"degraded\""))
        try rig.redis.start()
        try eventually("ready again") { try rig.get("/health/ready").status == 200 }
    }

    @Test func tokenHostAndOriginAreCheckedAsConfigured() throws {
        let rig = try Rig(["CONTROL_TOKEN": "0123456789abcdef"])
        func post(_ headers: String...) throws -> String {
            let all = (headers + ["Content-Type: application/json"]).flatMap { ["-H", $0] }
            let words = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", #"{"symbols":["BTCUSDT"]}"#]
            let client = try ChildProcess("curl", words + all + ["http://\(rig.address)/ws/dispatch"])
            client.waitForExit()
            return client.text
        }
        let token = "Authorization: Bearer 0123456789abcdef"
        #expect(try post() == "401")
        #expect(try post("\(token)0") == "401")
        #expect(try post(token, "Host: evil.example") == "421")
        #expect(try post(token, "Origin: http://evil.example") == "403")
        #expect(try rig.redis.command("HLEN", "{klinecast}:assignments") == "0")
        #expect(try post(token) == "200")
        #expect(try rig.redis.command("HLEN", "{klinecast}:assignments") == "1")
    }

    private static let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    private static let hasClient = folders.contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/schemathesis")
    }

    /// By a client that makes its requests, good and bad, from the document.
    @Test(.enabled(if: hasClient, "schemathesis is not installed: the document is NOT checked against the gateway"))
    func itAnswersAsItsDocumentSays() throws {
        let rig = try Rig()
        #expect(try rig.run("dispatch", "BTCUSDT,ETHUSDT", "--live").code == 0)
        let examples = ProcessInfo.processInfo.environment["OPENAPI_CHECK_EXAMPLES"]
        let check = try ChildProcess(
            "\(Program.package)/Scripts/openapi-check", ["http://\(rig.address)"],
            environment: ["OPENAPI_CHECK_EXAMPLES": examples ?? "20"])
        #expect(check.waitForExit() == 0, "\(check.text)")
        if examples != nil { print(check.text) }
        #expect(try rig.get("/ws/assignments").status == 200)
    }

    @Test(arguments: [SIGTERM, SIGINT]) func itEndsWhenAskedAndGivesTheLeaseBack(_ signal: Int32) throws {
        let rig = try Rig()
        rig.gateway.signal(signal)
        #expect(rig.gateway.result().code == 0)
        #expect(try rig.redis.command("EXISTS", "{klinecast}:controller:lease") == "0")
        let result = try rig.run("dispatch", "BTCUSDT", "--live")
        #expect(result.code == 3 && result.talk.contains("no gateway runs"), "\(result.talk)")
    }

    @Test(
        arguments: [
            (["GATEWAY_ADDR": "0.0.0.0:0"], "control.token: is needed to listen on 0.0.0.0"),
            (["CONTROL_TOKEN": "short"], "control.token: must have at least 16 characters"),
            (["GATEWAY_LEASE": "1s"], "gateway.lease: must be 2s…5m"),
            (["AUTO_REBALANCE": "lve"], "did you mean live?"),
        ] as [([String: String], String)])
    func whatWouldBeUnsafeDoesNotStart(_ environment: [String: String], _ sentence: String) throws {
        let result = try Program(["gateway"], environment).result()
        #expect(result.code == 2)
        #expect(result.talk.contains(sentence), "\(result.talk)")
    }

    @Test func aPortThatIsTakenIsNamed() throws {
        let redis = try RedisServer()
        let result = try Program.run(
            "gateway", environment: ["GATEWAY_ADDR": "127.0.0.1:\(redis.port)", "REDIS_URL": redis.url])
        #expect(result.code == 1)
        #expect(result.talk.contains("GATEWAY_ADDR"), "\(result.talk)")
    }
}
