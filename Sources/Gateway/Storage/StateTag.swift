/// Names one state of the stored assignments: what an HTTP ETag says, `<incarnation>-<version>`.
///
/// The version alone does not: a server that lost its last writes counts the same numbers once more. The incarnation, 16
/// lower-case hexadecimal digits, is another one whenever that can have happened.
package struct StateTag: Hashable, Sendable, CustomStringConvertible {
    package let incarnation: String
    package let version: Int64
    package var description: String { "\(incarnation)-\(version)" }

    package init(incarnation: String, version: Int64) {
        self.incarnation = incarnation
        self.version = version
    }

    /// Reads what `description` writes; `nil` for anything else.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 16, parts[0].utf8.allSatisfy(Self.isHexadecimal),
            let version = Int64(parts[1]), version >= 0, String(version) == parts[1]
        else { return nil }
        self.init(incarnation: String(parts[0]), version: version)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
