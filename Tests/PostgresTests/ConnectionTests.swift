import Configuration
import Foundation
import TestRigs
import Testing

@testable import Postgres

@Suite(.enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"), .timeLimit(.minutes(2)))
struct ConnectionTests {
    private static let shared = Result { try PostgresServer { $0.password = "s3cret" } }
    private let server: PostgresServer

    init() throws { server = try Self.shared.get() }

    private func connect(
        _ url: String? = nil, connectDeadline: Duration = .seconds(10), statementDeadline: Duration = .seconds(30)
    ) throws -> Connection {
        try Connection(
            .init(
                url: Secret(url ?? server.url()), connectDeadline: connectDeadline,
                statementDeadline: statementDeadline))
    }

    @Test func parametersComeBackAsTheyWentIn() throws {
        let bytes: [UInt8] = [0, 1, 92, 34, 255]
        let found = try connect().execute(
            "SELECT $1::text, $2::bigint, $3::bytea, $4::text, $5::text[], $6::bigint[]",
            [
                .text("o'\"\\ü"), .integer(.min), .bytes(bytes), .null, .array(["a,\"b\\", "", "NULL"]),
                .array([1, -2]),
            ])
        #expect(found.rowCount == 1)
        #expect(found.text(0, 0) == "o'\"\\ü")
        #expect(found.integer(0, 1) == .min)
        #expect(found.byteArray(0, 2) == bytes)
        #expect(found.text(0, 3) == nil)
        #expect(found.text(0, 4) == #"{"a,\"b\\","","NULL"}"#)
        #expect(found.text(0, 5) == "{1,-2}")
    }

    @Test func aPreparedStatementRunsAgainAndAgain() throws {
        let connection = try connect()
        try connection.prepare("double", "SELECT $1::integer * 2")
        for value in 1...3 {
            #expect(
                try connection.execute(prepared: "double", [.integer(Int64(value))]).integer(0, 0) == Int64(2 * value))
        }
    }

    @Test func aRefusalKeepsItsCodeAndTheConnection() throws {
        let connection = try connect()
        do {
            try connection.execute("SELECT 1/0")
            Issue.record("dividing by zero was not refused")
        } catch PostgresError.refused(let refusal) {
            #expect(refusal.state == "22012")
            #expect(refusal.message == "division by zero")
        }
        #expect(try connection.execute("SELECT 1").integer(0, 0) == 1)
    }

    /// The bytes are those of PostgreSQL's manual, COPY, binary format: one field of four bytes.
    @Test func copyTakesMoreRowsThanASocketHolds() throws {
        let connection = try connect()
        try connection.execute("CREATE TEMPORARY TABLE numbers (value integer)")
        try connection.beginCopy("COPY numbers FROM STDIN (FORMAT binary)")
        let row: [UInt8] = [0, 1, 0, 0, 0, 4, 0, 0, 0, 7]
        let rows = (0..<10_000).flatMap { _ in row }
        for _ in 0..<100 { try connection.copy(rows) }
        #expect(try connection.endCopy() == 1_000_000)
        let found = try connection.execute("SELECT count(*), sum(value) FROM numbers")
        #expect(found.integer(0, 0) == 1_000_000)
        #expect(found.integer(0, 1) == 7_000_000)
    }

    @Test func aCopyThatFailsLeavesTheConnectionInOrder() throws {
        let connection = try connect()
        #expect(throws: PostgresError.self) { try connection.beginCopy("COPY nowhere FROM STDIN (FORMAT binary)") }
        try connection.execute("CREATE TEMPORARY TABLE ones (value integer PRIMARY KEY)")
        try connection.beginCopy("COPY ones FROM STDIN (FORMAT binary)")
        let row: [UInt8] = [0, 1, 0, 0, 0, 4, 0, 0, 0, 7]
        for _ in 0..<50_000 { try connection.copy(row) }
        do {
            try connection.endCopy()
            Issue.record("the same key twice was taken")
        } catch PostgresError.refused(let refusal) {
            #expect(refusal.state == "23505")
        }
        #expect(try connection.execute("SELECT count(*) FROM ones").integer(0, 0) == 0)
    }

    @Test func silenceBeyondTheDeadlineClosesTheConnection() throws {
        let connection = try connect(statementDeadline: .milliseconds(200))
        #expect(throws: PostgresError.silent(.milliseconds(200))) { try connection.execute("SELECT pg_sleep(20)") }
        #expect(!connection.isOpen)
        #expect(throws: PostgresError.closed) { try connection.execute("SELECT 1") }
    }

    /// A socket that accepts and never says a word.
    @Test func aServerThatSaysNothingIsGivenUp() throws {
        let port = freePort()
        let listener = try LocalSocket.listen(port)
        defer { close(listener) }
        #expect(throws: PostgresError.connectTimeout(.milliseconds(200))) {
            try connect("postgresql://127.0.0.1:\(port)/x", connectDeadline: .milliseconds(200))
        }
    }

    @Test func aTerminatedBackendIsABrokenConnection() throws {
        let (connection, other) = (try connect(), try connect())
        try other.execute("SELECT pg_terminate_backend(\(connection.backendIdentifier))")
        do {
            try connection.execute("SELECT 1")
            Issue.record("the backend was not terminated")
        } catch PostgresError.broken(let words) {
            #expect(words.contains("57P01") || words.contains("closed the connection"))
        }
        #expect(!connection.isOpen)
    }

    @Test(arguments: [
        ("wrong password", "klinecast", "0ther", "postgres", "28P01"),
        ("no such user", "nobody", "s3cret", "postgres", "28P01"),
        ("no such database", "klinecast", "s3cret", "missing", "3D000"),
    ])
    func aRefusedConnectionKeepsTheServersCode(
        _ what: String, _ user: String, _ password: String, _ database: String, _ state: String
    ) throws {
        do {
            _ = try connect(server.url(database, user: user, password: password))
            Issue.record("\(what) was let in")
        } catch PostgresError.connect(let found, let words) {
            #expect(found == state)
            #expect(!words.contains(password))
        }
    }

    @Test(arguments: ["postgresql://u:hunter%2@h/d", "postgresql://[::1:hunter2@h/d", "postgresql://u:hunter2@h:x/d"])
    func noMessageShowsAPieceOfThePassword(_ url: String) throws {
        do {
            _ = try connect(url)
            Issue.record("\(url) was taken")
        } catch {
            #expect(!"\(error)".contains("hunter"))
        }
    }

    /// Nobody listens at port 1.
    @Test(arguments: ["p", "port", "connect", "user"])
    func whatIsMissingInAMessageShowsNoPassword(_ password: String) throws {
        let error = #expect(throws: PostgresError.self) {
            try connect("postgresql://user:\(password)@127.0.0.1:1/candles")
        }
        let message = "\(try #require(error))"
        #expect(message.contains("port 1 failed") && !message.contains(Secret.mask), "\(message)")
    }

    @Test(arguments: ["hunter2@hunter3", "hunter2/hunter3"])
    func aPasswordThatIsNotEncodedIsNotTakenForAHostInPublic(_ password: String) throws {
        let error = #expect(throws: PostgresError.self) {
            try connect("postgresql://user:\(password)@127.0.0.1:1/candles")
        }
        let message = "\(try #require(error))"
        #expect(message.contains(Secret.mask) && !message.contains("hunter"), "\(message)")
    }

    @Test func itSpeaksTLSWhereTheServerDoes() throws {
        let certificates = try Certificates()
        let server = try PostgresServer { $0.certificate = certificates.good }
        let found = try connect(server.url()).execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        #expect(found.flag(0, 0) == true)
        let other = certificates.selfSigned.certificate
        #expect(throws: PostgresError.self) {
            try connect(
                "postgresql://klinecast@localhost:\(server.port)/postgres?sslmode=verify-full&sslrootcert=\(other)")
        }
    }
}
