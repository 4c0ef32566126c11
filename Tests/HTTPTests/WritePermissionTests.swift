import HTTP
import Testing

@Suite struct WritePermissionTests {
    @Test(
        arguments: [
            ("127.0.0.1", nil, false, true), ("::1", nil, false, true), ("localhost", nil, false, true),
            ("0.0.0.0", nil, false, false), ("10.0.0.1", nil, true, true), ("0.0.0.0", "0123456789abcdef", false, true),
            ("127.0.0.1", "short", false, false), ("127.0.0.2", nil, false, true),
            ("127.example.org", nil, false, false),
            ("127.0.0.1.example.org", nil, false, false), ("::", nil, false, false), ("LOCALHOST", nil, false, true),
            ("0:0:0:0:0:0:0:1", nil, false, true), ("::127.0.0.1", nil, false, false),
        ] as [(String, String?, Bool, Bool)])
    func writesThatOthersReachNeedAToken(host: String, token: String?, isOpen: Bool, mayStart: Bool) {
        let refusal = WritePermission.refusal(listeningOn: host, token: token, isOpen: isOpen)
        #expect((refusal == nil) == mayStart)
    }

    @Test(arguments: [
        ("127.0.0.2", "127.0.0.2:8082", 200), ("127.0.0.2", "localhost", 200), ("127.0.0.2", "127.0.0.3", 421),
        ("127.0.0.1", "127.example.org", 421), ("127.0.0.1", "[::1]:8082", 200), ("127.0.0.1", "127.0.0.1", 200),
    ])
    func aLoopbackAddressServesItselfAndNoOtherName(listening: String, host: String, expected: Int) throws {
        let rig = try ServerRig(hosts: .standard(listeningOn: listening, allowed: []))
        let answer = try rig.answer(to: "GET /health HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
        #expect(status(answer) == expected)
    }

    @Test(
        arguments: [
            ("Bearer 0123456789abcdef", true), ("bearer 0123456789abcdef", true), ("Bearer 0123456789abcde", false),
            ("Bearer 0123456789abcdeff", false), ("Bearer ", false), ("Basic 0123456789abcdef", false),
            ("0123456789abcdef", false), (nil, false), ("Bearer 0123456789abcdef0123456789abcdef", false),
        ] as [(String?, Bool)])
    func onlyTheWholeTokenIsTaken(header: String?, isTaken: Bool) {
        #expect(WritePermission.allows(authorization: header, token: "0123456789abcdef") == isTaken)
    }
}
