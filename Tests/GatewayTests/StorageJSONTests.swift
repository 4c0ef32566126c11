import Foundation
import Testing

@testable import Gateway

/// The one reader of documents: what is stored, what workers and what clients send.
@Suite struct StorageJSONTests {
    @Test(arguments: [
        #"{"a":[1,-20,0.5,1e3,-2.5E-2,1E+2],"b":{"c":null,"d":[true,false,{}],"":[]}}"#,
        #" [ "\"\\\/\b\f\n\r\t" , "\u00fc\ud83d\ude00\u0000" , "ü😀" ] "#,
        "7", "\t\"x\"\r\n", "null",
    ])
    func whatIsJSONIsReadAsFoundationReadsIt(_ text: String) throws {
        let read = try JSONValue(Array(text.utf8))
        let expected = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        #expect(try Self.text(of: read.foundation) == Self.text(of: expected))
        var scanner = JSONScanner(Array(text.utf8))
        try scanner.skip()
        try scanner.end()
    }

    private static func text(of value: Any) throws -> String {
        let data = try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .fragmentsAllowed])
        return String(decoding: data, as: UTF8.self)
    }

    @Test(arguments: [
        ("", "a value expected at byte 0"), (" nul", "a value expected at byte 1"),
        ("tru", "true or false expected at byte 0"), ("1.", "a value expected at byte 2"),
        ("-", "a value expected at byte 1"), ("01", "the document's end expected at byte 1"),
        ("1 2", "the document's end expected at byte 2"), ("[1,]", "a value expected at byte 3"),
        ("[1", "a comma or the array's end expected at byte 2"),
        (#"{"a":1,}"#, "a member's name expected at byte 7"), (#"{"a" 1}"#, "a colon expected at byte 5"),
        (#"{"a":1"#, "a comma or the object's end expected at byte 6"), (#""a"#, "the string's end expected at byte 2"),
        ("\"a\nb\"", "a string without control characters expected at byte 2"),
        (#""\"#, "the string's end expected at byte 2"), (#""\x""#, "a known escape expected at byte 3"),
        (#""\u12g4""#, "four hexadecimal digits expected at byte 5"),
        (#""\ud83d""#, "both halves of a surrogate pair expected at byte 7"),
        (#""\ude00""#, "both halves of a surrogate pair expected at byte 7"),
        (#""\ud83d\u0041""#, "both halves of a surrogate pair expected at byte 13"),
    ])
    func whatIsNoneIsNamedWithItsPlace(_ text: String, _ sentence: String) {
        let fault = #expect(throws: JSONScanner.Fault.self) { try JSONValue(Array(text.utf8)) }
        #expect(fault?.description == sentence)
        let same = #expect(throws: JSONScanner.Fault.self) {
            var scanner = JSONScanner(Array(text.utf8))
            try scanner.skip()
            try scanner.end()
        }
        #expect(same == fault)
    }

    @Test(arguments: [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]] as [[UInt8]])
    func bytesThatAreNoTextAreNoString(_ bytes: [UInt8]) {
        for prefix in ["", #"\n"#] {
            let fault = #expect(throws: JSONScanner.Fault.self) { try JSONValue([0x22] + prefix.utf8 + bytes + [0x22]) }
            #expect(fault?.expected == "a string in UTF-8")
        }
    }

    @Test func levelsValuesAndNamesHaveLimits() throws {
        func nested(_ levels: Int) -> [UInt8] {
            Array((String(repeating: "[", count: levels) + String(repeating: "]", count: levels)).utf8)
        }
        _ = try JSONValue(nested(32))
        #expect(throws: JSONScanner.Fault(expected: "at most 32 levels", offset: 33)) { try JSONValue(nested(33)) }
        _ = try JSONValue(Array("[1,2,[]]".utf8), valueLimit: 4)
        let many = #expect(throws: JSONScanner.Fault.self) { try JSONValue(Array("[1,2,[3]]".utf8), valueLimit: 4) }
        #expect(many?.description == "at most 4 values expected at byte 6")
        #expect(throws: JSONScanner.Fault.self) { try JSONValue(Array(#"{"a":1,"b":2,"\u0061":3}"#.utf8)) }
    }

    @Test func wholeNumbersAreExact() throws {
        func integer(_ text: String) throws -> Int64 {
            var scanner = JSONScanner(Array(text.utf8))
            return try scanner.integer()
        }
        for number in [0, -1, .max, .min] as [Int64] { #expect(try integer(" \(number)") == number) }
        for text in ["1.0", "1e2", "9223372036854775808", "-9223372036854775809", "\"1\"", ""] {
            #expect(throws: JSONScanner.Fault.self) { try integer(text) }
        }
    }
}

extension JSONValue {
    /// As JSONSerialization has it.
    fileprivate var foundation: Any {
        switch self {
        case .null: NSNull()
        case .boolean(let flag): flag
        case .number(let text): Double(text) ?? .nan
        case .string(let text): text
        case .array(let items): items.map(\.foundation)
        case .object(let members): members.mapValues(\.foundation)
        }
    }
}
