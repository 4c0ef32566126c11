/// Which way a batch of candles goes first: straight into the table, which fails as a whole at the first key that is there
/// already, or through a staging table and an upsert, which costs 1.9 times as much and never fails for that.
///
/// With p the share of batches that hold an old key, and half a straight copy wasted where it fails, straight first costs
/// p × (0.5 + 1.9) + (1 − p) against 1.9: it pays until p = 0.64. A failed copy also leaves dead rows behind, so the
/// border is drawn at a half.
struct WritePlan: Equatable, Sendable {
    enum Way: Equatable, Sendable {
        case straight
        case upsert
    }

    /// How many batches it remembers.
    static let memory = 8
    /// One bit a batch, the newest lowest: whether it held a key of the table.
    private var conflicts: UInt8 = 0

    var first: Way { conflicts.nonzeroBitCount * 2 >= Self.memory ? .upsert : .straight }

    /// Says of a batch that was written whether it held a key that the table had.
    mutating func note(hadConflict: Bool) { conflicts = conflicts << 1 | (hadConflict ? 1 : 0) }
}
