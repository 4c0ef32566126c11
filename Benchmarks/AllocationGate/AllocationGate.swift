import CAllocationCounter
import Glibc
import MarketData
import Records
import Router

/// Fails on the first allocation of the hot path in steady state: a lane's turns, from taken records over encoded commands
/// and read answers to released records, with every sink and the envelope; and the persister's, from records to rows.
@main
struct AllocationGate {
    static func main() {
        guard allocation_counter_is_available() else {
            print("allocation gate: malloc is not ours (a sanitizer?), so nothing would be counted")
            exit(1)
        }
        var failed = false
        for (name, sinks, hasEnvelope) in [
            ("publish, no envelope", Sinks.publish, false), ("publish and last", [.publish, .last], true),
            ("publish, last and stream", [.publish, .last, .stream], true),
        ] {
            let (records, allocations) = measure(sinks, hasEnvelope)
            print("allocation gate: \(name): \(allocations) allocations in \(records) records")
            failed = failed || allocations > 0 || records == 0
        }
        let (records, allocations) = CandleDecoding().measure()
        print("allocation gate: candles to rows: \(allocations) allocations in \(records) records")
        exit(failed || allocations > 0 || records == 0 ? 1 : 0)
    }

    private static func measure(_ sinks: Sinks, _ hasEnvelope: Bool) -> (records: Int, allocations: UInt64) {
        var settings = PipelineSettings(routes: RouteTable(prefix: "p"))
        settings.sinks = sinks
        settings.hasEnvelope = hasEnvelope
        let source = EndlessSource()
        let status = LaneStatus(lane: .market)
        var pipeline = Pipeline(
            lane: .market, settings: settings, source: source, sink: ObedientSink(), deadLetters: NoDeadLetters(),
            control: PipelineControl(), status: status)
        var now = ContinuousClock.now
        // Warm: assignment, the first snapshot, arrays at their size. Then turns within one snapshot's interval, since a
        // snapshot is made for other threads a few times a second and does allocate.
        for _ in 0..<300 {
            pipeline.turn(now: now)
            now += .milliseconds(1)
        }
        now += .seconds(2)
        pipeline.turn(now: now)
        pipeline.turn(now: now)
        let before = source.taken
        allocation_counter_start()
        for _ in 0..<150 {
            pipeline.turn(now: now)
            now += .milliseconds(1)
        }
        return (source.taken - before, allocation_counter_stop())
    }
}

final class NoDeadLetters: DeadLetterSink {
    func submit(_ letter: DeadLetter, resultTo control: PipelineControl) {
        preconditionFailure("every record here is good")
    }
}

/// Ten partitions that never end, all of one candle.
@safe final class EndlessSource: RecordSource {
    private let value: UnsafeRawBufferPointer
    private var offsets: [Int64] = Array(repeating: 0, count: 10)
    private var isAssigned = false
    private(set) var taken = 0

    init() {
        let text = Array(
            #"{"symbol":"BTCUSDT","timeframe":"1m","time":1726000000000,"open":1.0,"close":2.5,"is_closed":true}"#.utf8)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 8)
        unsafe copy.copyBytes(from: text)
        unsafe value = UnsafeRawBufferPointer(copy)
    }

    deinit { unsafe value.deallocate() }

    var readiness: Int32 { -1 }
    var hasMore: Bool { true }
    var isJoined: Bool { true }
    func tend() {}

    func take(into records: UnsafeMutablePointer<Record>, limit: Int) -> Int {
        guard isAssigned else { return 0 }
        for index in 0..<limit {
            let slot = index % offsets.count
            unsafe (records + index).initialize(
                to: Record(
                    kind: .record, slot: Int32(slot), offset: offsets[slot], timestamp: 1, key: nil, value: value,
                    handle: nil))
            offsets[slot] += 1
        }
        taken += limit
        return limit
    }

    func release(_ handles: UnsafePointer<OpaquePointer>, count: Int) {}
    func contents(of handle: OpaquePointer) -> RecordContents { RecordContents(key: nil, value: nil, headers: []) }

    func nextEvent() -> SourceEvent? {
        guard !isAssigned else { return nil }
        isAssigned = true
        return .assigning((0..<10).map { SourcePartition(topic: "market.data.s\($0).1m", partition: 0) })
    }

    func assign(_ partitions: [SourcePartition]) -> [AssignedPartition] {
        partitions.enumerated().map { AssignedPartition(slot: Int32($0), source: $1, position: 0, previous: nil) }
    }

    func revoke(_ slots: [Int32], commit: Bool) {}
    func store(_ slot: Int32, nextOffset: Int64) {}
    func commit() -> Bool { true }
    func pause(_ slots: [Int32]) {}
    func resume(_ slots: [Int32]) {}
    func watermarks(_ slot: Int32) -> (low: Int64, high: Int64)? { nil }
}

/// Takes every byte and answers every command at once: the kind of answer is read off the command's first letter.
@safe final class ObedientSink: RecordSink {
    private let kinds = UnsafeMutablePointer<SinkReply.Kind>.allocate(capacity: 1 << 16)
    private var count = 0
    private var next = 0

    deinit { unsafe kinds.deallocate() }

    var descriptor: Int32 { -1 }
    var wantsWrite: Bool { false }
    var generation: UInt64 { 1 }
    var isReady: Bool { true }
    var nextDeadline: ContinuousClock.Instant? { nil }
    var serverRun: String { "run" }
    var lastAnswer: ContinuousClock.Instant? { nil }
    var failureSentence: String? { nil }
    var replyText: String { "" }
    func advance(now: ContinuousClock.Instant) {}
    func classifyReplyText() -> SinkRefusal { .transient }
    func fail(_ reason: String, now: ContinuousClock.Instant) { preconditionFailure(reason) }
    func close() {}

    func write(_ bytes: UnsafeRawBufferPointer, commands: Int, now: ContinuousClock.Instant) -> Int {
        var place = 0
        while place < bytes.count {
            place = unsafe note(bytes, from: place)
        }
        return bytes.count
    }

    /// Notes the command that begins at `place`; where the next one begins.
    private func note(_ bytes: UnsafeRawBufferPointer, from place: Int) -> Int {
        var place = place
        let arguments = unsafe number(bytes, &place)
        for index in 0..<arguments {
            let length = unsafe number(bytes, &place)
            if index == 0 {
                unsafe kinds[count] = kind(of: bytes[place], bytes[place + 1])
                count += 1
            }
            place += length + 2
        }
        return place
    }

    /// PUBLISH, SET, XADD or XREVRANGE.
    private func kind(of first: UInt8, _ second: UInt8) -> SinkReply.Kind {
        switch (first, second) {
        case (UInt8(ascii: "P"), _): .integer
        case (UInt8(ascii: "S"), _): .status
        case (_, UInt8(ascii: "A")): .text
        default: .null
        }
    }

    /// The number behind `*` or `$`, and past its line end.
    private func number(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> Int {
        var value = 0
        place += 1
        while unsafe bytes[place] != 13 {
            unsafe value = value * 10 + Int(bytes[place] - 48)
            place += 1
        }
        place += 2
        return value
    }

    func replies(into replies: UnsafeMutablePointer<SinkReply>, capacity: Int, now: ContinuousClock.Instant) -> Int {
        let handed = min(capacity, count - next)
        for index in 0..<handed { unsafe replies[index] = SinkReply(kind: kinds[next + index], integer: 1) }
        next += handed
        if next == count { (next, count) = (0, 0) }
        return handed
    }
}
