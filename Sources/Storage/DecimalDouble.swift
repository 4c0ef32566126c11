internal import MarketData

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The double nearest to a decimal text.
enum DecimalDouble {
    /// 10^0 … 10^22: all that a double holds exactly.
    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Digits with an optional sign, point and exponent, as in JSON. `nil` where it is no such text or has no finite
    /// double. Allocates nothing.
    ///
    /// Up to 15 digits make a whole number that a double holds exactly, a power of ten up to 10^22 is exact too, and one
    /// operation on two exact numbers is correctly rounded (W. D. Clinger, "How to Read Floating Point Numbers
    /// Accurately", 1990). All else goes to strtod, which rounds correctly as well.
    static func value(of text: UnsafeRawBufferPointer) -> Double? {
        if let plain = unsafe PlainDecimal(text), plain.digits <= 1 << 53 {
            return unsafe Double(plain.digits) / powers.span[unchecked: plain.decimals]
        }
        let count = text.count
        guard count > 0, let start = unsafe text.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
        var place = 0
        let isNegative = unsafe start[0] == UInt8(ascii: "-")
        if isNegative { place = 1 }
        let first = place
        var mantissa: UInt64 = 0
        var pointPlace = -1
        while place < count {
            let digit = unsafe start[place] &- UInt8(ascii: "0")
            if digit < 10 {
                mantissa = mantissa &* 10 &+ UInt64(digit)
            } else if digit == UInt8(ascii: ".") &- UInt8(ascii: "0"), pointPlace < 0 {
                pointPlace = place
            } else {
                return unsafe slowValue(of: text)
            }
            place += 1
        }
        let digits = count - first - (pointPlace < 0 ? 0 : 1)
        let decimals = pointPlace < 0 ? 0 : count - pointPlace - 1
        guard pointPlace < 0 || (pointPlace > first && decimals > 0) else { return nil }
        // 18 digits can't have wrapped around; up to 2^53 the number is exact, leading zeros or not.
        guard digits > 0, digits <= 18, mantissa <= 1 << 53 else { return unsafe slowValue(of: text) }
        let magnitude = unsafe Double(mantissa) / powers.span[unchecked: decimals]
        return isNegative ? -magnitude : magnitude
    }

    private static func slowValue(of text: UnsafeRawBufferPointer) -> Double? {
        // A number of a candle has at most 255 bytes.
        guard text.count <= 255, unsafe isNumber(text) else { return nil }
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { buffer in
            for place in 0..<text.count { unsafe buffer[place] = CChar(bitPattern: text[place]) }
            unsafe buffer[text.count] = 0
            let value = unsafe strtod(buffer.baseAddress!, nil)
            return value.isFinite ? value : nil
        }
    }

    /// The grammar, since strtod takes more ("0x1p3", "inf") and stops at what it doesn't know.
    private static func isNumber(_ text: UnsafeRawBufferPointer) -> Bool {
        var place = 0
        func skipDigits() -> Bool {
            let before = place
            while place < text.count, unsafe (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[place]) {
                place += 1
            }
            return place > before
        }
        if unsafe text[0] == UInt8(ascii: "-") || text[0] == UInt8(ascii: "+") { place = 1 }
        guard skipDigits() else { return false }
        if place < text.count, unsafe text[place] == UInt8(ascii: ".") {
            place += 1
            guard skipDigits() else { return false }
        }
        if place < text.count, unsafe text[place] | 0x20 == UInt8(ascii: "e") {
            place += 1
            if place < text.count, unsafe text[place] == UInt8(ascii: "-") || text[place] == UInt8(ascii: "+") {
                place += 1
            }
            guard skipDigits() else { return false }
        }
        return place == text.count
    }

    /// A finite double in plain digits, without exponent: the fewest that give the same double again. A decimal of at most
    /// 15 significant digits comes back as it went in, zeros at the end aside.
    static func text(of value: Double) -> String {
        let shortest = value.description
        guard let mark = shortest.firstIndex(of: "e"), let exponent = Int(shortest[shortest.index(after: mark)...])
        else { return shortest.hasSuffix(".0") ? String(shortest.dropLast(2)) : shortest }
        let sign = value < 0 ? "-" : ""
        let parts = shortest[..<mark].drop { $0 == "-" }.split(separator: ".")
        let digits = parts[0] + (parts.count > 1 && parts[1] != "0" ? parts[1] : "")
        let point = parts[0].count + exponent
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}
