/// The records of a CSV text (RFC 4180): fields apart by commas, quoted where they hold commas, quotes or line ends; CRLF, LF
/// and CR end a line; a byte order mark is skipped, and so are empty lines.
struct CSVRecords: Sequence, IteratorProtocol {
    struct Record {
        /// From 1; where the record begins.
        let line: Int
        var fields: [String]
        /// The text ended within quotes.
        var isUnterminated = false
    }

    private let bytes: [UInt8]
    private var position: Int
    private var line = 1

    init(_ text: String) {
        bytes = Array(text.utf8)
        position = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    }

    mutating func next() -> Record? {
        while position < bytes.count {
            let record = read()
            if record.fields != [""] || record.isUnterminated { return record }
        }
        return nil
    }

    private mutating func read() -> Record {
        var record = Record(line: line, fields: [])
        var field: [UInt8] = []
        var isQuoted = false
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\"") where isQuoted:
                if position < bytes.count, bytes[position] == byte {
                    field.append(byte)
                    position += 1
                } else {
                    isQuoted = false
                }
            case UInt8(ascii: "\"") where field.isEmpty: isQuoted = true
            case UInt8(ascii: ",") where !isQuoted:
                record.fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll()
            case UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                if byte == UInt8(ascii: "\r"), position < bytes.count, bytes[position] == UInt8(ascii: "\n") {
                    position += 1
                }
                line += 1
                guard isQuoted else {
                    record.fields.append(String(decoding: field, as: UTF8.self))
                    return record
                }
                field.append(UInt8(ascii: "\n"))
            default: field.append(byte)
            }
        }
        record.fields.append(String(decoding: field, as: UTF8.self))
        record.isUnterminated = isQuoted
        return record
    }
}
