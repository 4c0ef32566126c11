import Redis
import Testing

@Suite struct RedisURLs {
    struct Case: Sendable {
        var text: String
        var endpoint: RedisSettings.Endpoint
        var user: String?
        var password: String?
        var database = 0
        var usesTLS = false
    }

    @Test(arguments: [
        Case(text: "redis://127.0.0.1:6379", endpoint: .tcp(host: "127.0.0.1", port: 6379)),
        Case(text: "redis://host", endpoint: .tcp(host: "host", port: 6379)),
        Case(text: "REDIS://host/", endpoint: .tcp(host: "host", port: 6379)),
        Case(text: "rediss://host:6380/5", endpoint: .tcp(host: "host", port: 6380), database: 5, usesTLS: true),
        Case(text: "redis://u:p@host", endpoint: .tcp(host: "host", port: 6379), user: "u", password: "p"),
        Case(text: "redis://:p@host", endpoint: .tcp(host: "host", port: 6379), password: "p"),
        Case(
            text: "redis://u%40x:p%2F%3a%25@host:1/2", endpoint: .tcp(host: "host", port: 1), user: "u@x",
            password: "p/:%",
            database: 2),
        Case(text: "redis://u:a@b:c@host", endpoint: .tcp(host: "host", port: 6379), user: "u", password: "a@b:c"),
        Case(text: "redis://[::1]:7000/1", endpoint: .tcp(host: "::1", port: 7000), database: 1),
        Case(text: "redis://[2001:db8::1]", endpoint: .tcp(host: "2001:db8::1", port: 6379)),
        Case(text: "unix:///run/redis.sock", endpoint: .unix(path: "/run/redis.sock")),
        Case(text: "unix://:p@/run/a%20b?db=3", endpoint: .unix(path: "/run/a b"), password: "p", database: 3),
    ])
    func anAddressIsUnderstood(_ expected: Case) throws {
        let settings = try RedisURL.parse(expected.text)
        #expect(settings.endpoint == expected.endpoint)
        #expect(settings.username == expected.user)
        #expect(settings.password?.revealed == expected.password)
        #expect(settings.database == expected.database)
        #expect(settings.usesTLS == expected.usesTLS)
    }

    @Test(arguments: [
        ("", "scheme"), ("host:6379", "scheme"), ("http://host", "scheme"), ("redis://", "host"),
        ("redis://:6379", "host"),
        ("redis://host:0", "port"), ("redis://host:65536", "port"), ("redis://host:x", "port"),
        ("redis://host:+1", "port"),
        ("redis://host/x", "database"), ("redis://host/-1", "database"), ("redis://::1", "host"),
        ("redis://[::1", "host"),
        ("redis://[::1]7000", "port"), ("redis://u%zz:hunter2@host", "user"), ("redis://u:hunter2%@host", "password"),
        ("redis://user@host", "password"), ("redis://:hunter2/x@host", "password"), ("unix://", "path"),
        ("redis://u:hunter2@host:99999", "port"), ("redis://u:hunter2@ho st", "host"), ("unix:///a?x=1", "query"),
    ])
    func aWrongAddressNamesItsPartAndNeverThePassword(text: String, part: String) {
        do {
            _ = try RedisURL.parse(text)
            Issue.record("\(text) was taken")
        } catch {
            #expect("\(error)".hasPrefix("redis.url: \(part) "), "\(error)")
            #expect(!"\(error)".contains("hunter2"))
        }
    }

    @Test func aSecretIsNeverShown() throws {
        let settings = try RedisURL.parse("redis://u:hunter2@host")
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(!"\(settings)".contains("hunter2") && !dumped.contains("hunter2") && "\(Secret("hunter2"))" == "***")
    }
}
