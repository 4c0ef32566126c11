import Foundation
import Postgres
import TestRigs
import Testing

@testable import Storage

/// The server's own parser and its `numeric_send` say what is right.
@Suite(.enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"), .timeLimit(.minutes(2)))
struct NumericEncoderTests {
    private func encoded(_ text: String) -> [UInt8]? {
        var room = [UInt8](repeating: 0xee, count: NumericEncoder.byteLimit + 8)
        let count = unsafe room.withUnsafeMutableBytes { target in
            unsafe Array(text.utf8).withUnsafeBytes { unsafe NumericEncoder.encode($0, to: target.baseAddress!) }
        }
        #expect(room[NumericEncoder.byteLimit...].allSatisfy { $0 == 0xee })
        return count == 0 ? nil : Array(room[..<count])
    }

    @Test func itSendsWhatTheServerWouldMakeOfTheSameText() throws {
        var texts = [
            "0", "-0", "0.0", "0.00000000", "1", "-1", "+1", "10", "100", "1000", "9999", "10000", "10001", "99999999",
            "100000000", "0.1", "0.01", "0.001", "0.0001", "0.00001", "0.00012345", "1.50", "1.500000", ".5", "5.",
            "58234.12345678", "00012.3400", "1e3", "1E-3", "1.5e+2", "12345e-9", "1.20e1", "0e5", "0.00e-3", "1e1000",
            "1e-1000", "123456789012345678901234567890123456789012345678901234567890.123",
            "0." + String(repeating: "0", count: 61) + "1", String(repeating: "9", count: 64),
        ]
        var random = SeededRandom(seed: 20_240_910)
        for _ in 0..<4_000 {
            func digits(_ most: Int) -> String {
                String(
                    (0..<Int.random(in: 0...most, using: &random)).map { _ in
                        // Zeros are where groups end and vanish: half of all digits.
                        Bool.random(using: &random) ? "0" : Character("\(Int.random(in: 0...9, using: &random))")
                    })
            }
            var text = Bool.random(using: &random) ? "" : "-"
            let whole = digits(22)
            text += whole.isEmpty ? "0" : whole
            if Bool.random(using: &random) { text += "." + digits(22) }
            if Int.random(in: 0..<4, using: &random) == 0 { text += "e\(Int.random(in: -40...40, using: &random))" }
            texts.append(text)
        }
        let place = try PostgresPlace()
        let found = try place.connection().execute(
            "SELECT numeric_send(t::numeric) FROM unnest($1::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n",
            [.array(texts)])
        #expect(found.rowCount == texts.count)
        for (row, text) in texts.enumerated() where encoded(text) != found.byteArray(row, 0) {
            Issue.record("\(text): \(encoded(text) ?? []) instead of \(found.byteArray(row, 0) ?? [])")
        }
    }

    @Test(arguments: [
        "", "-", "+", ".", "-.", "e5", "1e", "1e+", "1x", "x", "1.2.3", "1 ", " 1", "--1", "NaN", "Infinity", "0x10",
        "1e1001", "1e99999999999999999999", "1_000", "1\u{0}", String(repeating: "1", count: 65),
    ])
    func whatIsNoNumberIsNotSent(_ text: String) { #expect(encoded(text) == nil) }
}
