import Records

/// Logs by partition, as brokers hold them. Every record ever written has a number of its own, which its value carries.
final class SimulatedCluster {
    struct Log {
        /// Which creation of the topic this is.
        var creation = 0
        var start: Int64 = 0
        /// `records[i]` has the offset `start + i`; `nil` is a message nobody can use.
        var records: [Entry] = []
        var end: Int64 { start + Int64(records.count) }
    }
    struct Entry {
        let number: Int
        let timestamp: Int64
        let value: [UInt8]
        let isUsable: Bool
    }

    private(set) var logs: [SourcePartition: Log] = [:]
    /// Partitions that nobody answers for: neither their records nor their logs' limits are to be had.
    var leaderless: Set<SourcePartition> = []
    /// A partition whose log has this record at every offset, as many as anybody asks for.
    var endless: (source: SourcePartition, value: [UInt8])?
    private var numbers = 0
    private var clock: Int64 = 1_700_000_000_000

    init(partitions: [SourcePartition]) { for each in partitions { logs[each] = Log() } }

    func append(to source: SourcePartition, isUsable: Bool) {
        numbers += 1
        clock += 1
        let text = isUsable ? #"{"id":\#(numbers)}"# : "broken \(numbers)"
        logs[source]!.records.append(
            Entry(number: numbers, timestamp: clock, value: Array(text.utf8), isUsable: isUsable))
    }

    func createAnew(_ source: SourcePartition) { logs[source] = Log(creation: logs[source]!.creation + 1) }

    func retain(_ source: SourcePartition, from start: Int64) {
        let count = Int(start - logs[source]!.start)
        logs[source]!.records.removeFirst(count)
        logs[source]!.start = start
    }
}
