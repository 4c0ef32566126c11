import TestRigs
import Testing

@testable import MarketData

@Suite struct PlainDecimalTests {
    /// The text stands at the very end of its memory: the sanitizer sees a byte read too many.
    private func read(_ text: String) -> PlainDecimal? {
        unsafe Array(text.utf8).withUnsafeBytes { unsafe PlainDecimal($0) }
    }

    /// What the initializer promises, said with strings: the digits and how many stand behind the point.
    private func expected(_ text: String) -> (digits: UInt64, decimals: Int)? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isPlain = parts.count <= 2 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { ("0"..."9").contains($0) } }
        guard (4...16).contains(text.utf8.count), isPlain, parts[0] == "0" || !parts[0].hasPrefix("0") else {
            return nil
        }
        return UInt64(parts.joined()).map { ($0, parts.count == 2 ? parts[1].count : 0) }
    }

    @Test func everyPlaceOfThePointInEveryLength() {
        for count in 1...20 {
            let digits = String("9184726350918472635091".prefix(count))
            for place in 0...count {
                let text = digits.prefix(place) + "." + digits.dropFirst(place)
                let (found, wanted) = (read(String(text)), expected(String(text)))
                #expect(found?.digits == wanted?.digits && found?.decimals == wanted?.decimals, "\(text)")
            }
            #expect(read(digits)?.digits == expected(digits)?.digits, "\(digits)")
        }
    }

    @Test func anyOtherByteInAnyPlaceIsNoDigit() {
        for text in ["1234", "1.23", "12345.67", "12345678", "94098.9000", "1234567.12345678"] {
            for place in 0..<text.utf8.count {
                for byte in UInt8.min...UInt8.max {
                    var bytes = Array(text.utf8)
                    bytes[place] = byte
                    let found = unsafe bytes.withUnsafeBytes { unsafe PlainDecimal($0) }
                    // A byte above 127 alone is no text; it is none of a number either.
                    let wanted = byte < 128 ? expected(String(decoding: bytes, as: UTF8.self)) : nil
                    #expect(
                        found?.digits == wanted?.digits && found?.decimals == wanted?.decimals, "\(byte) in \(text)")
                }
            }
        }
    }

    @Test func anyTextOfTheseCharacters() {
        var random = SeededRandom(seed: 4)
        let characters = Array("0012345678999..-e")
        for _ in 0..<50_000 {
            let text = String(
                (0..<Int.random(in: 1...18, using: &random)).map { _ in
                    characters.randomElement(using: &random) ?? "0"
                })
            let (found, wanted) = (read(text), expected(text))
            #expect(found?.digits == wanted?.digits && found?.decimals == wanted?.decimals, "\(text)")
        }
    }
}
