package import Records

/// Where reading a partition begins that this process has just claimed: decided by what the database holds and by what the
/// log holds now.
package struct ReadingStart: Equatable, Sendable {
    package let generation: Int64
    /// The first offset to ask for.
    package let offset: Int64
    /// The record that was written last is read once more, to see whether this is still the same log.
    package let anchor: Anchor?
    /// Offsets that retention took before they were read.
    package let hole: Range<Int64>?
    /// Where the log begins could not be told: the first record says it.
    package let isGuess: Bool

    package init(generation: Int64, offset: Int64, anchor: Anchor?, hole: Range<Int64>?, isGuess: Bool = false) {
        self.generation = generation
        self.offset = offset
        self.anchor = anchor
        self.hole = hole
        self.isGuess = isGuess
    }

    /// - A partition without a position is read from its log's start.
    /// - A log that ends before our position is another log: the topic was created anew. What it has lost already is a hole.
    /// - A log that begins at our position or behind it has lost the record to compare with, and perhaps more: a hole.
    /// - Else the record before our position decides, see `Anchor`; so it does where the log can't be asked.
    package init(_ claim: Claim, _ log: LogLimits?) {
        guard let stored = claim.position else {
            self.init(
                generation: claim.generation, offset: log?.start ?? 0, anchor: nil, hole: nil, isGuess: log == nil)
            return
        }
        let next = stored.nextOffset
        guard let log else {
            self.init(generation: claim.generation, offset: next - 1, anchor: Anchor(stored), hole: nil)
            return
        }
        if log.end < next {
            let hole = log.start > 0 ? 0..<log.start : nil
            self.init(generation: claim.generation + 1, offset: log.start, anchor: nil, hole: hole)
        } else if log.start >= next {
            let hole = log.start > next ? next..<log.start : nil
            self.init(generation: claim.generation, offset: log.start, anchor: nil, hole: hole)
        } else {
            self.init(generation: claim.generation, offset: next - 1, anchor: Anchor(stored), hole: nil)
        }
    }
}

/// The record that was written last, as the database remembers it. The first record that comes tells whether the log is
/// still the one we read.
package struct Anchor: Equatable, Sendable {
    let offset: Int64
    let timestamp: Int64
    let crc32: UInt32

    init(_ stored: StoredPosition) {
        offset = stored.nextOffset - 1
        timestamp = stored.lastTimestamp
        crc32 = stored.lastCRC32
    }

    package enum Finding: Equatable, Sendable {
        /// It is that record: go on with the next.
        case same
        /// The topic was created anew. What came is its first record.
        case anewFromHere
        /// The topic was created anew and has grown past our position: read it from its start.
        case anewFromStart
        /// The record is gone, this is one behind it. Retention took what lies in the hole, if there is one; what
        /// compaction or a transaction's end took left no record to miss.
        case gone(hole: Range<Int64>?)
    }

    /// - Parameters:
    ///   - start: the log's first offset, as last heard.
    ///   - crc32: computed only where it is asked for.
    package func find(offset: Int64, timestamp: Int64, crc32: () -> UInt32, logStart: Int64) -> Finding {
        if offset < self.offset { return .anewFromHere }
        if offset == self.offset {
            return timestamp == self.timestamp && crc32() == self.crc32 ? .same : .anewFromStart
        }
        let next = self.offset + 1
        if logStart >= next { return .gone(hole: logStart > next ? next..<min(logStart, offset) : nil) }
        // The log still begins before our record, and the record is not there: compaction takes old ones of a log that
        // goes on, so a younger time behind it is the same log.
        return timestamp >= self.timestamp ? .gone(hole: nil) : .anewFromStart
    }
}
