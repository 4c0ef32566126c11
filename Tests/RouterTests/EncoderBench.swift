import MarketData
import Records
import Testing

@testable import Router

/// One encoder and one partition; gives back the commands as a server reads them.
struct EncoderBench: ~Copyable {
    static let limits = BatchLimits(messages: 16, bytes: 64 << 10, messageBytes: 4096, window: 1)
    private var encoder: BatchEncoder
    private var partitions = PartitionTable(after: 0)
    private let generation: Int64

    init(
        sinks: Sinks, topic: String, hasEnvelope: Bool = true, previous: Int64? = nil, generation: Int64 = 1,
        routes: RouteTable = RouteTable(prefix: "roottrading")
    ) {
        self.generation = generation
        var channels = ChannelTable(prefix: routes.prefix, sharded: false, keptLimit: 1 << 20)
        let route = routes.route(topic)!
        let places = route.channels.map { channels.place(of: $0) }
        encoder = BatchEncoder(sinks: sinks, hasEnvelope: hasEnvelope, limits: Self.limits, channels: channels)
        let source = SourcePartition(topic: topic, partition: 0)
        unsafe partitions.insert(
            Partition(
                source: source, isMarketData: route.isMarketData, isTrade: route.lane == .trade,
                channels: (places[0], places.count > 1 ? places[1] : -1),
                templates: PartitionTemplates(
                    source: source, route: route, streamKey: Sinks.streamKey(prefix: routes.prefix, source: source),
                    streamMaximum: 10_000),
                epoch: 1, progress: PartitionProgress(position: 0), previous: previous ?? Partition.unknown,
                generation: .known(generation)),
            at: 0)
    }

    mutating func encode(_ value: String, offset: Int64 = 0, timestamp: Int64 = 1_000, at now: Int64 = 0) throws
        -> [[String]]
    {
        try encode(values: [value], firstOffset: offset, timestamp: timestamp, at: now)
    }

    mutating func encode(values: [String], firstOffset: Int64 = 0, timestamp: Int64 = 1_000, at now: Int64 = 0) throws
        -> [[String]]
    {
        var batch = Batch(limits: Self.limits)
        encoder.begin(at: now)
        for (index, value) in values.enumerated() {
            let refusal = add(Array(value.utf8), offset: firstOffset + Int64(index), timestamp: timestamp, to: &batch)
            #expect(refusal == nil)
        }
        encoder.seal(&batch)
        return try commands(of: batch)
    }

    mutating func refusal(of value: [UInt8]?) -> RefusalReason? {
        var batch = Batch(limits: Self.limits)
        encoder.begin(at: 0)
        let refusal = add(value, offset: 0, timestamp: 0, to: &batch)
        encoder.seal(&batch)
        #expect(batch.commandCount == 0 && batch.entryCount == 1)
        return refusal
    }

    private mutating func add(_ value: [UInt8]?, offset: Int64, timestamp: Int64, to batch: inout Batch)
        -> RefusalReason?
    {
        let partition = unsafe partitions[0]!
        guard let value else {
            let record = unsafe Record(
                kind: .record, slot: 0, offset: offset, timestamp: timestamp, key: nil, value: nil, handle: nil)
            return unsafe encoder.add(record, of: partition, generation: generation, to: &batch)
        }
        // An exact copy on the heap, so that the address sanitizer sees a read past the value's end.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: value.count, alignment: 1)
        defer { unsafe copy.deallocate() }
        unsafe copy.copyBytes(from: value)
        let record = unsafe Record(
            kind: .record, slot: 0, offset: offset, timestamp: timestamp, key: nil, value: UnsafeRawBufferPointer(copy),
            handle: nil)
        return unsafe encoder.add(record, of: partition, generation: generation, to: &batch)
    }

    /// The batch as a server would read it, by the RESP2 specification.
    private func commands(of batch: borrowing Batch) throws -> [[String]] {
        let redis = SimulatedRedis()
        var bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: batch.prologue, count: batch.prologueCount))
        unsafe bytes += [UInt8](UnsafeRawBufferPointer(start: batch.body, count: batch.byteCount - batch.prologueCount))
        _ = unsafe bytes.withUnsafeBytes { unsafe redis.write($0, commands: batch.commandCount, now: .now) }
        #expect(redis.mistakes == [])
        return redis.commands
    }
}
