import Foundation
import TestRigs

/// Asks a Redis one command after the other; what a test compares the router's work with.
final class RedisAsker {
    private let socket: RedisSocket
    private var parser = RedisParser()

    init(_ server: RedisServer) throws { socket = try RedisSocket(port: server.port) }

    @discardableResult func ask(_ words: String...) throws -> RedisReply {
        socket.send(Self.command(words))
        while true {
            if let reply = parser.next() { return reply }
            let bytes = socket.receive()
            if bytes.isEmpty { throw NeverHappened(description: "Redis answered \(words.joined(separator: " "))") }
            parser.append(bytes)
        }
    }

    static func command(_ words: [String]) -> [UInt8] {
        Array("*\(words.count)\r\n".utf8) + words.flatMap { Array("$\($0.utf8.count)\r\n\($0)\r\n".utf8) }
    }

    func length(ofStream key: String) throws -> Int {
        if case .integer(let count) = try ask("XLEN", key) { Int(count) } else { -1 }
    }

    struct Entry {
        let identifier: String
        /// The field names and values, in order.
        let fields: [[UInt8]]
        var payload: [UInt8] { fields.count == 2 ? fields[1] : [] }
    }

    /// All entries of a stream, in its order.
    func entries(ofStream key: String) throws -> [Entry] {
        var entries: [Entry] = []
        while true {
            let from = entries.last.map { "(" + $0.identifier } ?? "-"
            let page = try ask("XRANGE", key, from, "+", "COUNT", "5000").elements
            if page.isEmpty { return entries }
            entries += page.map { entry in
                Entry(
                    identifier: entry.elements[0].string ?? "",
                    fields: entry.elements[1].elements.map { $0.bytes ?? [] })
            }
        }
    }
}
