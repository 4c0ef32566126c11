import Persister
import Testing

@Suite struct ChecksumTests {
    // The check value of CRC-32/ISO-HDLC; the second from `printf a | gzip -c | tail -c8`.
    @Test(arguments: [("123456789", UInt32(0xcbf4_3926)), ("a", 0xe8b7_be43), ("", 0)])
    func itIsZlibs(text: String, checksum: UInt32) {
        #expect(unsafe Array(text.utf8).withUnsafeBytes { unsafe Checksum.crc32($0) } == checksum)
    }

    @Test func aNullValueHasNone() {
        #expect(unsafe Checksum.crc32(nil) == 0)
    }
}
