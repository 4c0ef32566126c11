/// Keys that a subscriber reads, as docs/contracts say.
enum RedisKeys {
    /// Where the newest payload of a channel stands.
    static func last(of channel: String, prefix: String) -> String {
        let short = channel.hasPrefix(prefix + ":") ? channel.dropFirst(prefix.utf8.count + 1) : channel[...]
        return "\(prefix):last:\(short)"
    }

    /// The stream of one source partition.
    static func stream(of topic: String, partition: Int32, prefix: String) -> String {
        "\(prefix):stream:\(topic)" + (partition == 0 ? "" : ":\(partition)")
    }
}
