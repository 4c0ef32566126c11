import Configuration
import Testing

@Suite struct SecretTests {
    @Test func aSecretIsNeverShown() throws {
        let url = try RedisURL(parsing: "redis://u:hunter2@host")
        var dumped = ""
        dump(url, to: &dumped)
        for text in ["\(url)", dumped, "\(url.password as Any)", String(reflecting: url.password)] {
            #expect(!text.contains("hunter2"))
        }
        #expect("\(Secret("hunter2"))" == "***")
    }

    // The names of librdkafka's CONFIGURATION.md.
    @Test(arguments: [
        "sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.config",
        "sasl.oauthbearer.client.secret", "sasl.oauthbearer.assertion.private.key.pem",
        "sasl.oauthbearer.assertion.private.key.passphrase",
    ])
    func aPropertyThatHoldsASecretIsKnown(property: String) {
        #expect(Secret.isSecret(property: property))
    }

    @Test(arguments: ["bootstrap.servers", "sasl.username", "ssl.ca.location", "ssl.key.location", "fetch.min.bytes"])
    func anyOtherPropertyIsShown(property: String) {
        #expect(!Secret.isSecret(property: property))
    }
}
