package import Records

/// What the router does with a record in Redis; any combination, at least one.
package struct Sinks: OptionSet, Sendable {
    package let rawValue: UInt8
    /// PUBLISH on the channel.
    package static let publish = Sinks(rawValue: 1)
    /// SET of the channel's newest payload, once a batch and before its PUBLISHes.
    package static let last = Sinks(rawValue: 2)
    /// XADD to the source partition's stream, before the PUBLISH: what a subscriber saw stands in the stream.
    package static let stream = Sinks(rawValue: 4)

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The key of a source partition's stream.
    package static func streamKey(prefix: String, source: SourcePartition) -> String {
        "\(prefix):stream:\(source.topic)" + (source.partition == 0 ? "" : ":\(source.partition)")
    }
}

/// Why a record can't be delivered; the word stands in the dead letter and in the metrics.
package enum RefusalReason: String, CaseIterable, Sendable {
    case nullValue = "null_value"
    case notAnObject = "not_a_json_object"
    case tooLarge = "too_large"
    /// A subscription took in a topic that no rule maps.
    case noRoute = "no_route"
    /// No permission, a key of another type, or another final answer of Redis; its words are in the dead letter.
    case refusedByRedis = "refused_by_redis"
    /// The stream had gone past this record when Redis could take it again.
    case behindStream = "behind_stream"

    /// What is wrong with a record of so many bytes.
    ///
    /// - Parameter limit: the largest value that is taken, in bytes.
    package func sentence(bytes: Int, limit: Int) -> String {
        switch self {
        case .nullValue: "the record has a null value, and Redis can't publish nothing"
        case .notAnObject: "the value is not one JSON object, so the envelope has no place in it"
        case .tooLarge: "\(bytes) bytes are more than router.message_max_bytes, \(limit)"
        case .noRoute: "no rule maps the topic to a channel"
        case .refusedByRedis, .behindStream: rawValue
        }
    }
}
