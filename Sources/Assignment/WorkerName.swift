/// What a worker is called: 1…128 of the characters `A-Z a-z 0-9 . _ : [ ] -`, the first a letter, a digit or `[`.
///
/// A name, not an address, although `host:port` is one: placements follow the name, so that a worker that moves to
/// another port keeps its symbols. The characters need no quoting in a Redis key, a CSV field or a page.
package struct WorkerName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let lengthLimit = 128
    package let text: String
    package var description: String { text }

    /// `nil` when a character or the length is not allowed. Case counts.
    package init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard (1...Self.lengthLimit).contains(bytes.count), bytes.allSatisfy(Self.allows), let first = bytes.first,
            Self.isAlphanumeric(first) || first == UInt8(ascii: "[")
        else { return nil }
        self.text = String(text)
    }

    /// By bytes, the same on every machine.
    package static func < (left: Self, right: Self) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"),
            UInt8(ascii: "-"):
            true
        default: isAlphanumeric(byte)
        }
    }
}
