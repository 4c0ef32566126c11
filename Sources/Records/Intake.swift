/// What a pipeline has taken from its source and not looked at yet, and what it does while it has no room for more.
///
/// A consumer that is not asked leaves its group after `max.poll.interval.ms`. A short lack of room passes by itself; in
/// a long one the partitions are paused, which throws the fetched records away, and the consumer is asked again.
@safe package struct Intake: ~Copyable {
    package enum Relief {
        /// Pause all partitions; then as `ask`.
        case pause
        case ask
        /// Resume those that nothing else holds.
        case resume
    }

    private static var limit: Int { 64 }

    @usableFromInline let records: UnsafeMutablePointer<Record>
    /// Not looked at yet are `next..<count`.
    package var next = 0
    package private(set) var count = 0
    /// The source has something, or may have.
    package var sourceIsReady = true
    private let pauseAfter: Duration
    private var fullSince: ContinuousClock.Instant?
    package private(set) var isPaused = false

    package init(pauseAfter: Duration) {
        self.pauseAfter = pauseAfter
        // As many again for what slips through while there is no room.
        unsafe records = .allocate(capacity: Self.limit * 2)
    }

    deinit { unsafe records.deallocate() }

    /// Whether it is worth looking: there is a record, or may be one.
    package var hasMore: Bool { sourceIsReady || next < count }

    @inlinable package subscript(place: Int) -> Record { unsafe records[place] }

    /// Whether there is a record to look at, at `next`. A few are taken when there was none: what the library's thread
    /// wrote is read while it is in the nearest cache, for handing it out and for looking at it.
    @inlinable package mutating func fill(from source: some RecordSource) -> Bool {
        next < count || refill(from: source)
    }

    @usableFromInline mutating func refill(from source: some RecordSource) -> Bool {
        guard sourceIsReady else { return false }
        unsafe count = source.take(into: records, limit: Self.limit)
        next = 0
        sourceIsReady = source.hasMore
        return count > 0
    }

    /// Gives the memory of what was looked at back.
    package mutating func releaseLooked(to source: some RecordSource) {
        for place in 0..<next { unsafe source.release(records[place]) }
        for place in next..<count { unsafe records[place - next] = records[place] }
        count -= next
        next = 0
    }

    /// Gives records back that were not looked at; whoever owns their partition next reads them again. The number of them.
    @discardableResult package mutating func giveBack(
        to source: some RecordSource, where isReturned: (Int32) -> Bool
    ) -> Int {
        var returned = 0
        var kept = next
        for place in next..<count {
            let record = unsafe records[place]
            if unsafe isReturned(record.slot) {
                if unsafe source.release(record) { returned += 1 }
            } else {
                unsafe records[kept] = unsafe record
                kept += 1
            }
        }
        count = kept
        return returned
    }

    // MARK: Without room

    /// When `relief` has something to say.
    package var deadline: ContinuousClock.Instant? { fullSince.map { $0 + pauseAfter } }

    /// What to do now; each turn of the loop.
    package mutating func relief(isFull: Bool, _ now: ContinuousClock.Instant) -> Relief? {
        guard isFull else {
            fullSince = nil
            guard isPaused, next == count else { return nil }
            isPaused = false
            sourceIsReady = true
            return .resume
        }
        let since = fullSince ?? now
        fullSince = since
        guard now >= since + pauseAfter else { return nil }
        fullSince = now - pauseAfter + .milliseconds(500)
        defer { isPaused = true }
        return isPaused ? .ask : .pause
    }

    /// For rebalances and errors; a record that slips through waits with the others that were taken.
    package mutating func ask(_ source: some RecordSource) {
        guard count < Self.limit * 2 else { return }
        count += unsafe source.take(into: records + count, limit: 1)
        sourceIsReady = source.hasMore
    }
}

extension RecordSource {
    /// Gives one record's memory back; false for an end of partition, which has none.
    @discardableResult package func release(_ record: Record) -> Bool {
        guard var handle = unsafe record.handle else { return false }
        unsafe release(&handle, count: 1)
        return true
    }
}
