import Foundation
import Synchronization
import TestRigs

/// A subscriber on a thread of its own: raw protocol, every message with its moment.
final class Subscriber: Sendable {
    struct Received: Sendable {
        let channel: String
        let payload: [UInt8]
        let time: ContinuousClock.Instant
    }

    private struct State {
        var received: [Received] = []
        var socket: RedisSocket?
        var confirmed = 0
        var connections = 0
        var isEnded = false
    }

    private let state = Mutex(State())
    private let port: UInt16
    private let channels: [String]
    private let password: String?
    private let reconnects: Bool
    private let ended = DispatchSemaphore(value: 0)

    /// Returns once every channel's subscription is confirmed.
    /// - Parameter reconnects: comes back after the server's end, as often as needed.
    init(_ server: RedisServer, _ channels: [String], password: String? = nil, reconnects: Bool = false) throws {
        port = server.port
        self.channels = channels
        self.password = password
        self.reconnects = reconnects
        let thread = Thread { [self] in
            run()
            ended.signal()
        }
        thread.name = "subscriber"
        thread.start()
        try eventually("the subscription is confirmed") { isSubscribed }
    }

    /// Ends the thread. A test calls it before its end: the thread holds its owner.
    func end() {
        let socket = state.withLock { state in
            state.isEnded = true
            return state.socket
        }
        socket?.cut()
        ended.wait()
    }

    var isSubscribed: Bool { state.withLock { $0.confirmed == channels.count } }
    var connections: Int { state.withLock { $0.connections } }
    var count: Int { state.withLock { $0.received.count } }
    var received: [Received] { state.withLock { $0.received } }
    func received(on channel: String) -> [Received] { received.filter { $0.channel == channel } }
    var newest: Received? { state.withLock { $0.received.last } }

    /// Waits until it has received that many messages, duplicates included.
    func wait(for count: Int, within limit: Duration = .seconds(60)) throws {
        do {
            try eventually("\(count) messages at the subscriber", within: limit) { self.count >= count }
        } catch {
            throw NeverHappened(description: "\(error); there are \(self.count)")
        }
    }

    private func run() {
        repeat {
            guard let socket = try? RedisSocket(port: port, patience: .seconds(600)) else {
                usleep(5_000)
                continue
            }
            let goes = state.withLock { state in
                state.socket = socket
                state.connections += 1
                return !state.isEnded
            }
            guard goes else { return }
            if let password { socket.send(RedisAsker.command(["AUTH", password])) }
            socket.send(RedisAsker.command(["SUBSCRIBE"] + channels))
            listen(on: socket)
            state.withLock { state in
                state.confirmed = 0
                state.socket = nil
            }
        } while reconnects && !state.withLock { $0.isEnded }
    }

    private func listen(on socket: RedisSocket) {
        var parser = RedisParser()
        while true {
            let bytes = socket.receive()
            if bytes.isEmpty { return }
            let now = ContinuousClock.now
            parser.append(bytes)
            var messages: [Received] = []
            var confirmed = 0
            while let push = parser.next() {
                let words = push.elements
                switch words.first?.string {
                case "message":
                    messages.append(Received(channel: words[1].string ?? "", payload: words[2].bytes ?? [], time: now))
                case "subscribe": confirmed += 1
                default: break
                }
            }
            state.withLock { state in
                state.received += messages
                state.confirmed += confirmed
            }
        }
    }
}

/// What a subscriber reads out of one message to follow its partition.
struct Sighting: Sendable {
    struct Place: Hashable, Sendable {
        let topic: String
        let partition: Int64
    }

    let place: Place
    let offset: Int64
    let previous: Int64?
    let timestamp: Int64
    /// The test's own number of the message, its member `n`.
    let number: Int

    /// `nil` for a payload without the envelope.
    init?(_ payload: [UInt8]) {
        guard let start = Self.find("\"_routing\":{\"source_topic\":\"", in: payload, from: max(0, payload.count - 600))
        else { return nil }
        let end = payload[start...].firstIndex(of: UInt8(ascii: "\"")) ?? payload.endIndex
        let topic = String(decoding: payload[start..<end], as: UTF8.self)
        func number(_ name: String, from: Int) -> Int64? {
            guard let at = Self.find("\"\(name)\":", in: payload, from: from) else { return nil }
            let digits = payload[at...].prefix { $0 == UInt8(ascii: "-") || (48...57).contains($0) }
            return Int64(String(decoding: digits, as: UTF8.self))
        }
        guard let partition = number("partition", from: end), let offset = number("offset", from: end) else {
            return nil
        }
        place = Place(topic: topic, partition: partition)
        self.offset = offset
        previous = number("previous", from: end)
        timestamp = number("timestamp", from: end) ?? -1
        self.number = number("n", from: 0).map(Int.init) ?? -1
    }

    private static func find(_ text: String, in payload: [UInt8], from: Int) -> Int? {
        let needle = Array(text.utf8)
        return unsafe payload.withUnsafeBytes { payload in
            var at = from
            while at + needle.count <= payload.count,
                let found = unsafe memchr(payload.baseAddress! + at, Int32(needle[0]), payload.count - at)
            {
                at = unsafe payload.baseAddress!.distance(to: UnsafeRawPointer(found))
                guard at + needle.count <= payload.count else { return nil }
                if unsafe memcmp(found, needle, needle.count) == 0 { return at + needle.count }
                at += 1
            }
            return nil
        }
    }
}

/// The subscriber's algorithm of the contract, a second time: what it saw, what came twice, what it knows it missed.
struct SubscriberSequence {
    private var last: [Sighting.Place: (offset: Int64, timestamp: Int64)] = [:]
    private(set) var seen: [Sighting.Place: [Int64]] = [:]
    private(set) var duplicates = 0
    private(set) var missed: [Sighting.Place: [ClosedRange<Int64>]] = [:]
    private(set) var createdAnew = 0

    init(_ sightings: some Sequence<Sighting> = []) { for sighting in sightings { follow(sighting) } }

    mutating func follow(_ sighting: Sighting) {
        if let (offset, timestamp) = last[sighting.place] {
            if sighting.offset <= offset {
                guard sighting.timestamp > timestamp else {
                    duplicates += 1
                    return
                }
                createdAnew += 1
            } else if let previous = sighting.previous, previous > offset {
                missed[sighting.place, default: []].append(offset + 1...previous)
            }
        }
        seen[sighting.place, default: []].append(sighting.offset)
        last[sighting.place] = (sighting.offset, sighting.timestamp)
    }

    /// Offsets that it knows it missed.
    func missedOffsets(_ place: Sighting.Place) -> Set<Int64> { Set((missed[place] ?? []).flatMap { Array($0) }) }
}
