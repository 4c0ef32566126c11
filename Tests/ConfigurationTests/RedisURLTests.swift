import Configuration
import Testing

@Suite struct RedisURLTests {
    struct Case: Sendable {
        var text: String
        var place: RedisURL.Place
        var user: String?
        var password: String?
        var database: Int?
        var usesTLS = false
        /// As it is shown; as it was given where nothing is said.
        var shown: String?
    }

    private static func tcp(_ host: String, _ port: UInt16 = 6379) -> RedisURL.Place {
        .tcp(Address(host: host, port: port))
    }

    @Test(arguments: [
        Case(text: "redis://127.0.0.1:6379", place: tcp("127.0.0.1")),
        Case(text: "redis://host", place: tcp("host"), shown: "redis://host:6379"),
        Case(text: "REDIS://host/", place: tcp("host"), shown: "redis://host:6379"),
        Case(text: "rediss://host:6380/5", place: tcp("host", 6380), database: 5, usesTLS: true),
        Case(
            text: "redis://u:p@host:1", place: tcp("host", 1), user: "u", password: "p", shown: "redis://u:***@host:1"),
        Case(text: "redis://:p@host:1", place: tcp("host", 1), password: "p", shown: "redis://:***@host:1"),
        Case(text: "redis://u@host:1/0", place: tcp("host", 1), user: "u", database: 0),
        Case(
            text: "rediss://us%65r%40x:p%2F%3a%25@host.example:7000/3", place: tcp("host.example", 7000),
            user: "user@x",
            password: "p/:%", database: 3, usesTLS: true, shown: "rediss://user@x:***@host.example:7000/3"),
        Case(
            text: "redis://u:a@b:c@host", place: tcp("host"), user: "u", password: "a@b:c",
            shown: "redis://u:***@host:6379"),
        Case(text: "redis://:a?b#c@host", place: tcp("host"), password: "a?b#c", shown: "redis://:***@host:6379"),
        Case(text: "redis://[::1]:7000/1", place: tcp("::1", 7000), database: 1),
        Case(text: "redis://[2001:db8::1]", place: tcp("2001:db8::1"), shown: "redis://[2001:db8::1]:6379"),
        Case(text: "unix:///run/redis.sock", place: .unix(path: "/run/redis.sock")),
        Case(text: "unix://a@b/c@d", place: .unix(path: "b/c@d"), user: "a"),
        Case(
            text: "unix://:p@/run/a%20b?db=3", place: .unix(path: "/run/a b"), password: "p", database: 3,
            shown: "unix://:***@/run/a b?db=3"),
    ])
    func anAddressIsUnderstood(_ expected: Case) throws {
        let url = try RedisURL(parsing: expected.text)
        #expect(url.place == expected.place)
        #expect(url.username == expected.user)
        #expect(url.password?.revealed == expected.password)
        #expect(url.database == expected.database)
        #expect(url.usesTLS == expected.usesTLS)
        #expect(url.description == expected.shown ?? expected.text)
    }

    @Test(arguments: [
        ("", "scheme"), ("host:6379", "scheme"), ("http://host", "scheme"), ("u:hunter2@redis://host", "scheme"),
        ("redis://", "host"), ("redis://:6379", "host"), ("redis://::1", "host"), ("redis://[::1", "host"),
        ("redis://[host]", "host"), ("redis://u:hunter2@ho st", "host"), ("redis://host%zz", "host"),
        ("redis://host:0", "port"), ("redis://host:65536", "port"), ("redis://host:x", "port"),
        ("redis://host:+1", "port"), ("redis://[::1]7000", "port"), ("redis://u:hunter2@host:99999", "port"),
        ("redis://host:hunter2", "port"), ("redis://host/x", "database"), ("redis://host/-1", "database"),
        ("redis://u:hunter2@host/65536", "database"), ("unix:///a?db=x", "database"),
        ("redis://u%zz:hunter2@host", "user"), ("redis://%ff:hunter2@host", "user"),
        ("redis://u:hunter2%@host", "password"), ("redis://u:hunter2%00@host", "password"),
        ("redis://:hunter2/x@host", "password"), ("unix://", "path"), ("unix://u:hunter2@", "path"),
        ("unix:///a?x=1", "query"), ("redis://u:hunter2@host?a", "query"),
    ])
    func aWrongAddressNamesItsPartAndNeverThePassword(text: String, part: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try Settings(file: "", environment: ["REDIS_URL": text.isEmpty ? " " : text])
        }
        let words = error?.description ?? ""
        #expect(words.hasPrefix("redis.url: \(part) "), "\(words)")
        #expect(!words.contains("hunter2"))
    }

    @Test func placeAndCredentialsComeFromTheirOwnSettingsToo() throws {
        let parts = try Settings(
            file: "",
            environment: [
                "REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_USERNAME": "u", "REDIS_PASSWORD": "p", "REDIS_DB": "4",
            ])
        #expect(parts.redis.endpoint.description == "redis://u:***@h:1/4")
        #expect(parts.redis.isGiven)
        let socket = try Settings(file: "", environment: ["REDIS_URL": "unix://u@/s", "REDIS_PASSWORD": "p"])
        #expect(socket.redis.endpoint.password?.revealed == "p" && socket.redis.endpoint.place == .unix(path: "/s"))
        #expect(try !Settings(file: "").redis.isGiven)
    }

    @Test(arguments: [["REDIS_URL": "redis://u@host"], ["REDIS_USERNAME": "u"]])
    func aUserWithoutAPasswordIsRefused(environment: [String: String]) {
        let error = #expect(throws: ConfigurationError.self) { try Settings(file: "", environment: environment) }
        #expect(error?.description.hasPrefix("redis.username: is given without a password; set") == true)
    }
}
