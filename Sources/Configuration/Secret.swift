/// A text that no description, reflection or interpolation shows.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package static let mask = "***"

    /// The text itself: for the one call that needs it.
    package let revealed: String

    package init(_ text: String) { revealed = text }

    package var description: String { Self.mask }
    package var debugDescription: String { Self.mask }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether a librdkafka property of this name holds something to hide.
    package static func isSecret(property: String) -> Bool {
        ["password", "passphrase", "secret", "token", "key.pem", "oauthbearer.config", "jaas"].contains {
            property.contains($0)
        }
    }
}
