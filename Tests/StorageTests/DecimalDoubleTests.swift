import Foundation
import TestRigs
import Testing

@testable import Storage

@Suite struct DecimalDoubleTests {
    private func value(_ text: String) -> Double? {
        unsafe Array(text.utf8).withUnsafeBytes { unsafe DecimalDouble.value(of: $0) }
    }

    @Test(arguments: [
        "0", "-0", "1", "100.5", "0.1", "0.00001234", "123456.789012345", "9007199254740993", "9007199254740992",
        "1e22", "1e23",
        "1E-5", "2.2250738585072014e-308", "4.9e-324", "179769313486231570000000000000000000000",
        "0.000000000000000000000001",
        "00012.50", "123456789012345678", "1234567890123456789", "0.1234567890123456789", "1.7976931348623157e308",
    ]) func theNearestDoubleIsFound(_ text: String) { #expect(value(text)?.bitPattern == Double(text)?.bitPattern) }

    @Test(arguments: [
        "", "-", ".", "1.", ".5", "1e", "1e400", "nan", "inf", "0x10", "1 ", " 1", "1.2.3", "--1", "1e+", "1,5",
    ])
    func whatIsNoFiniteNumberIsNone(_ text: String) { #expect(value(text) == nil) }

    @Test func fifteenDigitsComeBackAsTheyWere() {
        var random = SeededRandom(seed: 15)
        for _ in 0..<20_000 {
            let digits = String(Int.random(in: 100_000_000_000_000...999_999_999_999_999, using: &random))
            let place = Int.random(in: 1...14, using: &random)
            var text = digits.prefix(place) + "." + digits.dropFirst(place)
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
            #expect(value(String(text)).map(DecimalDouble.text) == String(text))
        }
    }

    @Test(arguments: [
        ("1e-7", "0.0000001"), ("-1.25e-6", "-0.00000125"), ("1e20", "100000000000000000000"), ("5", "5"),
        ("0.5", "0.5"),
        ("1.5e17", "150000000000000000"),
    ]) func textHasNoExponent(_ number: String, _ text: String) {
        #expect(value(number).map(DecimalDouble.text) == text)
    }
}
