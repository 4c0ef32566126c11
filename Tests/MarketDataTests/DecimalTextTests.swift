import Foundation
import MarketData
import TestRigs
import Testing

@Suite struct DecimalTextTests {
    private func read(_ text: String) throws(DecimalText.Failure) -> DecimalText {
        let bytes = Array(text.utf8)
        let result = unsafe bytes.withUnsafeBytes { buffer -> Result<DecimalText, DecimalText.Failure> in
            do throws(DecimalText.Failure) { return .success(try unsafe DecimalText(buffer)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    @Test(arguments: [
        "", "-", "+1", ".5", "1.", "01", "-01", "1e", "1e+", "1.e1", "NaN", "Infinity", " 1", "1 ", "0x1", "1,5", "--1",
        "1.2.3", "1e1.5", "e1",
    ])
    func whatTheGrammarLacksIsNotANumber(text: String) {
        #expect(throws: DecimalText.Failure.notANumber) { try read(text) }
    }

    @Test(arguments: [
        "1e41", "1E-41", "0." + String(repeating: "0", count: 63), String(repeating: "9", count: 41), "1e999999999999",
    ])
    func whatIsBeyondALimitIsTooLong(text: String) {
        #expect(throws: DecimalText.Failure.tooLong) { try read(text) }
    }

    @Test(arguments: [
        ("1", "1.00", 0), ("0", "-0.0", 0), ("0e5", "0", 0), ("10", "1e1", 0), ("1.5", "15e-1", 0),
        ("94098.9", "94098.91", -1),
        ("0.1", "0.09999999999999999999999", 1), ("-1", "1", -1), ("-2", "-1", -1), ("-1", "0", -1), ("2", "10", -1),
        ("1234567890123456789012345678901234567890", "1234567890123456789012345678901234567891", -1),
        ("1234567890123456789012345678901234567890", "123456789012345678901234567890123456789e1", 0),
        ("9999999999999999999.1", "9999999999999999999.10", 0), ("9007199254740993", "9007199254740992", 1),
        ("1e40", "99e38", 1), ("1e-40", "0", 1),
    ])
    func sizesAreComparedExactly(left: String, right: String, order: Int) throws {
        #expect(DecimalText.compare(try read(left), try read(right)) == order)
        #expect(DecimalText.compare(try read(right), try read(left)) == -order)
    }

    @Test func anyTwoCompareAsFoundationsDecimals() throws {
        var random = SeededRandom(seed: 11)
        func any() -> String {
            let whole = String(Int.random(in: 0..<1_000, using: &random))
            let digits = (0..<Int.random(in: 0...22, using: &random)).map { _ in
                String(Int.random(in: 0...1, using: &random))
            }
            let power = Bool.random(using: &random) ? "e\(Int.random(in: -6...6, using: &random))" : ""
            let sign = Bool.random(using: &random) ? "-" : ""
            return sign + whole + (digits.isEmpty ? "" : "." + digits.joined()) + power
        }
        for _ in 0..<5_000 {
            let (left, right) = (any(), any())
            let (one, other) = (try #require(Decimal(string: left)), try #require(Decimal(string: right)))
            let order = one == other ? 0 : one < other ? -1 : 1
            #expect(DecimalText.compare(try read(left), try read(right)) == order, "\(left) \(right)")
        }
    }
}
