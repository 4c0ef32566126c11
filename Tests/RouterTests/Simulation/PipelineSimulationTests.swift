import Foundation
import MarketData
import Records
import Synchronization
import TestRigs
import Testing

@testable import Router

/// One lane, whole, against a consumer and a Redis in memory, under random faults. A seed is a history: the failing one is
/// in the message, and runs again the same.
@Suite struct PipelineSimulationTests {
    @Test(arguments: seeds(80)) func nothingIsLostReorderedOrStoredTooEarly(seed: UInt64) {
        var simulation = Simulation(seed: seed, sinks: [.publish, .last])
        simulation.run()
        #expect(simulation.complaints.prefix(3) == [], "seed \(seed)")
    }

    @Test(arguments: seeds(50)) func streamHoldsEveryRecordOnceInOrder(seed: UInt64) {
        var simulation = Simulation(seed: seed, sinks: [.publish, .last, .stream])
        simulation.run()
        #expect(simulation.complaints.prefix(3) == [], "seed \(seed)")
    }
}

/// `KLINECAST_TORTURE` multiplies the histories.
private func seeds(_ count: UInt64) -> Range<UInt64> {
    0..<count * (ProcessInfo.processInfo.environment["KLINECAST_TORTURE"].flatMap(UInt64.init) ?? 1)
}

/// Writes dead letters at once, later, or only after a complaint.
final class SimulatedDeadLetters: DeadLetterSink {
    let letters = Mutex<[(letter: DeadLetter, control: PipelineControl)]>([])
    func submit(_ letter: DeadLetter, resultTo control: PipelineControl) {
        letters.withLock { $0.append((letter, control)) }
    }
}

struct Simulation: ~Copyable {
    private var random: SeededRandom
    private let source: SimulatedSource
    private let redis = SimulatedRedis()
    private let letters = SimulatedDeadLetters()
    private let control = PipelineControl()
    private let status = LaneStatus(lane: .market)
    private var pipeline: Pipeline<SimulatedSource, SimulatedRedis>
    private var now = ContinuousClock.now
    private let ledger = Ledger()
    private let sinks: Sinks
    var complaints: [String] { ledger.complaints }

    /// What became of the records, and what was wrong.
    private final class Ledger {
        var letters: [SourcePartition: Set<Int64>] = [:]
        /// Partitions that another member owns for a while, and what was published of them meanwhile.
        var elsewhere: [SourcePartition: Int] = [:]
        var late: [String: Int] = [:]
        var complaints: [String] = []
    }

    init(seed: UInt64, sinks: Sinks) {
        self.sinks = sinks
        random = SeededRandom(seed: seed)
        source = SimulatedSource(random: SeededRandom(seed: seed ^ 0xabcd))
        var settings = PipelineSettings(routes: RouteTable(prefix: "p", legacyChannels: seed % 3 == 0))
        settings.sinks = sinks
        settings.limits = BatchLimits(messages: Self.batchMessages, bytes: 2_000, messageBytes: 400, window: 3)
        pipeline = Pipeline(
            lane: .market, settings: settings, source: source, sink: redis, deadLetters: letters, control: control,
            status: status)
        let timeframes = ["1m", "5m", "1h"]
        for symbol in ["a", "b", "c", "d"] {
            let source = SourcePartition(
                topic: "market.data.\(symbol).\(timeframes.randomElement(using: &random)!)", partition: 0)
            self.source.logs[source] = SimulatedSource.Log()
        }
        redis.forbidden = ["p:market:data:d:1m", "p:market:data:d:5m"]
    }

    mutating func run() {
        source.events.append(.assigning(Array(source.logs.keys)))
        checkStores()
        watchTheFence()
        for _ in 0..<400 {
            disturb()
            moveBack()
            turn()
        }
        settle()
        check()
    }

    private mutating func turn() {
        pipeline.turn(now: now)
        now += .milliseconds(Int.random(in: 0...60, using: &random))
    }

    /// One thing happens, or nothing.
    private mutating func disturb() {
        switch Int.random(in: 0..<40, using: &random) {
        case 0..<20: produce()
        case 20..<22: redis.cut("cut", now: now)
        case 22: redis.restartEmpty(now: now)
        case 23..<26: redis.writeLimit = Int.random(in: 1...700, using: &random)
        case 26..<28: redis.writeLimit = Int.max
        case 28..<30: redis.readLimit = Int.random(in: 0...5, using: &random)
        case 30: redis.isBusy = true
        case 31: redis.nextErrors = Array(repeating: "OOM no memory", count: Int.random(in: 1...4, using: &random))
        case 32..<36: writeLetters()
        case 36: moveAway(isLost: false)
        case 37: moveAway(isLost: true)
        default: break
        }
    }

