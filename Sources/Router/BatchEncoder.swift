import CSimdjsonShim
import MarketData
import Records

/// Turns records into Redis commands: decides what the envelope says, writes payload and commands into the batch.
///
/// Hot: nothing here allocates, but for a channel's kept payload that grew. One encoder a lane, on its thread.
@safe struct BatchEncoder: ~Copyable {
    let sinks: Sinks
    let hasEnvelope: Bool
    let limits: BatchLimits
    var channels: ChannelTable

    private let parser: OpaquePointer?
    /// A value with the padding that the parser needs behind it.
    private let scratch: UnsafeMutableRawPointer
    /// The envelope's members, from the comma to the last brace.
    private let tail: UnsafeMutableRawPointer
    /// `2026-01-02T03:04:05.678`, the time of taking, written once a batch.
    private let receivedAt: UnsafeMutableRawPointer
    private static let receivedAtCount = 23
    /// Channels with a payload in the batch being filled, in order of first use.
    private let touched: UnsafeMutablePointer<Int32>
    private var touchedCount = 0
    private var serial: UInt64 = 0

    init(sinks: Sinks, hasEnvelope: Bool, limits: BatchLimits, channels: consuming ChannelTable) {
        self.sinks = sinks
        self.hasEnvelope = hasEnvelope
        self.limits = limits
        self.channels = channels
        unsafe parser = unsafe hasEnvelope ? simdjson_shim_parser_create(limits.messageBytes) : nil
        let isMissing = unsafe parser == nil
        precondition(!hasEnvelope || !isMissing, "no memory for a JSON parser at start")
        unsafe scratch = .allocate(byteCount: limits.messageBytes + Int(simdjson_shim_padding), alignment: 64)
        unsafe tail = .allocate(byteCount: BatchLimits.overhead, alignment: 64)
        unsafe receivedAt = .allocate(byteCount: Self.receivedAtCount, alignment: 8)
        unsafe touched = .allocate(capacity: limits.prologueCommands)
    }

    deinit {
        if let parser = unsafe parser { unsafe simdjson_shim_parser_destroy(parser) }
        unsafe scratch.deallocate()
        unsafe tail.deallocate()
        unsafe receivedAt.deallocate()
        unsafe touched.deallocate()
    }

    /// Begins a batch whose records were taken at `milliseconds` since 1970.
    mutating func begin(at milliseconds: Int64) {
        serial += 1
        touchedCount = 0
        var cursor = unsafe ByteCursor(receivedAt)
        CivilTime(milliseconds: milliseconds).spell { unsafe cursor.put($0) }
    }

    /// Adds one record. The batch has room: an entry, its commands, and a body below its limit. Returns why the record
    /// can't be delivered; its entry is added all the same, without commands, so that acknowledging stays in order.
    mutating func add(
        _ record: Record, of partition: UnsafeMutablePointer<Partition>, generation: Int64, to batch: inout Batch
    ) -> RefusalReason? {
        let entry = Int32(truncatingIfNeeded: batch.entryCount)
        unsafe (batch.entries + batch.entryCount).initialize(
            to: Batch.Entry(
                slot: record.slot, epoch: partition.pointee.epoch, offset: record.offset,
                timestamp: record.timestamp, handle: record.handle,
                isHighPriority: partition.pointee.isTrade, isRefused: false))
        batch.entryCount += 1
        let payload: Payload
        guard unsafe partition.pointee.channels.0 >= 0 else {
            unsafe batch.entries[Int(entry)].isRefused = true
            return .noRoute
        }
        switch unsafe self.payload(of: record, partition: partition) {
        case .refused(let reason):
            unsafe batch.entries[Int(entry)].isRefused = true
            return reason
        case .made(let made): unsafe payload = unsafe made
        }
        if unsafe payload.isClosed { unsafe batch.entries[Int(entry)].isHighPriority = true }
        if sinks.contains(.stream) {
            unsafe append(payload, record.offset, generation, partition, entry: entry, to: &batch)
        }
        if !sinks.isDisjoint(with: [.publish, .last]) {
            unsafe deliver(payload, to: partition.pointee.channels.0, entry: entry, batch: &batch)
            if unsafe partition.pointee.channels.1 >= 0 {
                unsafe deliver(payload, to: partition.pointee.channels.1, entry: entry, batch: &batch)
            }
        }
        return nil
    }

