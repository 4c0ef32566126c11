/// The last 32 different errors, for /diagnostic. Any thread; a repeat moves its entry to the end and counts.
package final class ErrorJournal: Sendable {
    package struct Entry: Sendable, Equatable {
        /// One machine word.
        package let code: String
        package let sentence: String
        /// Milliseconds since 1970.
        package let firstSeen: Int64
        package internal(set) var lastSeen: Int64
        package internal(set) var count: Int
    }

    package static let capacity = 32

    private let kept = Locked<[Entry]>([])

    package init() {}

    /// `time` in milliseconds since 1970. The sentence is cut at 500 characters.
    package func record(code: String, _ sentence: String, at time: Int64 = Timestamp.now()) {
        let sentence = String(sentence.prefix(500))
        kept.withLock { kept in
            if let index = kept.firstIndex(where: { $0.code == code && $0.sentence == sentence }) {
                var entry = kept.remove(at: index)
                entry.count += 1
                entry.lastSeen = time
                kept.append(entry)
            } else {
                if kept.count >= Self.capacity { kept.removeFirst() }
                kept.append(Entry(code: code, sentence: sentence, firstSeen: time, lastSeen: time, count: 1))
            }
        }
    }

    /// Oldest first.
    package var entries: [Entry] { kept.withLock { $0 } }

    /// An array, the newest error first.
    package func write(to json: inout JSONWriter) {
        json.array { json in
            for entry in entries.reversed() {
                json.object { json in
                    json.member("code", entry.code)
                    json.member("error", entry.sentence)
                    json.member("count", entry.count)
                    json.member("first_seen", Timestamp.iso8601(entry.firstSeen))
                    json.member("last_seen", Timestamp.iso8601(entry.lastSeen))
                }
            }
        }
    }
}
