/// A number as a message spells it (RFC 8259, 6: an optional minus, digits, an optional fraction and exponent), read for
/// its sign and size; the text stays what is kept.
///
/// At most 64 characters, 40 digits from the first that is not a zero on, and an exponent of -40…40: nothing traded needs
/// more, and no database takes harm.
package struct DecimalText: Sendable {
    package static let lengthLimit = 64
    package static let digitLimit = 40
    package static let exponentLimit = 40

    package enum Failure: Error, Equatable, Sendable {
        /// Not in the grammar: empty, `+1`, `1.`, `.5`, `01`, `NaN`, `Infinity`.
        case notANumber
        /// In the grammar, but beyond a limit.
        case tooLong
    }

    /// The first digits, at most `headLimit` of them, from the first that is not a zero on.
    private var head: UInt64 = 0
    /// What follows them, filled with zeros to `digitLimit - headLimit` digits.
    private var rest: UInt128 = 0
    private static let headLimit = 19
    /// Digits from the first that is not a zero to the last one written; 0 for zero.
    private var digitCount = 0
    /// The last written digit's power of ten.
    private var lastPower = 0
    private let isMinus: Bool

    package var isZero: Bool { digitCount == 0 }
    package var isNegative: Bool { isMinus && !isZero }

    /// Hot: allocates nothing.
    package init(_ text: UnsafeRawBufferPointer) throws(Failure) {
        let count = text.count
        guard let start = unsafe text.baseAddress?.assumingMemoryBound(to: UInt8.self), count > 0 else {
            throw .notANumber
        }
        if let plain = unsafe PlainDecimal(text) {
            head = plain.digits
            lastPower = -plain.decimals
            digitCount =
                unsafe start[0] != UInt8(ascii: "0") ? count - (plain.decimals > 0 ? 1 : 0) : Self.digits(of: head)
            isMinus = false
            return
        }
        let isShort = count <= Self.headLimit
        var place = 0
        isMinus = unsafe start[0] == UInt8(ascii: "-")
        if isMinus { place = 1 }
        let first = place
        while place < count, case let digit = unsafe start[place] &- UInt8(ascii: "0"), digit < 10 {
            note(digit, isShort: isShort)
            place += 1
        }
        guard place > first, unsafe place == first + 1 || start[first] != UInt8(ascii: "0") else { throw .notANumber }
        if place < count, unsafe start[place] == UInt8(ascii: ".") {
            place += 1
            let fraction = place
            while place < count, case let digit = unsafe start[place] &- UInt8(ascii: "0"), digit < 10 {
                note(digit, isShort: isShort)
                place += 1
            }
            guard place > fraction else { throw .notANumber }
            lastPower = fraction - place
        }
        if isShort, unsafe start[first] == UInt8(ascii: "0") {
            digitCount = Self.digits(of: head)
        }
        var exponent = 0
        if place < count, unsafe start[place] | 0x20 == UInt8(ascii: "e") {
            exponent = try unsafe Self.exponent(start, from: &place, to: count)
        }
        guard place == count else { throw .notANumber }
        guard count <= Self.lengthLimit, digitCount <= Self.digitLimit, abs(exponent) <= Self.exponentLimit else {
            throw .tooLong
        }
        lastPower += exponent
        for _ in 0..<max(0, Self.digitLimit - max(digitCount, Self.headLimit)) where rest != 0 { rest *= 10 }
    }

    /// Of a whole number of at most 19.
    private static func digits(of number: UInt64) -> Int {
        var count = 0
        var power: UInt64 = 1
        while count < headLimit, number >= power { (count, power) = (count + 1, power &* 10) }
        return count
    }

    /// Few characters, as nearly always, can't be too many digits: zeros in front do no harm to `head`, and `init` takes
    /// them off the count.
    @inline(__always)
    private mutating func note(_ digit: UInt8, isShort: Bool) {
        if isShort {
            digitCount += 1
            head = head &* 10 &+ UInt64(digit)
        } else {
            noteLong(digit)
        }
    }

    private mutating func noteLong(_ digit: UInt8) {
        guard digitCount > 0 || digit != 0 else { return }
        digitCount += 1
        if digitCount <= Self.headLimit {
            head = head &* 10 &+ UInt64(digit)
        } else if digitCount <= Self.digitLimit {
            rest = rest &* 10 &+ UInt128(digit)
        }
    }

    /// The number behind the `e` at `place`, at most one beyond the limit; `place` is moved behind it.
    private static func exponent(
        _ start: UnsafePointer<UInt8>, from place: inout Int, to count: Int
    ) throws(Failure) -> Int {
        place += 1
        var isMinus = false
        if place < count, unsafe start[place] == UInt8(ascii: "-") || start[place] == UInt8(ascii: "+") {
            isMinus = unsafe start[place] == UInt8(ascii: "-")
            place += 1
        }
        let first = place
        var size = 0
        while place < count, case let digit = unsafe start[place] &- UInt8(ascii: "0"), digit < 10 {
            size = min(size * 10 + Int(digit), exponentLimit + 1)
            place += 1
        }
        guard place > first else { throw .notANumber }
        return isMinus ? -size : size
    }

    /// Which is greater, exactly: -1 when `left` is smaller, 0 when they are equal (1.0 and 1.00 are), 1 when it is greater.
    @inline(__always)
    package static func compare(_ left: DecimalText, _ right: DecimalText) -> Int {
        if left.lastPower == right.lastPower, left.digitCount <= headLimit, right.digitCount <= headLimit,
            !left.isMinus, !right.isMinus
        {
            return left.head == right.head ? 0 : left.head < right.head ? -1 : 1
        }
        return compareAll(left, right)
    }

    private static func compareAll(_ left: DecimalText, _ right: DecimalText) -> Int {
        let signs = (left.isZero ? 0 : left.isMinus ? -1 : 1, right.isZero ? 0 : right.isMinus ? -1 : 1)
        guard signs.0 == signs.1 else { return signs.0 < signs.1 ? -1 : 1 }
        guard signs.0 != 0 else { return 0 }
        return compareSizes(left, right) * signs.0
    }

    private static func compareSizes(_ left: DecimalText, _ right: DecimalText) -> Int {
        // The power of ten above the first digit: who has the higher one is greater.
        let powers = (left.digitCount + left.lastPower, right.digitCount + right.lastPower)
        guard powers.0 == powers.1 else { return powers.0 < powers.1 ? -1 : 1 }
        var heads = (left.head, right.head)
        let counts = (min(left.digitCount, headLimit), min(right.digitCount, headLimit))
        if counts.0 < counts.1 { for _ in counts.0..<counts.1 { heads.0 *= 10 } }
        if counts.1 < counts.0 { for _ in counts.1..<counts.0 { heads.1 *= 10 } }
        guard heads.0 == heads.1 else { return heads.0 < heads.1 ? -1 : 1 }
        return left.rest == right.rest ? 0 : left.rest < right.rest ? -1 : 1
    }
}
