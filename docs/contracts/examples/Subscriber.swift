// Follows one Redis channel of Klinecast: the last value first, then what comes, and says what is missing.
//
//     swiftc -O -parse-as-library Subscriber.swift -o subscriber
//     ./subscriber CHANNEL [--host 127.0.0.1] [--port 6379] [--count N]
//
// User and password: REDIS_USERNAME, REDIS_PASSWORD. One line each: snapshot, message, duplicate, gap, anew, plain.

import Foundation

/// What went wrong, as a sentence.
struct Failure: Error {
    let sentence: String
}

/// One connection: commands out, replies in, in order.
final class Redis {
    indirect enum Reply {
        case text(String)
        case number(Int)
        case missing
        case list([Reply])
    }

    private let descriptor: Int32
    private var received = [UInt8]()
    private var position = 0

    init(host: String, port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw Failure(sentence: "--host: must be an IPv4 address (got \(host))")
        }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Failure(sentence: "no Redis at \(host):\(port)") }
        let environment = ProcessInfo.processInfo.environment
        if let password = environment["REDIS_PASSWORD"] {
            _ = try call(["AUTH"] + [environment["REDIS_USERNAME"]].compactMap { $0 } + [password])
        }
    }

    deinit { close(descriptor) }

    func call(_ words: [String]) throws -> Reply {
        var frame = Array("*\(words.count)\r\n".utf8)
        for word in words { frame += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        var sent = 0
        while sent < frame.count {
            let count = frame[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress!, $0.count, 0) }
            guard count > 0 else { throw Failure(sentence: "Redis closed the connection") }
            sent += count
        }
        return try read()
    }

    func read() throws -> Reply {
        let line = try line()
        let rest = String(line.dropFirst())
        switch line.first {
        case "-": throw Failure(sentence: rest)
        case ":": return .number(Int(rest) ?? 0)
        case "*": return .list(try (0..<max(0, Int(rest) ?? 0)).map { _ in try read() })
        case "$":
            guard let length = Int(rest), length >= 0 else { return .missing }
            let text = String(decoding: try bytes(length), as: UTF8.self)
            _ = try bytes(2)
            return .text(text)
        default: return .text(rest)
        }
    }

    private func line() throws -> String {
        var bytes = [UInt8]()
        while true {
            let byte = try self.bytes(1)[0]
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes.dropLast(), as: UTF8.self) }
            bytes.append(byte)
        }
    }

    private func bytes(_ count: Int) throws -> [UInt8] {
        while received.count - position < count {
            received.removeFirst(position)
            position = 0
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let length = recv(descriptor, &chunk, chunk.count, 0)
            guard length > 0 else {
                throw Failure(sentence: "Redis closed the connection: connect again and start from the snapshot")
            }
            received += chunk[..<length]
        }
        defer { position += count }
        return Array(received[position..<position + count])
    }
}

/// The part of `_routing` that a subscriber goes by.
struct Routing: Decodable {
    let topic: String
    let partition: Int
    let offset: Int64
    let previous: Int64?
    let timestamp: Int64

    private enum CodingKeys: String, CodingKey {
        case topic = "source_topic"
        case partition, offset, previous, timestamp
    }

    var place: String { "\(topic)/\(partition)" }

    /// The router appends its member at the payload's end, so where the name stands twice the last one is the router's.
    init?(payload: String) {
        guard let name = payload.range(of: "\"_routing\":", options: .backwards),
            let end = payload.lastIndex(of: "}"),
            let routing = try? JSONDecoder().decode(
                Routing.self, from: Data(payload[name.upperBound..<end].utf8))
        else { return nil }
        self = routing
    }
}

/// What was seen last of each source partition, and what a further message tells.
struct Following {
    private var seen: [String: Routing] = [:]

    /// The lines for a message; `kind` is snapshot or message.
    mutating func take(_ payload: String, as kind: String) -> [String] {
        guard let routing = Routing(payload: payload) else { return ["plain"] }
        let place = routing.place
        var lines: [String] = []
        if let last = seen[place] {
            if routing.offset <= last.offset {
                if routing.timestamp <= last.timestamp { return ["duplicate \(place) offset=\(routing.offset)"] }
                lines.append("anew \(place) offset=\(routing.offset)")
            } else if let previous = routing.previous, previous > last.offset {
                // Here a program would GET the last value, or read what is missing from the stream with XRANGE.
                lines.append("gap \(place) after=\(last.offset) previous=\(previous)")
            }
        }
        seen[place] = routing
        return lines + ["\(kind) \(place) offset=\(routing.offset)"]
    }
}

func show(_ lines: [String]) {
    for line in lines { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
}

func follow(_ arguments: [String]) throws {
    var words: [String] = []
    var options: [String: String] = [:]
    var rest = arguments[...]
    while let word = rest.popFirst() {
        if word.hasPrefix("--") { options[word] = rest.popFirst() } else { words.append(word) }
    }
    guard words.count == 1, let channel = words.first, let colon = channel.firstIndex(of: ":") else {
        throw Failure(sentence: "usage: subscriber CHANNEL [--host 127.0.0.1] [--port 6379] [--count N]")
    }
    let host = options["--host"] ?? "127.0.0.1"
    let port = options["--port"].flatMap { UInt16($0) } ?? 6379
    let count = options["--count"].flatMap { Int($0) } ?? Int.max

    let live = try Redis(host: host, port: port)
    let asking = try Redis(host: host, port: port)
    var following = Following()

    // Only after this confirmation does a GET miss nothing: the router writes the last value before it publishes.
    _ = try live.call(["SUBSCRIBE", channel])
    let lastKey = "\(channel[..<colon]):last:\(channel[channel.index(after: colon)...])"
    if case .text(let payload) = try asking.call(["GET", lastKey]) {
        show(following.take(payload, as: "snapshot"))
    }
    var received = 0
    while received < count {
        guard case .list(let parts) = try live.read(), parts.count == 3, case .text("message") = parts[0],
            case .text(let payload) = parts[2]
        else { continue }
        received += 1
        show(following.take(payload, as: "message"))
    }
}

@main
enum Subscriber {
    static func main() {
        do { try follow(Array(CommandLine.arguments.dropFirst())) } catch {
            let sentence = (error as? Failure)?.sentence ?? "\(error)"
            FileHandle.standardError.write(Data("subscriber: \(sentence)\n".utf8))
            exit(1)
        }
    }
}
