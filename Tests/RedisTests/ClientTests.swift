import Redis
import TestRigs
import Testing

@Suite struct Clients {
    @Test func aCommandIsAnswered() throws {
        let server = try RedisServer()
        let client = Client(try RedisSettings(address: server.url))
        #expect(try client.command(["SET", "a", "1"]) == .status("OK"))
        #expect(try client.command(["GET", "a"]) == .bulk(Array("1".utf8)))
        #expect(try client.command(["GET", "b"]) == .null)
        #expect(try client.command(["CONFIG", "GET", "port"]).elements?.count == 2)
        #expect(throws: RedisError.self) { try client.command(["LPUSH", "a", "1"]) }
        #expect(try client.command(["INCR", "a"]) == .integer(2))
    }

    @Test func aSubscriberGetsWhatIsPublishedAfterItsConfirmation() throws {
        let server = try RedisServer()
        let settings = try RedisSettings(address: server.url)
        let subscriber = Client(settings)
        try subscriber.subscribe(["a", "b"])
        let publisher = Client(settings)
        for index in 0..<1000 { try publisher.command(["PUBLISH", index % 2 == 0 ? "a" : "b", "\(index)"]) }
        for index in 0..<1000 {
            let message = try subscriber.nextMessage(within: .seconds(30))
            #expect(message == .init(channel: index % 2 == 0 ? "a" : "b", payload: Array("\(index)".utf8)))
        }
        #expect(try subscriber.nextMessage(within: .milliseconds(1500)) == nil, "probes of its own stay its own")
        try publisher.command(["PUBLISH", "a", "last"])
        #expect(try subscriber.nextMessage(within: .seconds(30))?.payload == Array("last".utf8))
    }

    @Test func aUnixSocketWorks() throws {
        let server = try RedisServer { $0.isUnixSocket = true }
        let client = Client(try RedisSettings(address: server.url))
        #expect(try client.command(["PING"]) == .status("PONG"))
    }
}
