package import Records

/// A database that takes batches. Confined to one thread; every call blocks.
package protocol Store: AnyObject {
    /// Connects, and brings the schema to what this program knows. Closes first what was open.
    func open() throws(StoreError)
    /// Makes these partitions ours: raises each one's fence, so that whoever held it before can commit nothing more, and
    /// says where its reading goes on. In the order asked; all or none.
    func claim(_ partitions: [SourcePartition]) throws(StoreError) -> [Claim]
    /// One transaction: all of the batch, its holes and its partitions' steps, or nothing. A batch that had been committed
    /// before without our learning of it (its connection went with the answer) succeeds with no row changed.
    func write(_ batch: RowBatch) throws(StoreError) -> WriteReport
    /// Removes at most `limit` candles with an open time before `time` (ms since 1970); the number of them.
    func removeCandles(before time: Int64, limit: Int) throws(StoreError) -> Int
    func close()
}

/// What the table `consumer_offsets` says of a partition that is ours now.
package struct Claim: Sendable, Equatable {
    package let fence: Int64
    package let generation: Int64
    /// `nil` before the first record was committed.
    package let position: StoredPosition?

    package init(fence: Int64, generation: Int64, position: StoredPosition?) {
        self.fence = fence
        self.generation = generation
        self.position = position
    }
}

package struct StoredPosition: Sendable, Equatable {
    package let nextOffset: Int64
    /// Time and CRC-32 of the value of the record at `nextOffset - 1`.
    package let lastTimestamp: Int64
    package let lastCRC32: UInt32

    package init(nextOffset: Int64, lastTimestamp: Int64, lastCRC32: UInt32) {
        self.nextOffset = nextOffset
        self.lastTimestamp = lastTimestamp
        self.lastCRC32 = lastCRC32
    }
}

/// What a transaction did.
package struct WriteReport: Sendable, Equatable {
    package var candlesInserted = 0
    package var candlesUpdated = 0
    /// Older than what the table holds, or the same: the row stayed.
    package var candlesUnchanged = 0
    /// Closed candles whose values changed (they are among the updated).
    package var candlesCorrected = 0
    package var tradesInserted = 0
    package var deadLettersInserted = 0

    package init() {}
}

/// Why the database did not do it, and so what to do.
package enum StoreError: Error, Equatable, Sendable {
    /// It may do it later: try the same again after a while, with a new connection when `mustReopen`.
    case unavailable(code: String, sentence: String, mustReopen: Bool)
    /// Others have claimed these partitions since, or moved them: nothing of the batch was written.
    case fenced([SourcePartition])
    /// It will never take these records: they are dead letters. Nothing of the batch was written.
    case refused([RefusedRow])
    /// A person is needed: a file that is no database, a schema newer than this program, no permission.
    case unusable(code: String, sentence: String)

    package struct RefusedRow: Equatable, Sendable {
        package let source: SourcePartition
        package let offset: Int64
        /// The database's own words.
        package let sentence: String

        package init(source: SourcePartition, offset: Int64, sentence: String) {
            self.source = source
            self.offset = offset
            self.sentence = sentence
        }
    }
}