    /// Writes the SETs of the newest values in front. Call once, when the batch has all its records.
    mutating func seal(_ batch: inout Batch) {
        guard sinks.contains(.last) else { return }
        var cursor = unsafe ByteCursor(batch.prologue)
        for index in 0..<touchedCount {
            let place = unsafe touched[index]
            let channel = unsafe channels.channels + Int(place)
            unsafe cursor.put(channel.pointee.setHead)
            unsafe cursor.put(Int64(channel.pointee.payloadCount))
            unsafe cursor.putLineEnd()
            unsafe cursor.put(
                UnsafeRawBufferPointer(
                    start: batch.body + channel.pointee.payloadStart, count: channel.pointee.payloadCount))
            unsafe cursor.putLineEnd()
            unsafe (batch.prologueCommands + index).initialize(
                to: Batch.CommandRecord(
                    end: UInt32(truncatingIfNeeded: cursor.next - batch.prologue), entry: channel.pointee.entry,
                    channel: place, command: .set))
        }
        batch.prologueCommandCount = touchedCount
        unsafe batch.prologueCount = cursor.next - batch.prologue
        assert(batch.prologueCount <= batch.prologueCapacity, "the prologue holds at most the body's payloads")
    }

    // MARK: Payload

    @unsafe private struct Payload {
        /// The value up to its closing brace, or all of it without an envelope.
        let value: UnsafeRawBufferPointer
        /// The envelope's members, at the start of `tail`.
        let tailCount: Int
        let isClosed: Bool
        var count: Int { unsafe value.count + tailCount }
    }

    @unsafe private enum PayloadResult {
        case made(Payload)
        case refused(RefusalReason)
    }

    @inline(__always)
    private func payload(of record: Record, partition: UnsafeMutablePointer<Partition>) -> PayloadResult {
        guard let value = unsafe record.value else { return unsafe .refused(.nullValue) }
        guard value.count <= limits.messageBytes else { return unsafe .refused(.tooLarge) }
        guard hasEnvelope else { return unsafe .made(Payload(value: value, tailCount: 0, isClosed: false)) }
        guard let start = value.baseAddress else { return unsafe .refused(.notAnObject) }
        unsafe scratch.copyMemory(from: start, byteCount: value.count)
        let flags = unsafe Int(
            simdjson_shim_object_inspect(parser, scratch.assumingMemoryBound(to: UInt8.self), value.count))
        guard flags >= 0 else { return unsafe .refused(.notAnObject) }
        var brace = value.count - 1
        while unsafe scratch.load(fromByteOffset: brace, as: UInt8.self) != UInt8(ascii: "}") { brace -= 1 }
        let tailCount = unsafe writeTail(record, partition, flags: Int(flags))
        let closed = unsafe partition.pointee.isMarketData && flags & simdjson_shim_is_closed != 0
        return unsafe .made(
            Payload(
                value: UnsafeRawBufferPointer(start: scratch, count: brace), tailCount: tailCount, isClosed: closed))
    }

    @inline(__always)
    private func writeTail(_ record: Record, _ partition: UnsafeMutablePointer<Partition>, flags: Int) -> Int {
        var cursor = unsafe ByteCursor(tail)
        if flags & simdjson_shim_is_empty == 0 { unsafe cursor.put(UInt8(ascii: ",")) }
        let templates = unsafe partition.pointee.templates
        if flags & simdjson_shim_has_symbol == 0 { unsafe cursor.put(templates.symbol) }
        if flags & simdjson_shim_has_timeframe == 0 { unsafe cursor.put(templates.timeframe) }
        unsafe cursor.put(templates.routing)
        unsafe cursor.put(record.offset)
        unsafe cursor.put(literal: ",\"previous\":")
        if unsafe partition.pointee.previous == Partition.unknown {
            unsafe cursor.put(literal: "null")
        } else {
            unsafe cursor.put(partition.pointee.previous)
        }
        unsafe cursor.put(literal: ",\"timestamp\":")
        if unsafe record.timestamp < 0 {
            unsafe cursor.put(literal: "null")
        } else {
            unsafe cursor.put(record.timestamp)
        }
        unsafe cursor.put(literal: ",\"received_at\":\"")
        unsafe cursor.put(UnsafeRawBufferPointer(start: receivedAt, count: Self.receivedAtCount))
        let isMarket = unsafe partition.pointee.isMarketData
        let isHigh = unsafe isMarket ? flags & simdjson_shim_is_closed != 0 : partition.pointee.isTrade
        let isEnriched = isMarket && flags & simdjson_shim_is_enriched != 0
        switch (isEnriched, isHigh) {
        case (false, false): unsafe cursor.put(templates.normal)
        case (false, true): unsafe cursor.put(templates.high)
        case (true, false): unsafe cursor.put(templates.enrichedNormal)
        case (true, true): unsafe cursor.put(templates.enrichedHigh)
        }
        return unsafe cursor.next - tail
    }

