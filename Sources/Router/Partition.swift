import MarketData
import Records

/// What the lane knows of one source partition that it owns.
@unsafe struct Partition {
    let source: SourcePartition
    /// What the route says, spelled out: reading a member of the route itself on the hot path copies the whole of it.
    let isMarketData: Bool
    let isTrade: Bool
    /// Places in the channel table; the second is -1 where there is one channel.
    let channels: (Int32, Int32)
    let templates: PartitionTemplates

    /// Set anew at each assignment: an answer for an older one no longer moves the offset.
    var epoch: UInt32
    var progress: PartitionProgress
    /// The offset of the record taken last; `unknown` before the first one of a first start.
    var previous: Int64
    static let unknown = Int64.min
    /// Where the log ended when the consumer last came to its end; -1 before that.
    var end: Int64 = -1
    /// The timestamp of the last record that was answered, in ms; -1 before the first.
    var lastTimestamp: Int64 = -1
    /// Records taken and not yet answered.
    var inFlight = 0
    /// The group wants it back: its records are no longer taken.
    var isRevoking = false
    /// Its dead letters can't be written: it is paused until they are.
    var isWaiting = false
    /// Stands in the list of offsets to store.
    var isToStore = false

    var generation: StreamGeneration
}

/// The fixed bytes of a partition's envelopes and stream commands.
@unsafe struct PartitionTemplates {
    /// `"symbol":"btcusdt",` for values without one; empty where the topic has no symbol.
    let symbol: Template
    let timeframe: Template
    /// `"_routing":{"source_topic":"…","partition":0,"offset":`
    let routing: Template
    /// From the end of `received_at` on, by priority and data type.
    let normal, high, enrichedNormal, enrichedHigh: Template
    /// XADD up to the `$` of the id's length.
    let appendHead: Template

    init(source: SourcePartition, route: Route, streamKey: String, streamMaximum: Int) {
        unsafe symbol = unsafe Template(route.symbol.map { "\"symbol\":\"\($0)\"," } ?? "")
        unsafe timeframe = unsafe Template(route.timeframe.map { "\"timeframe\":\"\($0.rawValue)\"," } ?? "")
        // Topic names are [a-zA-Z0-9._-] (Kafka's rule): nothing in them needs escaping.
        unsafe routing = unsafe Template(
            "\"_routing\":{\"source_topic\":\"\(source.topic)\",\"partition\":\(source.partition),\"offset\":")
        func tail(_ priority: String, _ type: DataType) -> Template {
            unsafe Template("Z\",\"priority\":\"\(priority)\",\"data_type\":\"\(type.rawValue)\"}}")
        }
        unsafe normal = unsafe tail("normal", route.dataType)
        unsafe high = unsafe tail("high", route.dataType)
        unsafe enrichedNormal = unsafe tail("normal", .corruptedEnrichedData)
        unsafe enrichedHigh = unsafe tail("high", .corruptedEnrichedData)
        let trim = streamMaximum > 0 ? ["MAXLEN", "~", String(streamMaximum)] : []
        // The id, the field and the payload follow: three arguments more than `commandHead` counts, but one.
        let arguments = ["XADD", streamKey] + trim
        unsafe appendHead = unsafe Template(
            "*\(arguments.count + 3)\r\n" + arguments.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined() + "$")
    }

    func free() {
        unsafe symbol.free()
        unsafe timeframe.free()
        unsafe routing.free()
        unsafe normal.free()
        unsafe high.free()
        unsafe enrichedNormal.free()
        unsafe enrichedHigh.free()
        unsafe appendHead.free()
    }
}
