import Foundation
import Kafka
import TestRigs
import Testing

@Suite(.timeLimit(.minutes(5))) struct CheckTests {
    private func check(_ environment: [String: String]) throws -> (code: Int32, outcomes: [String: (String, String)]) {
        let folder = try TemporaryFolder("state")
        let base = ["STATE_DIR": folder.file("var"), "ROUTER_ADDR": "127.0.0.1:\(freePort())"]
        let result = try Program(["check", "--json"], base.merging(environment) { $1 }).result()
        let json = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        var outcomes: [String: (String, String)] = [:]
        for one in json["checks"] as? [[String: String]] ?? [] {
            let words = (one["subject"] ?? "").split(separator: " ")
            let subject = words.prefix(words.contains("permission") ? 3 : 2).joined(separator: " ")
            outcomes[subject.hasPrefix("Redis redis") ? "Redis" : subject] = (one["outcome"] ?? "", one["text"] ?? "")
        }
        return (result.code, outcomes)
    }

    @Test func allIsWellWithEverythingThere() throws {
        let redis = try RedisServer()
        let broker = try EmbeddedBroker()
        try broker.createTopic("market.data.btcusdt.1m", partitions: 3)
        let (code, outcomes) = try check(["REDIS_URL": redis.url, "KAFKA_BROKER": broker.bootstrap])
        #expect(code == 0, "\(outcomes)")
        #expect(outcomes["Kafka group"]?.1.contains("1 topics with 3 partitions match: market.data.btcusdt.1m") == true)
        #expect(outcomes["Redis assignments"]?.1 == "0 symbols, 0 workers")
        #expect(try redis.command("DBSIZE") == "0")
    }

    @Test func aKeyOfTheAssignmentsThatIsNotOursIsNamed() throws {
        let redis = try RedisServer()
        try redis.command("SET", "{klinecast}:workers", "something else")
        let (code, outcomes) = try check([
            "REDIS_URL": redis.url, "KAFKA_BROKER": "127.0.0.1:\(freePort())",
        ])
        #expect(code == 1)
        #expect(outcomes["Redis assignments"]?.0 == "wrong")
        #expect(outcomes["Redis assignments"]?.1.contains("{klinecast}:workers is a string, not a hash") == true)
    }

    @Test func theDatabaseIsLookedAtAndNeverMade() throws {
        let folder = try TemporaryFolder("database")
        let port = freePort()
        func database(_ url: String) throws -> (outcome: String, text: String, code: Int32) {
            let nowhere = "127.0.0.1:\(port)"
            let (code, outcomes) = try check([
                "REDIS_URL": "redis://\(nowhere)", "KAFKA_BROKER": nowhere, "DATABASE_URL": url,
            ])
            let found = try #require(outcomes.first { $0.key.hasPrefix("Database") }?.value)
            return (found.0, found.1, code)
        }
        let path = folder.file("klinecast.db")
        #expect(try database("sqlite:\(path)").text == "not there yet; the persister makes it")
        #expect(!FileManager.default.fileExists(atPath: path))
        try "candles are not kept here\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try database("sqlite:\(path)").outcome == "wrong")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "candles are not kept here\n")
        let refused = try database("postgresql://somebody:secret@127.0.0.1:\(port)/candles")
        #expect(refused.outcome == "wrong" && !refused.text.contains("secret"))
    }

    @Test(.enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"))
    func aWrongPasswordOfTheDatabaseIsAMatterOfAuthorisation() throws {
        let server = try PostgresServer { $0.password = "right" }
        let url = server.url(password: "wrong")
        let redis = try RedisServer()
        let broker = try EmbeddedBroker()
        let (code, outcomes) = try check([
            "REDIS_URL": redis.url, "KAFKA_BROKER": broker.bootstrap, "DATABASE_URL": url,
        ])
        #expect(code == 5)
        #expect(outcomes.first { $0.key.hasPrefix("Database") }?.value.0 == "not_authorised", "\(outcomes)")
        let folder = try TemporaryFolder("persister")
        let persister = try Program.run(
            "persister",
            environment: [
                "DATABASE_URL": url, "KAFKA_BROKER": broker.bootstrap, "STATE_DIR": folder.path,
                "PERSISTER_ADDR": "127.0.0.1:\(freePort())",
            ])
        #expect(persister.code == 5, "\(persister.talk)")
    }

    @Test func deadPortsAreNamed() throws {
        let port = freePort()
        let (code, outcomes) = try check([
            "REDIS_URL": "redis://127.0.0.1:\(port)", "KAFKA_BROKER": "127.0.0.1:\(port)",
        ])
        #expect(code == 1)
        #expect(outcomes["Redis"]?.0 == "wrong")
        #expect(outcomes["Kafka 127.0.0.1:\(port)"]?.0 == "wrong")
        #expect(outcomes["state folder"]?.0 == "ok")
    }

    @Test func aWrongPasswordIsAMatterOfAuthorisation() throws {
        let redis = try RedisServer { $0.password = "right" }
        let broker = try EmbeddedBroker()
        let url = "redis://:wrong@127.0.0.1:\(redis.port)"
        let (code, outcomes) = try check(["REDIS_URL": url, "KAFKA_BROKER": broker.bootstrap])
        #expect(code == 5)
        #expect(outcomes["Redis"]?.0 == "not_authorised")
        #expect(outcomes["Redis"]?.1.contains("REDIS_PASSWORD") == true)
    }

    @Test func aMissingPermissionIsNamedWithItsRule() throws {
        let redis = try RedisServer {
            $0.users = [
                "router on >secret ~roottrading:* resetchannels &roottrading:* +ping +role +info +client|setname +select "
                    + "+set"
            ]
        }
        let broker = try EmbeddedBroker()
        let url = "redis://router:secret@127.0.0.1:\(redis.port)"
        let (code, outcomes) = try check(["REDIS_URL": url, "KAFKA_BROKER": broker.bootstrap])
        #expect(code == 5)
        #expect(outcomes["Redis permission SET"]?.0 == "ok")
        // Not the router's to read.
        #expect(outcomes["Redis assignments"]?.0 == "ok")
        #expect(outcomes["Redis assignments"]?.1.contains("not for the user router") == true)
        #expect(outcomes["Redis permission PUBLISH"]?.0 == "not_authorised")
        #expect(
            outcomes["Redis permission PUBLISH"]?.1.contains(
                "ACL SETUSER router ~roottrading:* &roottrading:* +publish")
                == true)
    }

    @Test func aPortThatAnotherProgramHasIsNamed() throws {
        let redis = try RedisServer()
        let broker = try EmbeddedBroker()
        let (code, outcomes) = try check([
            "REDIS_URL": redis.url, "KAFKA_BROKER": broker.bootstrap, "ROUTER_ADDR": "127.0.0.1:\(redis.port)",
        ])
        #expect(code == 1)
        #expect(outcomes["router address"]?.1.contains("is taken by another program") == true)
    }

    @Test func healthOfNobodyFails() throws {
        let result = try Program.run("check", "--health", "http://127.0.0.1:\(freePort())/health")
        #expect(result.code == 1)
        #expect(result.talk.contains("no answer within 3 s"))
        #expect(try Program.run("check", "--health", "ftp://x/").code == 2)
    }

    @Test(arguments: [(200, Int32(0)), (503, 1)]) func healthFollowsTheStatus(_ status: Int, _ code: Int32) throws {
        let port = freePort()
        let script = """
            import http.server
            class H(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(\(status)); self.end_headers(); self.wfile.write(b"{}")
            s = http.server.HTTPServer(("127.0.0.1", \(port)), H)
            print("up", flush=True)
            s.serve_forever()
            """
        let server = try ChildProcess("python3", ["-c", script])
        try eventually("the server serves") { server.text.contains("up") }
        let result = try Program.run("check", "--health", "http://127.0.0.1:\(port)/health")
        #expect(result.code == code)
        #expect(result.output == "\(status)\n")
    }
}
