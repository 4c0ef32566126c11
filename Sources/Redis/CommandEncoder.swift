/// Writes commands in the Redis protocol, for cold paths.
package enum CommandEncoder {
    /// The bytes that `encode` writes for these words.
    package static func length(_ words: [[UInt8]]) -> Int {
        words.reduce(1 + digits(words.count) + 2) { $0 + 1 + digits($1.count) + 2 + $1.count + 2 }
    }

    /// Writes one command to the start of `target`; the number of bytes, or `nil` when it does not fit.
    package static func encode(_ words: [[UInt8]], into target: UnsafeMutableRawBufferPointer) -> Int? {
        let bytes = encode(words)
        guard bytes.count <= target.count else { return nil }
        unsafe target.copyBytes(from: bytes)
        return bytes.count
    }

    package static func encode(_ words: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length(words))
        append("*", words.count, to: &bytes)
        for word in words {
            append("$", word.count, to: &bytes)
            bytes += word
            bytes += [13, 10]
        }
        return bytes
    }

    package static func encode(_ words: [String]) -> [UInt8] { encode(words.map { Array($0.utf8) }) }

    private static func append(_ sign: Character, _ count: Int, to bytes: inout [UInt8]) {
        bytes += "\(sign)\(count)\r\n".utf8
    }

    private static func digits(_ value: Int) -> Int { String(value).utf8.count }
}
