import MarketData
import Records
import TestRigs

@testable import Router

/// A consumer group of one member in memory: logs by partition, positions, and what was stored.
///
/// Keeps the rules of a real one: a handle is given back exactly once, a revoked partition takes no offsets, reading
/// after an assignment begins at the stored offset.
@safe final class SimulatedSource: RecordSource {
    struct Log {
        var values: [[UInt8]?] = []
        var stored: Int64 = 0
        var next: Int64 = 0
        var slot: Int32?
        var isPaused = false
    }

    var logs: [SourcePartition: Log] = [:]
    private var bySlot: [Int32: SourcePartition] = [:]
    private var nextSlot: Int32 = 0
    private var open: Set<OpaquePointer> = unsafe []
    var events: [SourceEvent] = []
    private(set) var mistakes: [String] = []
    /// Called at each store, with what the caller may check.
    var onStore: (SourcePartition, Int64) -> Void = { _, _ in }
    var onRevoked: ([SourcePartition]) -> Void = { _ in }
    private var random: SeededRandom

    init(random: SeededRandom) { self.random = random }

    var readiness: Int32 { -1 }
    var hasMore: Bool { logs.values.contains { $0.slot != nil && !$0.isPaused && $0.next < $0.values.count } }
    var isJoined: Bool { true }
    var openHandles: Int { unsafe open.count }
    func tend() {}

    func take(into records: UnsafeMutablePointer<Record>, limit: Int) -> Int {
        var count = 0
        let wanted = Int.random(in: 1...max(1, limit), using: &random)
        for source in logs.keys.sorted(by: { $0.topic < $1.topic }) {
            while count < wanted, let log = logs[source], let slot = log.slot, !log.isPaused,
                log.next < log.values.count
            {
                unsafe (records + count).initialize(to: record(log.values[Int(log.next)], slot: slot, offset: log.next))
                logs[source]!.next += 1
                count += 1
                if Int.random(in: 0..<3, using: &random) == 0 { break }
            }
        }
        return count
    }

    private func record(_ value: [UInt8]?, slot: Int32, offset: Int64) -> Record {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, value?.count ?? 0) + 8, alignment: 8)
        unsafe block.storeBytes(of: Int64(value?.count ?? -1), as: Int64.self)
        if let value { unsafe UnsafeMutableRawBufferPointer(rebasing: block[8...]).copyBytes(from: value) }
        let handle = OpaquePointer(block.baseAddress!)
        unsafe open.insert(handle)
        let view = unsafe value.map { unsafe UnsafeRawBufferPointer(start: block.baseAddress! + 8, count: $0.count) }
        return unsafe Record(
            kind: .record, slot: slot, offset: offset, timestamp: 1_000 + offset, key: nil, value: view, handle: handle)
    }

    func release(_ handles: UnsafePointer<OpaquePointer>, count: Int) {
        for index in 0..<count { unsafe release(handles[index]) }
    }

    private func release(_ handle: OpaquePointer) {
        guard unsafe open.remove(handle) != nil else {
            mistakes.append("a handle was released twice")
            return
        }
        unsafe UnsafeMutableRawPointer(handle).deallocate()
    }

    func contents(of handle: OpaquePointer) -> RecordContents {
        guard unsafe open.contains(handle) else {
            mistakes.append("a released handle was read")
            return RecordContents(key: nil, value: nil, headers: [])
        }
        let start = unsafe UnsafeRawPointer(handle)
        let count = unsafe start.load(as: Int64.self)
        let value = unsafe count < 0 ? nil : [UInt8](UnsafeRawBufferPointer(start: start + 8, count: Int(count)))
        return RecordContents(key: nil, value: value, headers: [])
    }

    func nextEvent() -> SourceEvent? { events.isEmpty ? nil : events.removeFirst() }

    func assign(_ partitions: [SourcePartition]) throws -> [AssignedPartition] {
        partitions.map { source in
            let slot = nextSlot
            nextSlot += 1
            bySlot[slot] = source
            let stored = logs[source]!.stored
            logs[source]!.slot = slot
            logs[source]!.next = stored
            logs[source]!.isPaused = false
            return AssignedPartition(
                slot: slot, source: source, position: stored, previous: stored == 0 ? nil : stored - 1)
        }
    }

    func revoke(_ slots: [Int32], commit: Bool) {
        let gone = slots.compactMap { bySlot.removeValue(forKey: $0) }
        for source in gone { logs[source]!.slot = nil }
        onRevoked(gone)
    }

    func store(_ slot: Int32, nextOffset: Int64) {
        guard let source = bySlot[slot] else {
            mistakes.append("an offset was stored for a partition that is not ours")
            return
        }
        if nextOffset <= logs[source]!.stored { mistakes.append("an offset went back") }
        onStore(source, nextOffset)
        logs[source]!.stored = nextOffset
    }

    func commit() -> Bool { true }
    func pause(_ slots: [Int32]) { for slot in slots { bySlot[slot].map { logs[$0]!.isPaused = true } } }
    func resume(_ slots: [Int32]) { for slot in slots { bySlot[slot].map { logs[$0]!.isPaused = false } } }
    func watermarks(_ slot: Int32) -> (low: Int64, high: Int64)? {
        bySlot[slot].map { (0, Int64(logs[$0]!.values.count)) }
    }
}
