import CZlibShim

/// What a stored position remembers a record's value by.
package enum Checksum {
    /// CRC-32/ISO-HDLC, as zlib computes it: "123456789" gives 0xCBF43926. Of a null value: 0.
    package static func crc32(_ bytes: UnsafeRawBufferPointer?) -> UInt32 {
        guard let bytes = unsafe bytes, let start = bytes.baseAddress else { return 0 }
        return unsafe UInt32(truncatingIfNeeded: crc32_z(0, start.assumingMemoryBound(to: UInt8.self), bytes.count))
    }
}
