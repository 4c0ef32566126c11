import Kafka
import Records
import Storage
import Telemetry

/// A dead letter as `dlq` shows it, wherever it is kept.
struct ShownLetter {
    /// What names it on a command line: the table's id, or `TOPIC/PARTITION/OFFSET` of the dead-letter topic.
    let name: String
    let stage: String
    let source: SourcePartition
    /// Of the source record; `nil` when a foreign letter has no such header.
    let offset: Int64?
    /// The record's own time, ms since 1970; -1 when it had none.
    let timestamp: Int64
    let key: [UInt8]?
    let value: [UInt8]?
    let reason: String
    let detail: String
    /// When it was given up, ISO 8601.
    let since: String
    /// What only the table knows.
    let row: Row?

    struct Row {
        let generation: Int64
        /// The first time, and each replay that failed.
        let attempts: Int64
        let replayedAt: Int64?
    }
}

extension ShownLetter {
    init(_ letter: StoredDeadLetter) {
        name = "\(letter.id)"
        stage = DeadLetter.Stage.persist.rawValue
        source = letter.source
        offset = letter.offset
        timestamp = letter.timestamp
        key = letter.key
        value = letter.value
        reason = letter.reason
        detail = letter.detail
        since = Timestamp.iso8601(letter.firstSeen)
        row = Row(generation: letter.generation, attempts: letter.attempts, replayedAt: letter.replayedAt)
    }

    /// From the headers that the writer of dead letters sets; a header of the record's own with the same name comes first,
    /// so the last one counts.
    init(_ entry: LogReader.Entry) {
        func header(_ name: String) -> String? {
            entry.contents.headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
        }
        name = "\(entry.source.topic)/\(entry.source.partition)/\(entry.offset)"
        stage = header(DeadLetterWriter.Header.stage) ?? ""
        source = SourcePartition(
            topic: header(DeadLetterWriter.Header.topic) ?? "",
            partition: header(DeadLetterWriter.Header.partition).flatMap { Int32($0) } ?? -1)
        offset = header(DeadLetterWriter.Header.offset).flatMap { Int64($0) }
        timestamp = entry.timestamp
        key = entry.contents.key
        value = entry.contents.value
        reason = header(DeadLetterWriter.Header.reason) ?? ""
        detail = header(DeadLetterWriter.Header.detail) ?? ""
        since = header(DeadLetterWriter.Header.time) ?? ""
        row = nil
    }
}

// MARK: Spelling

extension ShownLetter {
    static let columns: [TextTable.Column] = [
        .text("letter"), .text("stage"), .text("topic"), .number("partition"), .number("offset"), .text("reason"),
        .text("since"), .text("replayed"), .text("detail"),
    ]

    /// The cells of `columns`.
    var cells: [String] {
        let replayed =
            row.map { row in row.replayedAt.map { TimeArgument.text($0) } ?? (row.attempts > 1 ? "failed" : "no") }
            ?? ""
        return [
            name, Terminal.plain(stage), Terminal.plain(source.topic), "\(source.partition)",
            offset.map { "\($0)" } ?? "", Terminal.plain(reason), Terminal.plain(since), replayed,
            Terminal.plain(detail),
        ]
    }

    /// Everything, the value's bytes last.
    var sheet: String {
        var lines = [
            "letter      \(name)",
            "stage       \(Terminal.plain(stage))",
            "topic       \(Terminal.plain(source.topic))",
            "partition   \(source.partition)",
            "offset      \(offset.map { "\($0)" } ?? "unknown")",
        ]
        if let row { lines.append("generation  \(row.generation)") }
        lines += [
            "time        \(timestamp < 0 ? "none" : Timestamp.iso8601(timestamp))",
            "reason      \(Terminal.plain(reason))",
            "detail      \(Self.readable(Array(detail.utf8)).text)",
            "since       \(Terminal.plain(since))",
        ]
        if let row {
            lines.append("attempts    \(row.attempts)")
            lines.append("replayed    \(row.replayedAt.map(Timestamp.iso8601) ?? "no")")
        }
        lines.append("key         \(key.map { Self.readable($0).text } ?? "null")")
        guard let value else { return (lines + ["value       null", ""]).joined(separator: "\n") }
        let shown = Self.readable(value)
        let form = shown.isText ? "" : ", not text: hexadecimal"
        return (lines + ["value       \(Terminal.grouped(value.count)) bytes\(form)", shown.text, ""])
            .joined(separator: "\n")
    }

    /// Bytes as text where they are UTF-8 that a terminal can show, else in hexadecimal, 32 to a line.
    static func readable(_ bytes: [UInt8]) -> (text: String, isText: Bool) {
        let isClean = !bytes.contains { ($0 < 0x20 && $0 != 0x09 && $0 != 0x0a && $0 != 0x0d) || $0 == 0x7f }
        if isClean, let text = String(validating: bytes, as: UTF8.self),
            // C1 controls, which some terminals obey.
            !text.unicodeScalars.contains(where: { (0x80...0x9f).contains($0.value) })
        {
            return (text, true)
        }
        return (hexadecimal(bytes, lineLength: 32), false)
    }

    private static func hexadecimal(_ bytes: [UInt8], lineLength: Int) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2 + bytes.count / lineLength)
        for (place, byte) in bytes.enumerated() {
            if place > 0, place % lineLength == 0 { text.append(0x0a) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// One object. `key` and `value` are texts where they are UTF-8; else null, and their bytes stand in `key_hex` and
    /// `value_hex`.
    func write(_ json: inout JSONWriter) {
        json.object { json in
            if let row, let id = Int64(name) {
                json.member("id", id)
                json.member("generation", row.generation)
                json.member("attempts", row.attempts)
                json.member("replayed_at", row.replayedAt.map(Timestamp.iso8601))
            } else {
                json.member("letter", name)
            }
            json.member("stage", stage)
            json.member("topic", source.topic)
            json.member("partition", source.partition)
            json.member("offset", offset)
            json.member("timestamp", timestamp < 0 ? nil : timestamp)
            json.member("reason", reason)
            json.member("detail", detail)
            json.member("first_seen", since)
            Self.write("key", key, &json)
            Self.write("value", value, &json)
        }
    }

    private static func write(_ name: String, _ bytes: [UInt8]?, _ json: inout JSONWriter) {
        let text = bytes.flatMap { String(validating: $0, as: UTF8.self) }
        json.member(name, text)
        if let bytes, text == nil { json.member("\(name)_hex", hexadecimal(bytes, lineLength: .max)) }
    }
}
