import Foundation
import TestRigs
import Testing

@Suite struct RedisRigs {
    @Test func aServerKeepsItsDataOverAKill() throws {
        let server = try RedisServer { $0.isDurable = true }
        try server.command("SET", "a", "1")
        try server.restart()
        #expect(try server.command("GET", "a") == "1")
    }

    @Test func certificatesAreWhatTheirNamesSay() throws {
        let certificates = try Certificates()
        let server = try RedisServer { $0.certificate = certificates.good }
        #expect(try server.command("PING") == "PONG")
    }

    @Test func aUnixSocketServerAnswers() throws {
        let server = try RedisServer {
            $0.isUnixSocket = true
            $0.users = ["router on >secret ~* &* +@all"]
        }
        #expect(try server.command("ACL", "WHOAMI") == "default")
    }
}
