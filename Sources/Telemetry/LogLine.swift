/// One line before it has a format.
struct LogLine {
    let level: Log.Level
    let message: StaticString
    let metadata: Log.Metadata
    /// How many like it were held back before it.
    let repeated: Int

    /// The line with its end, ready for one write.
    func bytes(_ format: Log.Format, isColoured: Bool) -> [UInt8] {
        let time = Timestamp.iso8601(Timestamp.now())
        switch format {
        case .json:
            var json = JSONWriter()
            json.object { json in
                json.member("ts", time)
                json.member("level", level.name)
                json.member("message", "\(message)")
                for (key, value) in metadata { json.member("\(key)", Self.cut(value)) }
                if repeated > 0 { json.member("log.repeated", repeated) }
            }
            return json.bytes + [0x0a]
        case .text:
            let name = level.name.uppercased()
            let padding = String(repeating: " ", count: 7 - name.count)
            var line = "\(time) \(isColoured ? colour + name + "\u{1b}[0m" : name)\(padding) \(message)"
            for (key, value) in metadata { line += " \(key)=\(Self.escaped(Self.cut(value)))" }
            if repeated > 0 { line += " log.repeated=\(repeated)" }
            return Array((line + "\n").utf8)
        }
    }

    /// At most 1,000 characters of a value: a line stays a line, and below what a pipe takes at once.
    private static func cut(_ value: String) -> String {
        value.utf8.count <= 1_000 ? value : String(String.UnicodeScalarView(value.unicodeScalars.prefix(1_000))) + "…"
    }

    private var colour: String {
        switch level {
        case .debug: "\u{1b}[2m"
        case .info: "\u{1b}[32m"
        case .warning: "\u{1b}[33m"
        case .error: "\u{1b}[31m"
        }
    }

    /// A value that cannot end its line, forge another, or send a terminal a command: control characters (C1 and the
    /// marks that turn the direction of text too) are written as escapes; what holds a space is quoted.
    static func escaped(_ value: String) -> String {
        var text = ""
        var needsQuotes = value.isEmpty
        for scalar in value.unicodeScalars {
            switch scalar.value {
            case 0x0a: text += "\\n"
            case 0x0d: text += "\\r"
            case 0x09: text += "\\t"
            case 0..<0x20, 0x7f..<0xa0, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            case 0x22, 0x5c:
                text += "\\" + String(scalar)
                needsQuotes = true
            case 0x20, 0x3d:
                text += String(scalar)
                needsQuotes = true
            default: text += String(scalar)
            }
        }
        return needsQuotes ? "\"\(text)\"" : text
    }
}
