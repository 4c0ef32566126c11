/// A text that no description, reflection or interpolation shows.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    static let mask = "***"

    /// The text itself: for the one call that needs it.
    package let revealed: String

    package init(_ text: String) { revealed = text }

    package var description: String { Self.mask }
    package var debugDescription: String { Self.mask }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether a librdkafka property of this name holds something to hide.
    package static func isSecret(property: String) -> Bool {
        ["password", "secret", "token", "key.pem", "sasl.oauthbearer.config", "jaas"].contains { property.contains($0) }
    }
}
