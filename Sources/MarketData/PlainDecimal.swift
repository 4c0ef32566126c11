/// A decimal of 4 to 16 characters, digits with at most one point among them, read without a loop: nearly every number
/// of a candle is one, and a loop over so few digits pays more for guessing its end than for its work.
///
/// The characters lie in two words as if zeros stood before them, the point is closed up, and three multiplications add
/// neighbours to pairs, fours and eights, as simdjson reads eight digits.
package struct PlainDecimal {
    /// All digits as one whole number, the point left out.
    package let digits: UInt64
    /// How many of them stand behind the point.
    package let decimals: Int

    private static let zeros: UInt64 = 0x3030_3030_3030_3030
    private static let points: UInt64 = 0x2e2e_2e2e_2e2e_2e2e

    /// `nil` where it is anything else: another length, a sign, an exponent, a zero in front of digits, a point without
    /// digits on both sides, or no number at all.
    @inline(__always)
    package init?(_ text: UnsafeRawBufferPointer) {
        let count = text.count
        guard let start = text.baseAddress, count >= 4, count <= 16 else { return nil }
        var (early, late) = unsafe Self.padded(start, count)
        var decimals = 0
        if case let mark = Self.mark(early ^ Self.points), mark != 0 {
            let bit = mark.trailingZeroBitCount &- 7
            decimals = 15 &- bit / 8
            early = Self.closeUp(early, bit, filling: UInt64(UInt8(ascii: "0")))
        } else if case let mark = Self.mark(late ^ Self.points), mark != 0 {
            let bit = mark.trailingZeroBitCount &- 7
            decimals = 7 &- bit / 8
            guard decimals > 0 else { return nil }
            late = Self.closeUp(late, bit, filling: early >> 56)
            early = early << 8 | UInt64(UInt8(ascii: "0"))
        }
        guard Self.areDigits(early), Self.areDigits(late) else { return nil }
        let wholes = decimals == 0 ? count : count &- 1 &- decimals
        guard wholes > 0, unsafe wholes == 1 || start.load(as: UInt8.self) != UInt8(ascii: "0") else { return nil }
        digits = Self.value(early) &* 100_000_000 &+ Self.value(late)
        self.decimals = decimals
    }

    /// The last eight characters, and the eight before them; little-endian, as all we build for: the first is lowest.
    @inline(__always)
    private static func padded(_ start: UnsafeRawPointer, _ count: Int) -> (UInt64, UInt64) {
        if count >= 8 {
            let missing = 8 &* (16 &- count)
            let first = unsafe start.loadUnaligned(as: UInt64.self)
            let last = unsafe start.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            return (first << missing | zeros >> (64 &- missing), last)
        }
        let missing = 8 &* (8 &- count)
        let first = UInt64(unsafe start.loadUnaligned(as: UInt32.self)) << missing & 0xffff_ffff
        let last = UInt64(unsafe start.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)) << 32
        return (zeros, last | first | zeros >> (64 &- missing))
    }

    /// The upper bit of the lowest byte that is zero, and of some above it; 0 where none is.
    @inline(__always)
    private static func mark(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }

    /// Takes the byte at `bit` out: what is below it moves up, and `filling` takes the lowest place.
    @inline(__always)
    private static func closeUp(_ word: UInt64, _ bit: Int, filling: UInt64) -> UInt64 {
        let below: UInt64 = 1 &<< UInt64(truncatingIfNeeded: bit) &- 1
        return word & ~(below << 8 | 0xff) | (word & below) << 8 | filling
    }

    @inline(__always)
    private static func areDigits(_ word: UInt64) -> Bool {
        word & (word &+ 0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0 == zeros
    }

    /// Of eight digits: each byte takes its lower neighbour's tens, each pair its neighbour's hundreds, and so on.
    @inline(__always)
    private static func value(_ word: UInt64) -> UInt64 {
        let ones = word &- zeros
        let pairs = ones &* 10 &+ ones >> 8
        let early = (pairs & 0xff_0000_00ff) &* (100 + 1_000_000 << 32)
        let late = (pairs >> 16 & 0xff_0000_00ff) &* (1 + 10_000 << 32)
        return (early &+ late) >> 32
    }
}
