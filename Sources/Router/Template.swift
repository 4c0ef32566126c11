/// Bytes that are the same for every record of a partition or channel, made once and copied often.
@unsafe struct Template {
    let bytes: UnsafeRawBufferPointer

    init(_ text: String) {
        let utf8 = Array(text.utf8)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(utf8.count, 1), alignment: 1)
        unsafe copy.copyBytes(from: utf8)
        unsafe self.bytes = unsafe UnsafeRawBufferPointer(start: copy.baseAddress, count: utf8.count)
    }

    func free() { unsafe bytes.deallocate() }
    var count: Int { unsafe bytes.count }
}

/// A RESP command's fixed part: all arguments but the last, and that one's `$`. Its length and bytes follow.
func commandHead(_ arguments: [String]) -> String {
    "*\(arguments.count + 1)\r\n" + arguments.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined() + "$"
}

/// Writes forward into memory that its owner has sized: nothing here checks a bound.
@unsafe struct ByteCursor {
    var next: UnsafeMutableRawPointer

    init(_ start: UnsafeMutableRawPointer) { unsafe next = start }

    @inline(__always) mutating func put(_ template: Template) { unsafe put(template.bytes) }

    @inline(__always) mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        unsafe next.copyMemory(from: start, byteCount: bytes.count)
        unsafe next += bytes.count
    }

    @inline(__always) mutating func put(_ byte: UInt8) {
        unsafe next.storeBytes(of: byte, as: UInt8.self)
        unsafe next += 1
    }

    @inline(__always) mutating func putLineEnd() {
        unsafe next.storeBytes(of: 0x0a0d, as: UInt16.self)
        unsafe next += 2
    }

    /// The decimal digits of a number.
    @inline(__always) mutating func put(_ number: Int64) {
        if number < 0 { unsafe put(UInt8(ascii: "-")) }
        var rest = number.magnitude
        let digits = decimalDigits(rest)
        var place = unsafe next + digits
        unsafe next = unsafe place
        while rest >= 10 {
            unsafe place -= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            unsafe place.storeBytes(of: UInt8(truncatingIfNeeded: digit) &+ 48, as: UInt8.self)
            rest = quotient
        }
        unsafe (place - 1).storeBytes(of: UInt8(truncatingIfNeeded: rest) &+ 48, as: UInt8.self)
    }
}

@inline(__always) func decimalDigits(_ number: UInt64) -> Int {
    var digits = 1
    var bound: UInt64 = 10
    while number >= bound {
        digits += 1
        if digits == 20 { break }
        bound &*= 10
    }
    return digits
}