    private mutating func produce() {
        let topic = source.logs.keys.sorted { $0.topic < $1.topic }.randomElement(using: &random)!
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let offset = source.logs[topic]!.values.count
            let value: [UInt8]? =
                switch Int.random(in: 0..<20, using: &random) {
                case 0: nil
                case 1: Array("[1,2]".utf8)
                case 2: Array("{\"x\":\"\(String(repeating: "y", count: 500))\"}".utf8)
                default: Array("{\"n\":\(offset)}".utf8)
                }
            source.logs[topic]!.values.append(value)
        }
    }

    private mutating func writeLetters() {
        let waiting = letters.letters.withLock { list in
            defer { list.removeAll() }
            return list
        }
        for (letter, control) in waiting {
            if Int.random(in: 0..<4, using: &random) == 0 {
                control.post(DeadLetterResult(ticket: letter.ticket, outcome: .delayed("not now")))
                letters.letters.withLock { $0.append((letter, control)) }
            } else {
                ledger.letters[letter.source, default: []].insert(letter.offset)
                control.post(DeadLetterResult(ticket: letter.ticket, outcome: .written))
            }
        }
    }

    /// The group takes one partition and gives it back some turns later: another member in between has done nothing.
    private mutating func moveAway(isLost: Bool) {
        let held = source.logs.filter { $0.value.slot != nil }.sorted { $0.key.topic < $1.key.topic }
        guard source.events.isEmpty, let (_, log) = held.randomElement(using: &random) else { return }
        source.events.append(.revoking([log.slot!], isLost: isLost))
    }

    /// What was away long enough comes back.
    private mutating func moveBack() {
        for (partition, turns) in ledger.elsewhere { ledger.elsewhere[partition] = turns - 1 }
        let back = ledger.elsewhere.filter { $0.value <= 0 }.map(\.key)
        guard !back.isEmpty, source.events.isEmpty else { return }
        for partition in back { ledger.elsewhere[partition] = nil }
        source.events.append(.assigning(back.sorted { $0.topic < $1.topic }))
    }

    /// A partition of another member gets nothing more from us but the rest of a batch that was begun.
    private mutating func watchTheFence() {
        let turns = Int.random(in: 0...30, using: &random)
        source.onRevoked = { [ledger] gone in
            for partition in gone {
                ledger.elsewhere[partition] = turns
                ledger.late[Self.channel(partition)] = 0
            }
        }
        redis.onPublish = { [ledger] channel in
            guard ledger.elsewhere.keys.contains(where: { Self.channel($0) == channel }) else { return }
            ledger.late[channel, default: 0] += 1
            if ledger.late[channel]! > Self.batchMessages {
                ledger.complaints.append("\(channel): published though another member owns it")
            }
        }
    }

    private static let batchMessages = 8
    private static func channel(_ partition: SourcePartition) -> String {
        RouteTable(prefix: "p").route(partition.topic)!.channels[0]
    }

    private mutating func settle() {
        redis.writeLimit = Int.max
        redis.nextErrors = []
        redis.isBusy = false
        for _ in 0..<400 {
            writeLetters()
            moveBack()
            turn()
            now += .milliseconds(200)
        }
    }

    // MARK: The promises

    /// At each store everything before the offset must have been done.
    private func checkStores() {
        source.onStore = { [redis, ledger, unowned source] partition, offset in
            let log = source.logs[partition]!
            let channel = Self.channel(partition)
            let published = Set(redis.publications.filter { $0.channel == channel }.map { Self.offset($0.payload) })
            for done in log.stored..<offset
            where !published.contains(done) && ledger.letters[partition]?.contains(done) != true {
                ledger.complaints.append("\(partition.topic): \(offset) stored before \(done) was done")
            }
        }
    }

    private func check() {
        ledger.complaints += source.mistakes + redis.mistakes
        if source.openHandles != 0 { ledger.complaints.append("\(source.openHandles) handles were not released") }
        for (partition, log) in source.logs {
            if log.stored != Int64(log.values.count) {
                ledger.complaints.append("\(partition.topic): stored \(log.stored) of \(log.values.count)")
            }
            let route = RouteTable(prefix: "p", legacyChannels: false).route(partition.topic)!
            checkPublications(partition, log, channel: route.channels[0])
            if sinks.contains(.stream) { checkStream(partition, log) }
        }
    }

    private func checkPublications(_ partition: SourcePartition, _ log: SimulatedSource.Log, channel: String) {
        let offsets = redis.publications.filter { $0.channel == channel }.map { Self.offset($0.payload) }
        var seen: Set<Int64> = []
        var last: Int64 = -1
        for offset in offsets where seen.insert(offset).inserted {
            if offset < last { ledger.complaints.append("\(channel): \(offset) came first after \(last)") }
            last = offset
        }
        for (offset, value) in log.values.enumerated() {
            let isUsable = value.map { $0.first == UInt8(ascii: "{") && $0.count <= 400 } ?? false
            let isLetter = ledger.letters[partition]?.contains(Int64(offset)) ?? false
            if isUsable && !redis.forbidden.contains(channel) {
                if !seen.contains(Int64(offset)) {
                    ledger.complaints.append("\(channel): \(offset) was never published")
                }
            } else if !isLetter {
                ledger.complaints.append("\(channel): \(offset) is no dead letter")
            }
        }
        if let newest = seen.max(), let value = redis.values["p:last:" + channel.dropFirst(2)],
            Self.offset(value) != newest
        {
            ledger.complaints.append("\(channel): last value is \(Self.offset(value)), not \(newest)")
        }
    }

    private func checkStream(_ partition: SourcePartition, _ log: SimulatedSource.Log) {
        let entries = redis.streams["p:stream:\(partition.topic)"] ?? []
        for (earlier, later) in zip(entries, entries.dropFirst())
        where (later.generation, later.offset) <= (earlier.generation, earlier.offset) {
            ledger.complaints.append("\(partition.topic): stream out of order at \(later.offset)")
        }
    }

    private static func offset(_ payload: String) -> Int64 {
        let object = try? JSONSerialization.jsonObject(with: Data(payload.utf8)) as? [String: Any]
        let routing = object?["_routing"] as? [String: Any]
        return (routing?["offset"] as? NSNumber)?.int64Value ?? -1
    }
}
