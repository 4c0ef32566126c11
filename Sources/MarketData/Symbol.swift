/// A traded instrument as topics and channels spell it: lower case, `[a-z0-9_-]+`, at most 32 characters.
package struct Symbol: Hashable, Sendable, CustomStringConvertible {
    /// What a symbol must be, as the rest of a sentence.
    package static let rule = "1…\(lengthLimit) of the characters A-Z a-z 0-9 _ -"
    package static let lengthLimit = 32
    /// The lower-case spelling.
    package let name: String
    package var description: String { name }

    /// Reads any case; `nil` when a character or the length is not allowed.
    package init?(_ text: some StringProtocol) {
        // Some other letters, the Kelvin sign for one, have a lower case that is ASCII.
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        let lower = text.lowercased()
        guard (1...Self.lengthLimit).contains(lower.utf8.count), lower.utf8.allSatisfy(Self.allows) else { return nil }
        name = lower
    }

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
