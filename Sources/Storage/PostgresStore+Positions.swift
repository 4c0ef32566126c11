internal import Persister
internal import Postgres
internal import Records

extension PostgresStore {
    enum Standing: Equatable {
        /// Every partition is ours and stands where the batch begins.
        case ours
        /// Every partition is ours and stands where the batch ends: its commit's answer was lost.
        case committedBefore
        /// Others have these.
        case fenced([SourcePartition])
    }

    /// Locks the rows of a batch's partitions until the transaction's end, and looks at them.
    func standing(of steps: [PartitionStep], _ connection: Connection) throws(PostgresError) -> Standing {
        guard !steps.isEmpty else { return .ours }
        let found = try connection.execute(
            prepared: PostgresStatements.lockPositionsName,
            [.text(group), .array(steps.map(\.source.topic)), .array(steps.map(\.source.partition))])
        var rows: [SourcePartition: (generation: Int64, next: Int64, fence: Int64)] = [:]
        for row in 0..<found.rowCount {
            let source = SourcePartition(
                topic: found.text(row, 0) ?? "", partition: Int32(truncatingIfNeeded: found.integer(row, 1) ?? -1))
            rows[source] = (
                found.integer(row, 2) ?? -1, found.integer(row, 3) ?? -1, found.integer(row, 4) ?? -1
            )
        }
        let mine = steps.map { step in rows[step.source].flatMap { $0.fence == step.fence ? $0 : nil } }
        let moved = steps.indices.filter { mine[$0]?.next != steps[$0].expectedOffset }
        if moved.isEmpty { return .ours }
        let isDone = steps.indices.allSatisfy {
            mine[$0]?.next == steps[$0].nextOffset && mine[$0]?.generation == steps[$0].generation
        }
        return isDone ? .committedBefore : .fenced(moved.map { steps[$0].source })
    }

    /// Notes how far each partition has come. Those that did not move, although their rows were locked and right: only
    /// a rule of the table's own can do that.
    func move(_ steps: [PartitionStep], _ connection: Connection) throws(PostgresError) -> [SourcePartition] {
        guard !steps.isEmpty else { return [] }
        let moved = try connection.execute(
            prepared: PostgresStatements.movePositionsName,
            [
                .text(group), .array(steps.map(\.source.topic)), .array(steps.map(\.source.partition)),
                .array(steps.map(\.generation)), .array(steps.map(\.nextOffset)), .array(steps.map(\.lastTimestamp)),
                .array(steps.map(\.lastCRC32)), .array(steps.map(\.fence)), .array(steps.map(\.expectedOffset)),
            ]
        ).changedRows
        return moved == steps.count ? [] : steps.map(\.source)
    }
}
