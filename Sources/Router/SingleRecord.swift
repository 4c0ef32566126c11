import MarketData
package import Records

/// Spells records one by one as the router does, outside of any lane: for dead letters that are delivered after all.
///
/// Such a payload says nothing of the record before it: `previous` is null.
@safe package struct SingleRecord: ~Copyable {
    package enum Spelling: Equatable, Sendable {
        case payload([UInt8], Route)
        case refused(RefusalReason)
    }

    private let routes: RouteTable
    private var encoder: BatchEncoder
    private var batch: Batch

    package init(_ settings: PipelineSettings) {
        routes = settings.routes
        let limits = BatchLimits(messages: 1, bytes: 1, messageBytes: settings.limits.messageBytes, window: 1)
        // Where only last values are wanted, the body is the payload and no command.
        encoder = BatchEncoder(
            sinks: .last, hasEnvelope: settings.hasEnvelope, limits: limits,
            channels: ChannelTable(prefix: settings.routes.prefix, sharded: false, keptLimit: 0))
        batch = Batch(limits: limits)
    }

    /// - Parameters:
    ///   - timestamp: the record's own, in ms; -1 when it has none.
    ///   - milliseconds: when it was taken, since 1970.
    package mutating func spell(
        _ value: [UInt8]?, from source: SourcePartition, offset: Int64, timestamp: Int64, takenAt milliseconds: Int64
    ) -> Spelling {
        guard let route = routes.route(source.topic), let channel = route.channels.first else {
            return .refused(.noRoute)
        }
        var partitions = PartitionTable(after: 0)
        unsafe partitions.insert(
            Partition(
                source: source, isMarketData: route.isMarketData, isTrade: route.lane == .trade,
                channels: (encoder.channels.place(of: channel), -1),
                templates: PartitionTemplates(source: source, route: route, streamKey: "", streamMaximum: 0),
                epoch: partitions.nextEpoch(), progress: PartitionProgress(position: offset),
                previous: Partition.unknown, generation: .known(1)),
            at: 0)
        guard let partition = unsafe partitions[0] else { preconditionFailure("it was inserted just now") }
        batch.clear()
        encoder.begin(at: milliseconds)
        func add(_ value: UnsafeRawBufferPointer?) -> RefusalReason? {
            let record = unsafe Record(
                kind: .record, slot: 0, offset: offset, timestamp: timestamp, key: nil, value: value, handle: nil)
            return unsafe encoder.add(record, of: partition, generation: 1, to: &batch)
        }
        let refusal = value.map { unsafe $0.withUnsafeBytes { unsafe add($0) } } ?? add(nil)
        if let refusal { return .refused(refusal) }
        return .payload(
            unsafe [UInt8](UnsafeRawBufferPointer(start: batch.body, count: batch.bodyCount)), route)
    }
}
