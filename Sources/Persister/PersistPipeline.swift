import MarketData
package import Records
import Telemetry

/// The persister: takes records, decodes and coalesces them into batches, and has each written in one transaction together
/// with how far its partitions have come.
///
/// All of it lives on one thread, in `run`; the database's calls block on another, `StoreThread`. One batch is written
/// while the next is filled. What is promised:
/// - a row is in the database once, whatever ends in between: the position moves with the rows or not at all;
/// - nothing is written for a partition that somebody else has claimed since (`StoreError.fenced`);
/// - what can't be a row is in `dead_letters` and, acknowledged before that, in the dead-letter topic;
/// - memory is bounded by a few batches and what the consumer has fetched, whatever the database does.
///
/// Decisions are in values of their own: `ReadingStart` and `Anchor` (where to read, and whether it is still the same
/// log), `CandleDecoder` (what is a row), `RowBatch` (which row of a key wins). This is the loop around them.
@safe package struct PersistPipeline<Source: PositionedSource, Queue: StoreQueue>: ~Copyable {
    let settings: PersistSettings
    let source: Source
    let store: Queue
    let deadLetters: any DeadLetterSink
    let control: PipelineControl
    let status: PersistStatus

    var candles: CandleDecoder
    var trades: TradeDecoder
    let series = SeriesTable()
    /// By slot.
    var partitions: [PersistPartition?] = []
    var slots: [SourcePartition: Int32] = [:]
    var poller: Poller
    var snapshot = PersistSnapshot()

    /// Being filled; its dead letters carry `serial`.
    var filling: RowBatch
    var serial: UInt32
    var fillingSince: ContinuousClock.Instant?
    /// Full: each waits for the acknowledgement of its dead letters, then for the store, while the next is being filled. They
    /// are written in this order.
    var sealed: [Sealed] = []
    /// The store has it.
    var writing: RowBatch?
    var free: [RowBatch] = []
    let keys: KeyTable
    /// It must be written before another record is taken.
    var mustSeal = false
    /// All that is not committed is given up and read again, as soon as the store has answered for its batch.
    var mustRestart = false
    /// Dead letters of the batch being filled that Kafka has not acknowledged yet.
    var unwritten: Set<DeadLetterTicket.Place> = []

    /// Records taken and not yet looked at.
    var intake: Intake
    /// The run of records of one partition that is being looked at: the last one's checksum goes into its step.
    var lastOfRun: (step: Int32, record: Int)?

    /// What the group gave us: first claimed in the database, then taken over.
    var assignment: Assignment?
    var assignAgainAt: ContinuousClock.Instant?
    var nextTicket: UInt64
    /// To learn where the logs begin and end.
    var attempts = 0
    var revocation: (slots: [Int32], deadline: ContinuousClock.Instant)?
    var moveAgainAt: ContinuousClock.Instant?
    /// When to ask about partitions that others have claimed.
    var fencedAskAt: ContinuousClock.Instant?
    /// Committed in the database, not yet told to the consumer.
    var toStore: [PersistPartition] = []
    var storeAt: ContinuousClock.Instant?
    var reclaim: (ticket: UInt64, slots: [Int32])?
    var drainDeadline: ContinuousClock.Instant?
    var isFinished = false
    var committedBefore = 0
    var tendAt: ContinuousClock.Instant?
    var publishAt: ContinuousClock.Instant?
    var describeAt: ContinuousClock.Instant?
    var removeAt: ContinuousClock.Instant?

    struct Sealed {
        let batch: RowBatch
        let serial: UInt32
        var unwritten: Set<DeadLetterTicket.Place>
    }

    struct Assignment {
        var partitions: [SourcePartition]
        var ticket: UInt64
        /// `nil` until the database has answered.
        var claims: [Claim]?
    }

    /// - Parameter status: what the pipeline before this one said there last, if there was one, is gone on from.
    package init(
        settings: PersistSettings, source: Source, store: Queue, deadLetters: any DeadLetterSink,
        control: PipelineControl, status: PersistStatus
    ) {
        self.settings = settings
        self.source = source
        self.store = store
        self.deadLetters = deadLetters
        self.control = control
        self.status = status
        candles = CandleDecoder(messageLimit: settings.messageBytes)
        trades = TradeDecoder(messageLimit: settings.messageBytes)
        keys = KeyTable(rows: settings.limits.rows)
        filling = RowBatch(limits: settings.limits, keys: keys)
        // Results for letters of an earlier pipeline, and answers to its claims, must not be taken for this one's.
        let earlier = status.snapshot
        serial = earlier.lastSerial &+ 1
        nextTicket = earlier.lastTicket + 1
        snapshot.counters = earlier.counters
        poller = Poller(source: source.readiness, control: control.descriptor)
        intake = Intake(pauseAfter: settings.pauseAfter)
    }

    /// Runs until a stop is requested and done, or the source fails for good. The caller closes the source then, on this
    /// thread, and stops the store.
    package mutating func run() {
        snapshot.phase = .running
        poller.watch(store.descriptor, generation: 1, forWriting: false)
        while !isFinished {
            let ready = poller.wait(milliseconds: waitingTime(.now))
            step(ready, now: .now)
        }
        leave()
    }

    /// One turn of the loop without waiting, as if everything were ready: for what drives a persister by its own clock.
    package mutating func turn(now: ContinuousClock.Instant) { step(.everything, now: now) }

    private mutating func step(_ ready: Poller.Ready, now: ContinuousClock.Instant) {
        if ready.contains(.source) { intake.sourceIsReady = true }
        if ready.contains(.control) { takeResults() }
        followStore(now)
        followSource(now)
        fill(now)
        seal(now)
        storeOffsets(now)
        relieve(now)
        removeOld(now)
        followStop(now)
        publish(now)
    }

    /// 0 while there is work, else the time to the next deadline; at most a second.
    private func waitingTime(_ now: ContinuousClock.Instant) -> Int32 {
        if canTake, intake.hasMore { return 0 }
        var next = NextTurn(after: now)
        next.notAfter(tendAt)
        if !toStore.isEmpty { next.notAfter(storeAt) }
        if assignment?.claims != nil { next.notAfter(assignAgainAt) }
        if assignment == nil, revocation == nil {
            next.notAfter(moveAgainAt)
            next.notAfter(fencedAskAt)
        }
        next.notAfter(revocation?.deadline)
        next.notAfter(drainDeadline)
        if sealed.isEmpty, writing == nil, let fillingSince { next.notAfter(fillingSince + settings.batchTime) }
        next.notAfter(intake.deadline)
        return next.milliseconds
    }

    // MARK: Filling

    /// Batches in memory: one that is filled, one that waits and one that is written, and more behind one with dead letters.
    /// They take a while, and so will the next one's: enough batches wait that the store always has one whose letters are
    /// written.
    var hasPlaceForAnother: Bool {
        let count = 1 + sealed.count + (writing == nil ? 0 : 1)
        return count < (sealed.last?.batch.refused.isEmpty == false ? 16 : 3)
    }

    var canTake: Bool {
        !mustSeal && !mustRestart && revocation == nil && drainDeadline == nil && unwritten.count < Self.letterLimit
            && filling.hasRoom(forRecordOf: 0)
    }
    /// Dead letters that may wait for Kafka at once.
    static var letterLimit: Int { 4_096 }

    /// Records of one turn: answers, events and the batch's time are looked at before the next one. Updates of the same
    /// candle never fill a batch.
    static var turnLimit: Int { 16_384 }

    /// Takes what there is into the batch, a few records at a time, until it is full or the turn is over.
    private mutating func fill(_ now: ContinuousClock.Instant) {
        let end = snapshot.counters.received + Self.turnLimit
        while canTake, snapshot.counters.received < end, intake.fill(from: source) {
            while intake.next < intake.count, canTake {
                guard unsafe accept(intake[intake.next], at: intake.next) else { break }
                intake.next += 1
            }
            endRun()
            intake.releaseLooked(to: source)
        }
        if filling.recordCount > 0, fillingSince == nil { fillingSince = now }
    }

    /// Looks at one record; false when the batch must be written before it can be taken.
    private mutating func accept(_ record: Record, at place: Int) -> Bool {
        let slot = unsafe Int(record.slot)
        guard slot < partitions.count, let partition = partitions[slot], partition.state == .reading else {
            return true
        }
        guard unsafe record.kind == .record else {
            unsafe partition.end = record.offset
            return true
        }
        if let heldAt = partition.heldAt, unsafe record.offset >= heldAt {
            partition.state = .held
            source.pause([partition.slot])
            return true
        }
        guard unsafe isSameLog(record, partition) else { return true }
        // One batch never holds two generations of a partition.
        if partition.stepSerial == serial, filling.steps[Int(partition.step)].generation != partition.generation {
            mustSeal = true
            return false
        }
        guard unsafe filling.hasRoom(forRecordOf: (record.value?.count ?? 0) + (record.key?.count ?? 0)) else {
            mustSeal = true
            return false
        }
        unsafe add(record, of: partition, at: place)
        return true
    }

    private mutating func add(_ record: Record, of partition: PersistPartition, at place: Int) {
        let offset = unsafe record.offset
        let step = self.step(of: partition)
        if lastOfRun?.step != step { endRun() }
        lastOfRun = (step, place)
        partition.previous = offset
        unsafe partition.takenTimestamp = record.timestamp
        filling.recordCount += 1
        snapshot.counters.received += 1
        unsafe snapshot.counters.receivedBytes += record.value?.count ?? 0
        if !partition.refusals.isEmpty, let sentence = partition.refusals[partition.generation]?[offset] {
            unsafe refuse(record, partition, step, .refusedByDatabase, sentence)
            return
        }
        switch partition.content {
        case .candles(let topic):
            if let refusal = unsafe candles.decode(record, of: topic, step: step, into: filling) {
                unsafe refuse(record, partition, step, refusal, candles.refusalDetail)
            }
        case .trades(let table):
            if let refusal = unsafe trades.decode(record, for: table, step: step, into: filling) {
                unsafe refuse(record, partition, step, refusal, trades.refusalDetail)
            }
        }
    }

    private mutating func step(of partition: PersistPartition) -> Int32 {
        if partition.stepSerial == serial { return partition.step }
        partition.step = Int32(filling.steps.count)
        partition.stepSerial = serial
        filling.steps.append(
            PartitionStep(
                source: partition.source, generation: partition.generation, fence: partition.fence,
                expectedOffset: partition.expected, nextOffset: partition.expected, lastTimestamp: -1, lastCRC32: 0))
        return partition.step
    }

    /// Moves the partition's step behind the run's last record. The checksum tells the log again after a restart.
    private mutating func endRun() {
        guard let last = lastOfRun else { return }
        let record = unsafe intake[last.record]
        filling.steps[Int(last.step)].nextOffset = unsafe record.offset + 1
        filling.steps[Int(last.step)].lastTimestamp = unsafe record.timestamp
        filling.steps[Int(last.step)].lastCRC32 = unsafe Checksum.crc32(record.value)
        lastOfRun = nil
    }

    // MARK: Is it still the same log?

    /// Compares the first record after a claim with what the database remembers, and notices offsets that fall or jump.
    /// False: this record is not to be taken.
    private mutating func isSameLog(_ record: Record, _ partition: PersistPartition) -> Bool {
        let offset = unsafe record.offset
        if let anchor = partition.anchor {
            partition.anchor = nil
            let finding = anchor.find(
                offset: offset, timestamp: unsafe record.timestamp, crc32: { unsafe Checksum.crc32(record.value) },
                logStart: source.watermarks(partition.slot)?.low ?? 0)
            switch finding {
            case .same:
                partition.previous = offset
                return false
            case .anewFromHere:
                beginAnew(partition)
                return unsafe isSameLog(record, partition)
            case .anewFromStart:
                beginAnew(partition)
                partition.moveTo = 0
                move(partition)
                return false
            case .gone(let hole): if let hole { note(hole, in: partition) }
            }
            return true
        }
        if partition.isStartGuessed {
            partition.isStartGuessed = false
            partition.start = offset
            partition.previous = offset - 1
        }
        if offset <= partition.previous { beginAnew(partition) }
        if offset > partition.previous + 1, let low = source.watermarks(partition.slot)?.low,
            low > partition.previous + 1
        {
            note(partition.previous + 1..<min(low, offset), in: partition)
        }
        return true
    }

    /// Offsets begin again: the topic was deleted and created anew. What it has lost already is a hole in it.
    private mutating func beginAnew(_ partition: PersistPartition) {
        partition.generation += 1
        partition.start = 0
        partition.previous = -1
        snapshot.counters.topicsCreatedAnew += 1
        Log.warning(
            "Topic was created anew and is read from its start",
            [
                "kafka.topic": partition.source.topic, "kafka.partition": String(partition.source.partition),
                "generation": String(partition.generation),
            ])
    }

    mutating func note(_ hole: Range<Int64>, in partition: PersistPartition) {
        filling.holes.append(
            Hole(
                source: partition.source, generation: partition.generation, from: hole.lowerBound, to: hole.upperBound))
        // A record that must wait for the next batch is looked at twice, and its hole told once.
        partition.previous = max(partition.previous, hole.upperBound - 1)
        Log.error(
            "Retention took records before they were read",
            [
                "kafka.topic": partition.source.topic, "kafka.partition": String(partition.source.partition),
                "kafka.from": String(hole.lowerBound), "kafka.to": String(hole.upperBound),
            ])
    }

    // MARK: Dead letters

    private mutating func refuse(
        _ record: Record, _ partition: PersistPartition, _ step: Int32, _ reason: PersistRefusal, _ detail: String
    ) {
        guard let handle = unsafe record.handle else { return }
        // PostgreSQL's text holds no zero byte, and a value that is quoted here may.
        let detail = detail.replacing("\0", with: "")
        let contents = unsafe source.contents(of: handle)
        let offset = unsafe record.offset
        let timestamp = unsafe record.timestamp
        filling.add(
            RefusedRecord(
                step: step, offset: offset, timestamp: timestamp, key: contents.key, value: contents.value,
                reason: reason, detail: detail))
        snapshot.counters.refuse(reason)
        let ticket = DeadLetterTicket(
            slot: partition.slot, epoch: serial, offset: offset, byteCount: contents.byteCount)
        unwritten.insert(ticket.place)
        deadLetters.submit(
            DeadLetter(
                stage: .persist, source: partition.source, offset: offset, timestamp: timestamp, contents: contents,
                reason: reason.rawValue, detail: detail, ticket: ticket), resultTo: control)
        Log.warning(
            "Record became a dead letter",
            [
                "kafka.topic": partition.source.topic, "kafka.partition": String(partition.source.partition),
                "kafka.offset": String(offset), "reason": reason.rawValue, "detail": detail,
            ])
    }

    private mutating func takeResults() {
        for result in control.takeResults() {
            switch result.outcome {
            case .written: wrote(result.ticket)
            case .delayed(let sentence): hold(result.ticket, sentence)
            }
        }
    }

    private mutating func wrote(_ ticket: DeadLetterTicket) {
        // Of a batch that was given up: its records come again, and their letters too.
        if let place = sealed.firstIndex(where: { $0.serial == ticket.epoch }) {
            if sealed[place].unwritten.remove(ticket.place) != nil { snapshot.counters.deadLettersWritten += 1 }
        } else if ticket.epoch == serial, unwritten.remove(ticket.place) != nil {
            snapshot.counters.deadLettersWritten += 1
        }
        guard let partition = partition(ticket.slot), partition.heldAt == ticket.offset else { return }
        partition.heldAt = nil
        guard partition.state == .held else { return }
        // Reading goes on behind what the database holds.
        if isInBatch(partition.source) { mustRestart = true } else { move(partition) }
    }

    /// A letter that can't be written holds up its own partition and no other: its batch is given up, and what comes before
    /// its record is read again and written.
    private mutating func hold(_ ticket: DeadLetterTicket, _ sentence: String) {
        guard let partition = partition(ticket.slot) else { return }
        let isWaitedFor = ticket.epoch == serial || sealed.contains { $0.serial == ticket.epoch }
        if isWaitedFor {
            partition.heldAt = min(partition.heldAt ?? ticket.offset, ticket.offset)
            mustRestart = true
        }
        guard partition.heldAt == ticket.offset else { return }
        if snapshot.deadLetterFailure == nil {
            status.note("dead_letter", sentence)
            Log.error(
                "Dead letter can't be written, its partition waits",
                ["kafka.topic": partition.source.topic, "kafka.offset": String(ticket.offset), "reason": sentence])
        }
        snapshot.deadLetterFailure = sentence
    }

    func partition(_ slot: Int32) -> PersistPartition? {
        Int(slot) < partitions.count ? partitions[Int(slot)] : nil
    }

    var isAllWritten: Bool { writing == nil && sealed.isEmpty && filling.isEmpty }
    var unwrittenCount: Int { sealed.reduce(unwritten.count) { $0 + $1.unwritten.count } }

    // MARK: Stopping

    private mutating func followStop(_ now: ContinuousClock.Instant) {
        switch control.requestedStop {
        case .none: return
        case .now: isFinished = true
        case .drain:
            if drainDeadline == nil {
                drainDeadline = now + settings.drainLimit
                snapshot.phase = .draining
            }
            isFinished = isAllWritten || now >= (drainDeadline ?? now)
        }
    }

    private mutating func leave() {
        intake.giveBack(to: source) { _ in true }
        storeNow()
        if control.requestedStop != .now { _ = source.commit() }
        snapshot.phase = .stopped
        snapshot.lastSerial = serial
        snapshot.lastTicket = nextTicket
        snapshot.isJoined = false
        status.publish(snapshot)
    }
}

extension DeadLetterTicket {
    /// Which record of a batch.
    struct Place: Hashable {
        let slot: Int32
        let offset: Int64
    }
    var place: Place { Place(slot: slot, offset: offset) }
}
