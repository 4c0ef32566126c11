/// Decimal digits as they were sent, in PostgreSQL's binary form of `numeric`: groups of four digits.
///
/// The form is that of `numeric_recv` and `numeric_send`: number of groups, weight of the first group (in powers of ten
/// thousand), sign, digits behind the point as shown, groups; 16 bits each.
enum NumericEncoder {
    /// Of one number's text; more than anything traded has.
    static let characterLimit = 64
    /// What `encode` writes at most: four words, and a group for each four digits and one more on either side.
    static let byteLimit = 8 + 2 * (characterLimit / 4 + 2)
    /// Of the exponent, either way: the limit of PostgreSQL's own parser.
    static let exponentLimit = 1_000

    /// Writes the number's binary form; the count of its bytes, or 0 when the text is no finite decimal number within the
    /// limits. `target` has room for `byteLimit` bytes.
    @inline(__always)
    static func encode(_ text: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) -> Int {
        guard text.count > 0, text.count <= characterLimit else { return 0 }
        var at = 0
        var isNegative = false
        let first = unsafe text[0]
        if first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            isNegative = first == UInt8(ascii: "-")
            at = 1
        }
        let start = at
        var count = 0
        var point = -1
        while at < text.count {
            let character = unsafe text[at]
            if character &- 0x30 < 10 {
                count += 1
            } else if character == UInt8(ascii: "."), point < 0 {
                point = count
            } else {
                break
            }
            at += 1
        }
        guard count > 0 else { return 0 }
        if point < 0 { point = count }
        var scale = count - point
        let mantissa = unsafe UnsafeRawBufferPointer(rebasing: text[start..<at])
        if at < text.count {
            guard let exponent = unsafe exponent(text, from: at) else { return 0 }
            point += exponent
            scale = max(0, scale - exponent)
        }
        return unsafe write(
            mantissa, count: count, point: point, scale: scale, isNegative: isNegative, to: target)
    }

    private static func exponent(_ text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard unsafe text[start] | 0x20 == UInt8(ascii: "e") else { return nil }
        var at = start + 1
        var isNegative = false
        if at < text.count {
            let sign = unsafe text[at]
            if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
                isNegative = sign == UInt8(ascii: "-")
                at += 1
            }
        }
        guard at < text.count else { return nil }
        var value = 0
        while at < text.count {
            let digit = unsafe text[at] &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
            guard value <= exponentLimit else { return nil }
            at += 1
        }
        return isNegative ? -value : value
    }

    /// `count` digits, with or without a point between them, whose decimal point stands behind `point` of them.
    @inline(__always)
    private static func write(
        _ mantissa: UnsafeRawBufferPointer, count digits: Int, point: Int, scale: Int, isNegative: Bool,
        to target: UnsafeMutableRawPointer
    ) -> Int {
        // Groups are aligned to the point: zeros stand in front of the first digit until they are.
        let padding = ((-point) % 4 + 4) % 4
        var weight = (point + padding) / 4 - 1
        var (count, used, place, left) = (0, 0, padding, digits)
        var group: UInt16 = 0
        for index in 0..<mantissa.count {
            let digit = unsafe mantissa[index] &- 0x30
            if digit > 9 { continue }
            group = group &* 10 &+ UInt16(digit)
            place += 1
            left -= 1
            if left == 0 {
                while place < 4 {
                    group &*= 10
                    place += 1
                }
            }
            guard place == 4 else { continue }
            if count == 0, group == 0 {
                weight -= 1
            } else {
                unsafe store(group, target, 4 + count)
                count += 1
                if group != 0 { used = count }
            }
            group = 0
            place = 0
        }
        unsafe store(UInt16(used), target, 0)
        unsafe store(UInt16(truncatingIfNeeded: used == 0 ? 0 : weight), target, 1)
        unsafe store(isNegative && used > 0 ? 0x4000 : 0, target, 2)
        unsafe store(UInt16(scale), target, 3)
        return 8 + 2 * used
    }

    @inline(__always)
    private static func store(_ value: UInt16, _ target: UnsafeMutableRawPointer, _ word: Int) {
        unsafe target.storeBytes(of: value.bigEndian, toByteOffset: 2 * word, as: UInt16.self)
    }
}
