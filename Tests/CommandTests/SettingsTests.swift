import Foundation
import TestRigs
import Testing

@Suite struct SettingsTests {
    private let secrets = [
        "KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "KAFKA_SASL_USERNAME": "router", "KAFKA_SASL_PASSWORD": "hunter2",
        "REDIS_URL": "rediss://user:hunter2@redis.test:6380/3", "CONTROL_TOKEN": "hunter2",
    ]

    @Test(arguments: [["config"], ["config", "--json"]]) func noSecretIsShown(_ words: [String]) throws {
        let result = try Program(words, secrets).result()
        #expect(result.code == 0)
        #expect(!result.output.contains("hunter2"))
        #expect(!result.talk.contains("hunter2"))
        #expect(result.output.contains("***"))
    }

    @Test func everyValueSaysWhereItCameFrom() throws {
        let folder = try TemporaryFolder("config")
        let file = folder.file("k.yaml")
        try "router:\n  channel_prefix: fromfile\n".write(toFile: file, atomically: true, encoding: .utf8)
        let result = try Program.run(
            "config", "--json", "--config", file, "--sinks", "stream",
            environment: ["KAFKA_GROUP_ID": "fromenvironment"])
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: [String: Any]])
        #expect(json["router.channel_prefix"] as? [String: String] == ["value": "fromfile", "origin": "\(file):2"])
        #expect(
            json["kafka.group_id"] as? [String: String] == ["value": "fromenvironment", "origin": "KAFKA_GROUP_ID"])
        #expect(json["router.sinks"] as? [String: String] == ["value": "stream", "origin": "--sinks"])
        #expect(json["log.level"] as? [String: String] == ["value": "info", "origin": "default"])
    }

    @Test(arguments: [
        ("KAFKA_BROKER", "127.0.0.1:9092"), ("WS_WORKERS", "127.0.0.1:8089"), ("ROUTER_ADDR", "127.0.0.1:5004"),
    ])
    func anAddressThatIsNoneIsShownOneOfItsKind(_ variable: String, _ example: String) throws {
        let result = try Program.run("config", environment: [variable: "nowhere"])
        #expect(result.code == 2)
        #expect(result.talk.contains("must be host:port, like \(example) "), "\(result.talk)")
    }

    @Test func anUnknownKeyNamesThePlaceAndTheNearest() throws {
        let folder = try TemporaryFolder("config")
        let file = folder.file("k.yaml")
        try "kafka:\n  brokr: x:1\n".write(toFile: file, atomically: true, encoding: .utf8)
        let result = try Program.run("config", "--config", file)
        #expect(result.code == 2)
        #expect(result.talk.contains("\(file):2:3"))
        #expect(result.talk.contains("did you mean kafka.broker?"))
    }
}
