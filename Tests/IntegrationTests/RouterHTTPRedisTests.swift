import Foundation
import TestRigs
import Testing

/// The router's pages: every route, their truth in each state, and their limits.
@Suite(
    .serialized, .enabled(if: KafkaCluster.isAvailable, "set KAFKA_HOME to an unpacked Kafka"), .timeLimit(.minutes(4)))
struct RouterHTTPRedisTests {
    private static let paths = ["/health", "/health/live", "/health/ready", "/diagnostic", "/metrics", "/openapi.json"]

    @Test func everyRouteAnswersAndEveryMisuseIsRefusedInOneShape() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic())
        let router = try rig.router(redis.url)
        let http = RedisHTTP(router)
        // Opened first: its end is looked at last.
        let slow = try RedisSocket(port: http.port)
        slow.send("GET /health HTTP/1.1\r\nHost: 127")
        let begin = ContinuousClock.now
        func expectError(_ answer: RedisHTTP.Answer, _ status: Int, _ what: String) {
            #expect(answer.status == status, "\(what): \(answer.status)")
            #expect(answer.json["ok"] as? Bool == false, "\(what)")
            #expect((answer.json["error"] as? String)?.isEmpty == false, "\(what)")
            let code = answer.json["code"] as? String ?? ""
            #expect(code.wholeMatch(of: /[a-z_]+/) != nil, "\(what): code \(code)")
        }
        for path in Self.paths {
            let answer = try http.ask("GET", path)
            #expect(answer.status == 200, "\(path)")
            let type = path == "/metrics" ? "text/plain" : "application/json"
            #expect(answer.headers["content-type"]?.hasPrefix(type) == true, "\(path)")
            if path != "/metrics" { #expect(!answer.json.isEmpty, "\(path) is a JSON object") }
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                let refused = try http.ask(method, path, headers: "Content-Length: 2\r\n", body: "{}")
                expectError(refused, 405, "\(method) \(path)")
                #expect(refused.headers["allow"]?.contains("GET") == true, "\(method) \(path) says what is allowed")
            }
            let head = try http.ask("HEAD", path)
            #expect(head.status == 200 && head.body.isEmpty, "HEAD \(path)")
        }
        for path in ["/", "/healthy", "/health/", "/metrics/x", "/../etc/passwd", "/%2e%2e/", "/HEALTH"] {
            expectError(try http.ask("GET", path), 404, path)
        }
        #expect(try http.ask("GET", "/health?verbose=1").status == 200)
        let huge = try http.ask("GET", "/health", headers: "X: \(String(repeating: "a", count: 50_000))\r\n")
        #expect(huge.status == 431)
        let long = try http.ask("GET", "/" + String(repeating: "a", count: 50_000))
        #expect(long.status == 414 || long.status == 431)
        expectError(try http.ask("POST", "/health", headers: "Content-Length: 2000000\r\n"), 413, "a huge body")
        let garbage = try RedisSocket(port: http.port)
        garbage.send("\u{16}\u{3}\u{1}\r\n\r\n")
        #expect(!garbage.receiveAll().hasPrefix("HTTP/1.1 200"))

        let document = try http.ask("GET", "/openapi.json").json
        #expect((document["openapi"] as? String)?.hasPrefix("3.") == true)
        expectSame(Set((document["paths"] as? [String: Any] ?? [:]).keys), Set(Self.paths), "documented paths")

        #expect(slow.receiveAll().hasPrefix("HTTP/1.1 200") == false, "a request that never ends is cut")
        #expect(ContinuousClock.now - begin < .seconds(20), "and not only after the reader's patience")
        #expect(try http.ask("GET", "/health").status == 200)
    }

    @Test func healthTellsTheTruthInEachState() throws {
        let redis = try RedisServer()
        // Its own broker: this one is killed.
        let cluster = try KafkaCluster(heap: "256m")
        let rig = try RedisRouterRig(kafka: cluster.bootstrap)
        try rig.messages.createTopic(rig.topic())
        let router = try rig.router(redis.url, waits: false)
        let http = RedisHTTP(router)
        func connections() throws -> (kafka: String, redis: String) {
            let connections = try http.ask("GET", "/diagnostic").json["connections"] as? [String: Any]
            return (connections?["kafka"] as? String ?? "", connections?["redis"] as? String ?? "")
        }
        func expectState(_ status: String, _ words: [String], ready: Int, within limit: Duration = .seconds(20)) throws
        {
            do {
                try eventually("\(status) \(words)", within: limit) {
                    guard let health = try? http.ask("GET", "/health") else { return false }
                    let reasons = health.json["reasons"] as? [String] ?? []
                    return health.status == 200 && health.json["status"] as? String == status
                        && words.allSatisfy { word in reasons.contains { $0.contains(word) } }
                        && (!words.isEmpty || reasons.isEmpty)
                }
            } catch {
                throw NeverHappened(description: "\(error)\n\(try http.ask("GET", "/health").body)")
            }
            #expect(try http.ask("GET", "/health/ready").status == ready, "ready while \(words)")
            #expect(try http.ask("GET", "/health/live").status == 200, "alive while \(words)")
        }
        try expectState("healthy", [], ready: 200, within: .seconds(40))
        #expect(try connections() == ("connected", "connected"))
        redis.kill()
        try expectState("degraded", ["Redis is not ready"], ready: 503)
        #expect(try connections().redis.hasPrefix("disconnected"))
        cluster.kill(1)
        try expectState("degraded", ["Redis is not ready", "Kafka"], ready: 503)
        #expect(try connections().kafka.hasPrefix("disconnected"))
        try redis.start()
        try expectState("degraded", ["Kafka"], ready: 503)
        try eventually("Redis is connected again") { try connections().redis == "connected" }
        try cluster.boot(1)
        try expectState("healthy", [], ready: 200, within: .seconds(60))
        #expect(try connections() == ("connected", "connected"))
        // And it is true: a message goes through.
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        try Messages(kafka: cluster.bootstrap).produce(rig.topic(), 0..<5) { Messages.candle($0, rig.symbol) }
        try subscriber.wait(for: 5)
        #expect(router.process.isRunning)
    }

    @Test func diagnosticAndMetricsHoldWhatIsPromisedAndNoSecret() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer {
            $0.password = "canary-redis"
            $0.users = ["default on >canary-redis ~* &* +@all"]
        }
        try rig.messages.createTopic(rig.topic(), partitions: 2)
        let sent = try rig.produce(0..<400)
        let environment = [
            "REDIS_PASSWORD": "canary-redis", "KAFKA_SASL_PASSWORD": "canary-kafka", "CONTROL_TOKEN": "canary-token",
            "LOG_LEVEL": "debug",
        ]
        let router = try rig.router(redis.url, environment)
        try eventually("all are delivered") { router.stat("messages_routed") >= sent.count }
        try eventually("the page shows what is committed") {
            let own = try partitions(of: router).filter { $0["topic"] as? String == rig.topic() }
            return own.compactMap { $0["committed"] as? Int }.reduce(0, +) == sent.count
                && own.allSatisfy { $0["lag"] as? Int == 0 }
        }
        let http = RedisHTTP(router)
        let diagnostic = try http.ask("GET", "/diagnostic").json
        #expect(diagnostic["status"] as? String == "operational")
        let members = [
            "status", "timestamp", "uptime", "connections", "topics", "stats", "errors", "settings", "libraries",
        ]
        for name in members { #expect(diagnostic[name] != nil, "\(name)") }
        #expect((diagnostic["topics"] as? [String])?.contains(rig.topic()) == true)
        let connections = diagnostic["connections"] as? [String: String]
        #expect(connections?["kafka"] == "connected" && connections?["redis"] == "connected")
        #expect(connections?["database"]?.isEmpty == false)
        let now = Date().timeIntervalSince1970
        #expect(abs((diagnostic["timestamp"] as? Double ?? 0) - now) < 10, "timestamp is in seconds")
        let found = try partitions(of: router).filter { $0["topic"] as? String == rig.topic() }
        #expect(found.count == 2)
        for partition in found {
            let number = partition["partition"] as? Int
            let end = sent.filter { Int($0.partition) == number }.count
            #expect(partition["position"] as? Int == end)
            #expect(partition["committed"] as? Int == end)
            #expect(partition["high_watermark"] as? Int == end)
            #expect(partition["lag"] as? Int == 0)
            #expect(partition["lag_seconds"] is NSNumber)
        }
        let health = try http.ask("GET", "/health").json
        for stats in [health["stats"], diagnostic["stats"]] {
            let stats = stats as? [String: Any] ?? [:]
            for name in [
                "messages_received", "messages_routed", "high_priority_routed", "messages_queued", "queue_processed",
                "errors", "last_reset", "uptime", "queue_size", "high_priority_queue_size", "messages_per_second",
                "high_priority_per_second", "success_rate",
            ] { #expect(stats[name] is NSNumber, "\(name)") }
            #expect(stats["success_rate"] as? Double == 100)
            #expect((stats["high_priority_routed"] as? Int ?? 0) >= 100, "every fourth candle is closed")
        }

        let page = RedisMetricsPage(try http.ask("GET", "/metrics").body)
        #expect(page.faults.isEmpty, "\(page.faults)")
        #expect(page.sum("klinecast_messages_routed_total", with: "lane=\"market\"") == Double(sent.count))
        #expect(page.values.keys.allSatisfy { $0.hasPrefix("klinecast_") || $0.hasPrefix("process_") })
        #expect(page.values["klinecast_up"] == 1)

        for path in Self.paths {
            let body = try http.ask("GET", path).body
            #expect(!body.contains("canary"), "a secret in \(path)")
        }
        #expect(!router.process.text.contains("canary"), "a secret in the log")
        // Also where the password is wrong, and Redis' words are told.
        let other = try rig.router(
            "redis://someone:canary-wrong@127.0.0.1:\(redis.port)", ["KAFKA_GROUP_ID": "other-\(rig.symbol)"],
            waits: false)
        try eventually("health says so") {
            other.reasons.contains { $0.contains("check REDIS_USERNAME and REDIS_PASSWORD") }
        }
        for path in Self.paths { #expect(try !RedisHTTP(other).ask("GET", path).body.contains("canary"), "\(path)") }
        #expect(!other.process.text.contains("canary"), "a secret in the log")
    }

    private func partitions(of router: RouterProcess) throws -> [[String: Any]] {
        let lanes = try RedisHTTP(router).ask("GET", "/diagnostic").json["lanes"] as? [String: Any]
        return (lanes?["market"] as? [String: Any])?["partitions"] as? [[String: Any]] ?? []
    }

    @Test func idleConnectionsDisturbNeitherTheFlowNorThePages() throws {
        let rig = try RedisRouterRig()
        let redis = try RedisServer()
        try rig.messages.createTopic(rig.topic())
        let subscriber = try Subscriber(redis, [rig.channel()])
        defer { subscriber.end() }
        let router = try rig.router(redis.url)
        let http = RedisHTTP(router)
        func flow(_ numbers: Range<Int>) throws -> Duration {
            let begin = ContinuousClock.now
            try rig.produce(numbers)
            try subscriber.wait(for: numbers.upperBound)
            return ContinuousClock.now - begin
        }
        _ = try flow(0..<2_000)
        let alone = try flow(2_000..<22_000)
        let idle = try (0..<200).map { number in
            let socket = try RedisSocket(port: http.port)
            if number % 2 == 1 { socket.send("GET /health HTTP/1.1\r\n") }
            return socket
        }
        let beside = try flow(22_000..<42_000)
        let begin = ContinuousClock.now
        for path in Self.paths { #expect(try http.ask("GET", path).status == 200, "\(path)") }
        let pages = ContinuousClock.now - begin
        print("20,000 messages: \(alone) alone, \(beside) beside \(idle.count) idle connections; six pages \(pages)")
        #expect(pages < .seconds(10))
        #expect(beside < alone * 5 + .seconds(5))
        #expect(subscriber.received.compactMap { Sighting($0.payload)?.number } == Array(0..<42_000))
        #expect(router.health == "healthy")
        withExtendedLifetime(idle) {}
    }
}
