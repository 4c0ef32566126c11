import Redis
import TestRigs
import Testing

@Suite(.serialized) struct TLS {
    private static let certificates = Result { try Certificates() }

    private static func settings(_ server: RedisServer, host: String = "localhost", authority: String?) -> RedisSettings
    {
        var settings = RedisSettings(endpoint: .tcp(host: host, port: server.port))
        settings.usesTLS = true
        settings.authorityLocation = authority
        return settings
    }

    @Test(arguments: ["localhost", "127.0.0.1"]) func aGoodCertificateIsTaken(host: String) throws {
        let certificates = try Self.certificates.get()
        let server = try RedisServer { $0.certificate = certificates.good }
        let rig = ConnectionRig(Self.settings(server, host: host, authority: certificates.authority))
        try rig.ready()
        let text = String(repeating: "0123456789", count: 100_000)
        for index in 0..<20 { try rig.write([["ECHO", "\(index)\(text)"], ["ECHO", "x"]]) }
        try rig.run("all replies", within: .seconds(30)) { rig.replies.count == 40 || !rig.connection.isReady }
        #expect(rig.replies == (0..<20).flatMap { [.bulk(Array("\($0)\(text)".utf8)), .bulk(Array("x".utf8))] })
    }

    @Test(arguments: ["expired", "self-signed", "wrong host", "unknown authority", "no file", "wrong address"])
    func anyOtherCertificateIsRefusedInWords(kind: String) throws {
        let certificates = try Self.certificates.get()
        let (pair, expected): (Certificates.Pair, TLSProblem) =
            switch kind {
            case "expired": (certificates.expired, .expired)
            case "self-signed": (certificates.selfSigned, .selfSigned)
            case "wrong host": (certificates.wrongHost, .wrongHost("localhost"))
            case "wrong address": (certificates.wrongHost, .wrongHost("127.0.0.1"))
            case "no file":
                (certificates.good, .authorityFile(path: "/no/such/file", words: "No such file or directory"))
            default: (certificates.good, .unknownAuthority)
            }
        let server = try RedisServer { $0.certificate = pair }
        var authority: String? = certificates.authority
        if kind == "no file" { authority = "/no/such/file" }
        if kind == "unknown authority" { authority = nil }
        let host = kind == "wrong address" ? "127.0.0.1" : "localhost"
        let client = Client(Self.settings(server, host: host, authority: authority))
        let error = #expect(throws: RedisError.self) { try client.connect() }
        #expect(error == .tls(expected))
        #expect(error?.advice == .tell)
    }

    @Test func aPlainServerBehindTLSSettingsIsSaid() throws {
        let server = try RedisServer()
        var settings = Self.settings(server, host: "127.0.0.1", authority: nil)
        settings.connectTimeout = .seconds(2)
        let client = Client(settings, patience: .seconds(10))
        let error = #expect(throws: RedisError.self) { try client.connect() }
        #expect(error == .tls(.silentServer("127.0.0.1:\(server.port)", limit: .seconds(2))))
        #expect(
            error?.description == "TLS: 127.0.0.1:\(server.port) does not speak TLS, or hangs (no answer to its "
                + "greeting within 2.0 seconds); without TLS use redis:// instead of rediss://")
    }

    /// A server with too many clients says so at once, in the plain protocol.
    @Test func plainWordsInsteadOfAHandshakeAreSaid() throws {
        let server = try RedisServer { $0.further = [["maxclients", "1"]] }
        let taken = ConnectionRig(RedisSettings(endpoint: .tcp(host: "127.0.0.1", port: server.port)))
        try taken.ready()
        let client = Client(Self.settings(server, host: "127.0.0.1", authority: nil), patience: .seconds(4))
        let error = #expect(throws: RedisError.self) { try client.connect() }
        #expect(error == .tls(.plainServer("127.0.0.1:\(server.port)")))
        #expect(error?.advice == .tell)
        #expect(error?.description.contains("does not speak TLS; use redis://") == true)
    }

    @Test func aTLSServerBehindPlainSettingsIsSaid() throws {
        let certificates = try Self.certificates.get()
        let server = try RedisServer { $0.certificate = certificates.good }
        let settings = RedisSettings(endpoint: .tcp(host: "127.0.0.1", port: server.port))
        let client = Client(settings, patience: .seconds(4))
        let error = #expect(throws: RedisError.self) { try client.connect() }
        #expect(error == .closedUnheard(endpoint: "127.0.0.1:\(server.port)"))
        #expect(error?.description.hasSuffix("if it speaks TLS, use rediss:// instead of redis://") == true)
    }

    @Test func aTLSServerThatDiesIsAnOrdinaryEnd() throws {
        let certificates = try Self.certificates.get()
        let server = try RedisServer { $0.certificate = certificates.good }
        let rig = ConnectionRig(Self.settings(server, authority: certificates.authority))
        try rig.ready()
        server.kill()
        try rig.run("the end noticed") { !rig.connection.isReady }
        #expect(rig.connection.lastFailure?.error == .closedByServer)
        try server.start()
        try rig.ready()
    }
}
