import MarketData
import Records
import TestRigs

@testable import Persister

/// One member's consumer, in memory. Keeps a real one's rules: a handle is given back exactly once, a position outside
/// the log goes to the log's start, nothing comes of a partition that was given back.
@safe final class SimulatedMember: PositionedSource {
    private struct Held {
        let source: SourcePartition
        var next: Int64
        var creation: Int
        var isPaused = false
    }

    private let cluster: SimulatedCluster
    private var random: SeededRandom
    private var held: [Int32: Held] = [:]
    private var nextSlot: Int32 = 0
    private var open: Set<OpaquePointer> = unsafe []
    var events: [SourceEvent] = []
    var mistakes: [String] = []
    var revoked: [Int32] = []
    var answersStanding = SourceStanding.member
    var isFailing = false
    /// How often a log's limits were asked for and could not be told.
    private(set) var unknownLimits = 0

    struct Unreachable: Error {}

    init(_ cluster: SimulatedCluster, _ random: SeededRandom) {
        self.cluster = cluster
        self.random = random
    }

    var readiness: Int32 { -1 }
    var hasMore: Bool { true }
    var isJoined: Bool { true }
    var openHandles: Int { unsafe open.count }
    var sources: [SourcePartition] { held.values.map(\.source) }
    /// The newest: an older one may still wait to hear that it is lost.
    func slot(of source: SourcePartition) -> Int32? { held.filter { $0.value.source == source }.keys.max() }
    /// Where it would read on; what the library notices when a log ends before it.
    func position(of source: SourcePartition) -> Int64? { held.values.first { $0.source == source }?.next }
    func tend() {}
    func standing() -> SourceStanding { answersStanding }

    func take(into records: UnsafeMutablePointer<Record>, limit: Int) -> Int {
        var count = 0
        if let endless = cluster.endless, let slot = slot(of: endless.source) {
            let entry = SimulatedCluster.Entry(
                number: 0, timestamp: 1_700_000_050_000, value: endless.value, isUsable: true)
            while count < limit, !held[slot]!.isPaused {
                unsafe (records + count).initialize(to: record(entry, slot: slot, offset: held[slot]!.next))
                held[slot]!.next += 1
                count += 1
            }
            return count
        }
        for slot in held.keys.sorted() where !cluster.leaderless.contains(held[slot]!.source) {
            let wanted = Int.random(in: 0...8, using: &random)
            for _ in 0..<wanted where count < limit && !held[slot]!.isPaused {
                let log = cluster.logs[held[slot]!.source]!
                if held[slot]!.next < log.start || held[slot]!.next > log.end { held[slot]!.next = log.start }
                guard held[slot]!.next < log.end else { break }
                let entry = log.records[Int(held[slot]!.next - log.start)]
                unsafe (records + count).initialize(to: record(entry, slot: slot, offset: held[slot]!.next))
                held[slot]!.next += 1
                count += 1
            }
        }
        return count
    }

    private func record(_ entry: SimulatedCluster.Entry, slot: Int32, offset: Int64) -> Record {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: entry.value.count + 8, alignment: 8)
        unsafe block.storeBytes(of: Int64(entry.value.count), as: Int64.self)
        unsafe UnsafeMutableRawBufferPointer(rebasing: block[8...]).copyBytes(from: entry.value)
        let handle = OpaquePointer(block.baseAddress!)
        unsafe open.insert(handle)
        return unsafe Record(
            kind: .record, slot: slot, offset: offset, timestamp: entry.timestamp, key: nil,
            value: UnsafeRawBufferPointer(rebasing: block[8...]), handle: handle)
    }

    func release(_ handles: UnsafePointer<OpaquePointer>, count: Int) {
        for index in 0..<count {
            guard unsafe open.remove(handles[index]) != nil else {
                mistakes.append("a handle was released twice")
                continue
            }
            unsafe UnsafeMutableRawPointer(handles[index]).deallocate()
        }
    }

    func contents(of handle: OpaquePointer) -> RecordContents {
        guard unsafe open.contains(handle) else {
            mistakes.append("a released handle was read")
            return RecordContents(key: nil, value: nil, headers: [])
        }
        let start = unsafe UnsafeRawPointer(handle)
        let count = unsafe Int(start.load(as: Int64.self))
        return unsafe RecordContents(
            key: nil, value: [UInt8](UnsafeRawBufferPointer(start: start + 8, count: count)), headers: [])
    }

    /// An assignment or a revocation is answered before the next of them comes.
    private var isUnanswered = false

    func nextEvent() -> SourceEvent? {
        if case .failure? = events.first { return events.removeFirst() }
        guard !events.isEmpty, !isUnanswered else { return nil }
        let event = events.removeFirst()
        // What was given back meanwhile is no slot of ours any more.
        if case .revoking(let slots, let isLost) = event {
            let ours = slots.filter { held[$0] != nil }
            if ours.isEmpty { return nil }
            isUnanswered = true
            return .revoking(ours, isLost: isLost)
        }
        isUnanswered = true
        return event
    }

    func limits(of partitions: [SourcePartition]) throws -> [LogLimits?] {
        if isFailing { throw Unreachable() }
        return partitions.map { source in
            if cluster.leaderless.contains(source) {
                unknownLimits += 1
                return nil
            }
            return LogLimits(start: cluster.logs[source]!.start, end: cluster.logs[source]!.end)
        }
    }

    func assign(_ partitions: [SourcePartition]) throws -> [AssignedPartition] {
        mistakes.append("positions were left to the group")
        return []
    }

    func assign(_ partitions: [SourcePartition], at offsets: [Int64]) throws -> [AssignedPartition] {
        if isFailing { throw Unreachable() }
        isUnanswered = false
        return zip(partitions, offsets).map { source, offset in
            let slot = nextSlot
            nextSlot += 1
            held[slot] = Held(source: source, next: offset, creation: cluster.logs[source]!.creation)
            return AssignedPartition(slot: slot, source: source, position: offset, previous: nil)
        }
    }

    func move(_ slots: [Int32], to offsets: [Int64]) throws {
        if isFailing { throw Unreachable() }
        for (slot, offset) in zip(slots, offsets) {
            if held[slot] == nil { mistakes.append("a partition that is not held was moved") }
            held[slot]?.next = offset
            held[slot]?.isPaused = false
        }
    }

    /// The library has noticed that its position lies outside the log.
    func goBack(in source: SourcePartition) {
        if let slot = slot(of: source) { held[slot]!.next = 0 }
    }

    func revoke(_ slots: [Int32], commit: Bool) {
        isUnanswered = false
        for slot in slots { if held.removeValue(forKey: slot) != nil { revoked.append(slot) } }
    }

    func store(_ slot: Int32, nextOffset: Int64) {
        if held[slot] == nil { mistakes.append("an offset was stored for a partition that is not ours") }
    }

    func commit() -> Bool { true }
    func pause(_ slots: [Int32]) { for slot in slots { held[slot]?.isPaused = true } }
    func resume(_ slots: [Int32]) { for slot in slots { held[slot]?.isPaused = false } }
    func watermarks(_ slot: Int32) -> (low: Int64, high: Int64)? {
        guard let source = held[slot]?.source, !cluster.leaderless.contains(source) else { return nil }
        return (cluster.logs[source]!.start, cluster.logs[source]!.end)
    }
}
