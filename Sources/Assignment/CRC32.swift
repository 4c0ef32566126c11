/// CRC-32/ISO-HDLC (polynomial 0x04C11DB7, reflected), as zlib's and PHP's `crc32`.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? (value >> 1) ^ 0xedb8_8320 : value >> 1 }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { sum, byte in
            (sum >> 8) ^ table[Int(truncatingIfNeeded: (sum ^ UInt32(byte)) & 0xff)]
        }
    }
}
