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

    @Test(arguments: [
        ("postgresql://u:hunter2@host:5432/db?sslmode=require", "postgresql://u:***@host:5432/db?sslmode=require"),
        ("postgresql://u:hun/ter@2@host/db", "postgresql://u:***@host/db"),
        ("postgresql://host/db?user=u&password=hunter2", "postgresql://host/db?user=u&password=***"),
        ("postgresql://u@host/db", "postgresql://u@host/db"), ("postgresql:///db", "postgresql:///db"),
    ])
    func aDatabaseIsNamedWithoutItsPassword(_ url: String, _ shown: String) throws {
        #expect("\(try DatabaseURL(parsing: url))" == shown)
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
