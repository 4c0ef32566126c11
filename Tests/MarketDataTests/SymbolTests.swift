import MarketData
import Testing

@Suite struct SymbolTests {
    /// What the documents allow: a to z, 0 to 9, _ and -.
    private static let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789_-")

    @Test func everyASCIICharacterIsAllowedOrRefused() {
        for code in UInt8(0)...127 {
            let text = String(Character(UnicodeScalar(code)))
            let lower = text.lowercased()
            #expect(Symbol(text)?.name == (Self.allowed.contains(lower) ? lower : nil), "\(code)")
            #expect((Symbol("a\(text)b") != nil) == Self.allowed.contains(Character(lower)), "\(code)")
        }
    }

    @Test func anyCaseIsTheSameSymbol() {
        #expect(Symbol("BTCusdt") == Symbol("btcusdt"))
        #expect(Symbol("BTCusdt")?.description == "btcusdt")
    }

    @Test(arguments: ["", "ß", "É", "К", "１", "a b", "btc.usdt", "btc\0", "🚀", "\u{212A}", "BTC\u{212A}", "\u{130}"])
    func otherTextsAreNoSymbol(text: String) { #expect(Symbol(text) == nil) }

    @Test func aSymbolHasOneTo32Characters() {
        for length in 0...40 {
            #expect((Symbol(String(repeating: "x", count: length)) != nil) == (1...32).contains(length), "\(length)")
        }
    }
}
