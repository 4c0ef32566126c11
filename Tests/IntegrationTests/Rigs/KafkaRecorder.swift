import Foundation
import Synchronization
import TestRigs

/// One message as a subscriber got it.
struct HeardMessage: Sendable {
    let arrival: ContinuousClock.Instant
    let channel: String
    let record: WrittenRecord
    /// Kafka's offset before it, as the envelope says; nil for null.
    let previous: Int64?
    let timestamp: Int64
}

/// Subscribes to the channels of a Redis that hold a test's name, and forgets nothing: each PUBLISH with its moment, in
/// order. Not to all: the trade topics of a shared Kafka are everybody's. The server must not limit a subscriber's buffer.
final class KafkaRecorder: Sendable {
    private struct Raw {
        let arrival: ContinuousClock.Instant
        let channel: String
        let payload: [UInt8]
    }
    private final class Storage: Sendable {
        let raw = Mutex<[Raw]>([])
        let isSubscribed = DispatchSemaphore(value: 0)
        let ponged = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)
    }
    private let descriptor: Int32
    private let storage = Storage()
    private let decoded = Mutex<[HeardMessage]>([])

    init(port: UInt16, channelsWith name: String) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let answer = unsafe LocalSocket.withAddress(port) { unsafe connect(descriptor, $0, $1) }
        guard answer == 0 else { throw NeverHappened(description: "connected to Redis on \(port)") }
        let command = Array("PSUBSCRIBE *\(name)*\r\n".utf8)
        _ = unsafe send(descriptor, command, command.count, 0)
        self.descriptor = descriptor
        let storage = storage
        Thread.detachNewThread { Self.read(descriptor, into: storage) }
        storage.isSubscribed.wait()
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        storage.ended.wait()
        close(descriptor)
    }

    private static func read(_ descriptor: Int32, into storage: Storage) {
        defer { storage.ended.signal() }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        var isFirst = true
        while true {
            let count = unsafe recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { break }
            let now = ContinuousClock.now
            bytes += piece[..<count]
            var at = 0
            var found: [Raw] = []
            var pongs = 0
            while let (end, words) = message(bytes, at) {
                at = end
                if isFirst {
                    isFirst = false
                    storage.isSubscribed.signal()
                } else if words.count == 2 {
                    pongs += 1
                } else if words.count == 4 {
                    found.append(
                        Raw(arrival: now, channel: String(decoding: words[2], as: UTF8.self), payload: Array(words[3])))
                }
            }
            bytes.removeFirst(at)
            if !found.isEmpty { storage.raw.withLock { $0 += found } }
            for _ in 0..<pongs { storage.ponged.signal() }
        }
        if isFirst { storage.isSubscribed.signal() }
    }

    /// One array of strings and numbers at `start`, and where it ends; nil while it is not whole.
    private static func message(_ bytes: [UInt8], _ start: Int) -> (Int, [ArraySlice<UInt8>])? {
        var at = start
        func line() -> ArraySlice<UInt8>? {
            guard let end = bytes[at...].firstIndex(of: 10) else { return nil }
            defer { at = end + 1 }
            return bytes[at..<end - 1]
        }
        func number(_ text: ArraySlice<UInt8>) -> Int { Int(String(decoding: text.dropFirst(), as: UTF8.self)) ?? 0 }
        guard let head = line() else { return nil }
        var words: [ArraySlice<UInt8>] = []
        for _ in 0..<number(head) {
            guard let text = line() else { return nil }
            if text.first == UInt8(ascii: "$") {
                let count = number(text)
                guard at + count + 2 <= bytes.count else { return nil }
                words.append(bytes[at..<at + count])
                at += count + 2
            } else {
                words.append(text)
            }
        }
        return (at, words)
    }

    /// Waits until everything that Redis has taken in from publishers, dead ones too, is here.
    func catchUp() {
        var before = -1
        while count != before {
            before = count
            let command = Array("PING\r\n".utf8)
            _ = unsafe send(descriptor, command, command.count, 0)
            _ = storage.ponged.wait(timeout: .now() + .seconds(10))
        }
    }

    /// How many came so far.
    var count: Int { storage.raw.withLock { $0.count } }

    /// When the first came of those after the first `count`.
    func arrival(after count: Int) -> ContinuousClock.Instant? {
        storage.raw.withLock { $0.count > count ? $0[count].arrival : nil }
    }

    /// Everything that came so far, in order. A message without an envelope breaks the test that sent it.
    var messages: [HeardMessage] {
        decoded.withLock { decoded in
            let new = storage.raw.withLock { Array($0[decoded.count...]) }
            for raw in new {
                guard let message = Self.decode(raw) else {
                    preconditionFailure("no envelope: \(String(decoding: raw.payload, as: UTF8.self))")
                }
                decoded.append(message)
            }
            return decoded
        }
    }

    /// The records that came so far.
    var records: Set<WrittenRecord> { Set(messages.map(\.record)) }

    private static func decode(_ raw: Raw) -> HeardMessage? {
        guard let json = try? JSONSerialization.jsonObject(with: Data(raw.payload)) as? [String: Any],
            let routing = json["_routing"] as? [String: Any], let topic = routing["source_topic"] as? String,
            let partition = routing["partition"] as? NSNumber, let offset = routing["offset"] as? NSNumber
        else { return nil }
        return HeardMessage(
            arrival: raw.arrival, channel: raw.channel,
            record: WrittenRecord(
                place: KafkaPlace(topic: topic, partition: partition.int32Value), offset: offset.int64Value,
                number: (json["number"] as? NSNumber)?.intValue ?? -1),
            previous: (routing["previous"] as? NSNumber)?.int64Value,
            timestamp: (routing["timestamp"] as? NSNumber)?.int64Value ?? -1)
    }
}