    // MARK: Commands

    @inline(__always)
    private func write(_ payload: Payload, with cursor: inout ByteCursor) {
        unsafe cursor.put(payload.value)
        unsafe cursor.put(UnsafeRawBufferPointer(start: tail, count: payload.tailCount))
    }

    /// Notes the payload as the channel's newest and publishes it.
    @inline(__always)
    private mutating func deliver(_ payload: Payload, to place: Int32, entry: Int32, batch: inout Batch) {
        let channel = unsafe channels.channels + Int(place)
        var cursor = unsafe ByteCursor(batch.body + batch.bodyCount)
        if sinks.contains(.publish) {
            unsafe cursor.put(channel.pointee.publishHead)
            unsafe cursor.put(Int64(payload.count))
            unsafe cursor.putLineEnd()
        }
        if sinks.contains(.last) {
            if unsafe channel.pointee.serial != serial {
                unsafe channel.pointee.serial = serial
                unsafe touched[touchedCount] = place
                touchedCount += 1
            }
            unsafe channel.pointee.payloadStart = unsafe cursor.next - batch.body
            unsafe channel.pointee.payloadCount = payload.count
            unsafe channel.pointee.entry = entry
        }
        // Without PUBLISH there are two places for the newest value: the payload of this record's XADD, which ends right
        // before the line end, or bytes that only `seal` reads, since no command of the body covers them.
        if !sinks.contains(.publish), sinks.contains(.stream) {
            unsafe channel.pointee.payloadStart = batch.bodyCount - payload.count - 2
            return
        }
        unsafe write(payload, with: &cursor)
        if sinks.contains(.publish) {
            unsafe cursor.putLineEnd()
            unsafe finish(.publish, cursor, entry: entry, channel: place, batch: &batch)
        } else {
            unsafe batch.bodyCount = cursor.next - batch.body
        }
    }

    @inline(__always)
    private func append(
        _ payload: Payload, _ offset: Int64, _ generation: Int64, _ partition: UnsafeMutablePointer<Partition>,
        entry: Int32, to batch: inout Batch
    ) {
        var cursor = unsafe ByteCursor(batch.body + batch.bodyCount)
        unsafe cursor.put(partition.pointee.templates.appendHead)
        unsafe cursor.put(Int64(decimalDigits(generation.magnitude) + 1 + decimalDigits(offset.magnitude)))
        unsafe cursor.putLineEnd()
        unsafe cursor.put(generation)
        unsafe cursor.put(UInt8(ascii: "-"))
        unsafe cursor.put(offset)
        unsafe cursor.put(literal: "\r\n$7\r\npayload\r\n$")
        unsafe cursor.put(Int64(payload.count))
        unsafe cursor.putLineEnd()
        unsafe write(payload, with: &cursor)
        unsafe cursor.putLineEnd()
        unsafe finish(.append, cursor, entry: entry, channel: -1, batch: &batch)
    }

    @inline(__always)
    private func finish(
        _ command: Batch.Command, _ cursor: ByteCursor, entry: Int32, channel: Int32, batch: inout Batch
    ) {
        unsafe batch.bodyCount = cursor.next - batch.body
        assert(batch.bodyCount <= batch.bodyCapacity, "a batch below its limit has room for one more record")
        unsafe (batch.bodyCommands + batch.bodyCommandCount).initialize(
            to: Batch.CommandRecord(
                end: UInt32(truncatingIfNeeded: batch.bodyCount), entry: entry, channel: channel, command: command))
        batch.bodyCommandCount += 1
    }
}

extension ByteCursor {
    @inline(__always) mutating func put(literal: StaticString) {
        unsafe put(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }
}
