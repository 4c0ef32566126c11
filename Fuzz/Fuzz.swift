import Glibc
import MarketData
import Records

@testable import Router

// Coverage-guided fuzzing of what reads bytes from outside on the hot path: the envelope, and the names of topics.
// The first byte picks which. Every property below is checked by something else than the code under test.

private typealias OneInput = @convention(c) (UnsafePointer<UInt8>, Int) -> Int32

/// libFuzzer's loop; it comes with the sanitizer and has no header for Swift.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ oneInput: OneInput
) -> Int32

@main
enum Fuzz {
    static func main() {
        var count = CommandLine.argc
        var arguments = unsafe CommandLine.unsafeArgv
        exit(unsafe runDriver(&count, &arguments) { unsafe check($0, $1) })
    }
}

/// Once an input, on one thread. The name is what the sanitizer's own main, which ours replaces, links against.
@_cdecl("LLVMFuzzerTestOneInput")
public func check(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    guard count > 0 else { return 0 }
    let input = unsafe UnsafeRawBufferPointer(start: bytes + 1, count: count - 1)
    if unsafe bytes[0] % 4 == 0 {
        unsafe FuzzedRoutes.check(String(decoding: input, as: UTF8.self))
    } else {
        unsafe FuzzedEnvelope.shared.check(input)
    }
    return 0
}

/// One encoder for all inputs, as in a lane.
final class FuzzedEnvelope {
    nonisolated(unsafe) static let shared = FuzzedEnvelope()
    private static let limits = BatchLimits(messages: 4, bytes: 64 << 10, messageBytes: 1 << 16, window: 1)
    private var encoder: BatchEncoder
    private var batch = Batch(limits: limits)
    private var partitions = PartitionTable(after: 0)

    private init() {
        let routes = RouteTable(prefix: "p")
        var channels = ChannelTable(prefix: "p", sharded: false, keptLimit: 0)
        let route = routes.route("market.data.x.1m")!
        let place = channels.place(of: route.channels[0])
        encoder = BatchEncoder(
            sinks: [.publish, .last, .stream], hasEnvelope: true, limits: Self.limits, channels: channels)
        let source = SourcePartition(topic: route.topic, partition: 0)
        unsafe partitions.insert(
            Partition(
                source: source, isMarketData: true, isTrade: false, channels: (place, -1),
                templates: PartitionTemplates(source: source, route: route, streamKey: "p:stream:x", streamMaximum: 0),
                epoch: 1, progress: PartitionProgress(position: 0), previous: Partition.unknown,
                generation: .known(1)),
            at: 0)
    }

    /// What is taken becomes one well-formed command whose payload begins with the value's own bytes and is itself taken;
    /// what is refused leaves no command.
    func check(_ value: UnsafeRawBufferPointer) {
        guard let payload = unsafe encode(value) else { return }
        precondition(payload.suffix(2) == Array("}}".utf8), "the envelope ends the object")
        var body = unsafe Array(value)
        while let last = body.last, last != UInt8(ascii: "}") { body.removeLast() }
        precondition(payload.count > body.count, "the envelope adds to the value")
        precondition(Array(payload.prefix(body.count - 1)) == body.dropLast(), "the value's own bytes come first")
        let again = unsafe payload.withUnsafeBytes { unsafe encode($0) }
        precondition(again != nil || payload.count > Self.limits.messageBytes, "an envelope is an object, too")
    }

    private func encode(_ value: UnsafeRawBufferPointer) -> [UInt8]? {
        batch.clear()
        encoder.begin(at: 0)
        let record = unsafe Record(
            kind: .record, slot: 0, offset: 7, timestamp: 1, key: nil, value: value, handle: nil)
        let refusal = unsafe encoder.add(record, of: partitions[0]!, generation: 1, to: &batch)
        encoder.seal(&batch)
        guard refusal == nil else {
            precondition(batch.commandCount == 0, "a refused record has no command")
            return nil
        }
        precondition(batch.commandCount == 3, "SET, XADD and PUBLISH")
        // *3, $3, SET, $n, the key, $length: the payload begins behind the sixth line end and has that length.
        let set = unsafe [UInt8](UnsafeRawBufferPointer(start: batch.prologue, count: batch.prologueCount))
        let lines = set.split(separator: UInt8(ascii: "\n"), maxSplits: 6, omittingEmptySubsequences: false)
        let length = Int(String(decoding: lines[5].dropFirst().dropLast(), as: UTF8.self))
        precondition(length.map { $0 + 2 } == lines[6].count, "the length is the payload's")
        return Array(lines[6].dropLast(2))
    }
}

enum FuzzedRoutes {
    /// The table and the subscription agree on every name, as the C library's regular expressions see it, which Kafka's
    /// client uses.
    static func check(_ topic: String) {
        let table = RouteTable(prefix: "p")
        let route = table.route(topic)
        if let route {
            precondition(!topic.hasSuffix(".dlq"), "a dead letter is never routed")
            precondition(route.channels.allSatisfy { $0.hasPrefix("p:") }, "a channel has the prefix")
        }
        // `market.data.dlq` reads as a legacy topic: the consumer leaves out what ends like that (`topic.blacklist`).
        guard !topic.contains("\0"), topic.hasPrefix("market.data."), !topic.hasSuffix(".dlq") else { return }
        var expression = unsafe regex_t()
        let compiled = unsafe regcomp(&expression, table.subscription(.market)[0], REG_EXTENDED | REG_NOSUB)
        precondition(compiled == 0, "the subscription is a POSIX expression")
        defer { unsafe regfree(&expression) }
        let isSubscribed = unsafe regexec(&expression, topic, 0, nil, 0) == 0
        // A symbol may be 32 bytes long; the expression leaves that to the table, which makes it a dead letter.
        if topic.utf8.count < 32 {
            precondition(isSubscribed == (route != nil), "subscribed, but not routed, or the reverse")
        }
    }
}
