import Foundation
import TestRigs

/// Dead letters as Kafka's own console consumer prints them: a reader that shares no code with the writer.
struct RedisDeadLetters {
    let headers: [String: String]
    let key: [UInt8]?
    let value: [UInt8]?

    /// `klinecast.source.offset`; -1 without it.
    var offset: Int { Int(headers["klinecast.source.offset"] ?? "") ?? -1 }

    // Texts that stand in no record of these tests.
    private static let line = "<<END OF RECORD>>\n"
    private static let null = "<<NULL>>"

    /// All records of a topic, once it has `count` of them; what came in the meantime belongs to them.
    static func read(_ topic: String, count: Int, cluster: KafkaCluster? = nil) throws -> [RedisDeadLetters] {
        let cluster = try cluster ?? KafkaCluster.shared()
        // The consumer is told how many there are: how long it takes to find that there is no more is the machine's affair.
        let group = try KafkaGroup(cluster.bootstrap, "dead-letters-\(topic)")
        var extent = 0
        var letters: [RedisDeadLetters] = []
        repeat {
            extent = try eventually("\(count) dead letters are in \(topic)") {
                let extent = try group.extent(of: topic)
                return extent >= count ? extent : nil
            }
            letters = try print(topic, count: extent, cluster)
        } while try group.extent(of: topic) > extent
        return letters
    }

    private static func print(_ topic: String, count: Int, _ cluster: KafkaCluster) throws -> [RedisDeadLetters] {
        var arguments = [
            "--bootstrap-server", cluster.bootstrap, "--topic", topic, "--from-beginning", "--max-messages", "\(count)",
            "--timeout-ms", "60000",
        ]
        for property in [
            "print.headers=true", "print.key=true", "null.literal=\(null)", "line.separator=\(line)",
            "key.separator=<<|>>", "headers.separator=<<,>>",
        ] { arguments += ["--formatter-property", property] }
        let child = try ChildProcess("\(cluster.home)/bin/kafka-console-consumer.sh", arguments)
        child.waitForExit()
        let output = try Data(contentsOf: child.output)
        let letters = split([UInt8](output), Array(line.utf8)).dropLast().map { RedisDeadLetters(parsing: $0) }
        guard letters.count == count else {
            throw NeverHappened(
                description: "\(count) dead letters in \(topic), there are \(letters.count):\n"
                    + String(decoding: output.prefix(2_000), as: UTF8.self))
        }
        return Array(letters)
    }

    private init(parsing record: [UInt8]) {
        let parts = Self.split(record, Array("<<|>>".utf8))
        // What the shell script itself says goes before the first record.
        var text = String(decoding: parts.first ?? [], as: UTF8.self)
        if let newline = text.lastIndex(of: "\n") { text = String(text[text.index(after: newline)...]) }
        var headers: [String: String] = [:]
        for header in Self.split(Array(text.utf8), Array("<<,>>".utf8)) {
            let text = String(decoding: header, as: UTF8.self)
            if let colon = text.firstIndex(of: ":") {
                headers[String(text[..<colon])] = String(text[text.index(after: colon)...])
            }
        }
        self.headers = headers
        func bytes(_ index: Int) -> [UInt8]? {
            parts.count > index && parts[index] != Array(Self.null.utf8) ? parts[index] : nil
        }
        key = bytes(1)
        value = bytes(2)
    }

    private static func split(_ bytes: [UInt8], _ separator: [UInt8]) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var rest = Data(bytes)
        while let range = rest.range(of: Data(separator)) {
            parts.append([UInt8](rest[rest.startIndex..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [[UInt8](rest)]
    }
}
