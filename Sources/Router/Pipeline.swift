import MarketData
package import Records
import Telemetry

/// One lane of the router: takes records, encodes them, sends them to Redis, reads the answers, stores the offsets.
///
/// All of it lives on one thread, in `run`. Batches overlap: the next one is encoded and sent while the answers of the
/// last come in. What is promised:
/// - an offset is stored only after Redis answered for the record and all before it in its partition, or the dead letter
///   that stands for it was written;
/// - a lost connection loses nothing: what has no answer is sent again, in order;
/// - after a partition was given back no late answer moves its offset, and nothing of it is sent again;
/// - memory is bounded by `BatchLimits`, whatever Redis does: without room nothing is taken, and Kafka keeps it.
///
/// Decisions are in values of their own: `Window` (what to send), `ReplyVerdict` (what a reply means),
/// `PartitionProgress` (what to commit), `BatchEncoder` (what to say). This is the loop around them.
@safe package struct Pipeline<Source: RecordSource, Sink: RecordSink>: ~Copyable {
    let lane: Lane
    let settings: PipelineSettings
    let source: Source
    let sink: Sink
    let deadLetters: any DeadLetterSink
    let control: PipelineControl
    let status: LaneStatus

    var encoder: BatchEncoder
    var window: Window
    var interlude: Interlude
    var partitions: PartitionTable
    var poller: Poller
    var snapshot = LaneSnapshot()

    /// Records taken and not yet encoded.
    var intake: Intake
    /// What the group gave us and a failure kept us from taking over; tried again at `assignAgainAt`.
    var toAssign: [SourcePartition]?
    var assignAgainAt: ContinuousClock.Instant?
    /// The loop stood still for so long that the group may have given the partitions away: nothing is taken or sent
    /// before the source has asked.
    var isDoubtful = false
    var askAgainAt: ContinuousClock.Instant?
    var lastTurn: ContinuousClock.Instant?
    /// What the group wants back, and until when it may wait for answers.
    var revocation: (slots: [Int32], deadline: ContinuousClock.Instant)?
    /// Slots whose stored offset has moved.
    var toStore: [Int32] = []
    var storeAt: ContinuousClock.Instant?

    var sinkGeneration: UInt64 = 0
    var serverRun = ""
    /// After a refusal nothing is sent before this moment.
    var sendAgainAt: ContinuousClock.Instant?
    /// The first unanswered command ran out of Redis' memory before.
    var wasDeferred = false
    /// Last values were refused for want of memory: write them all again then.
    var restoreAt: ContinuousClock.Instant?
    let replies: UnsafeMutablePointer<SinkReply>
    /// The handles of a batch, collected to be released in one call.
    let handles: UnsafeMutablePointer<OpaquePointer>
    static var replyCapacity: Int { 1024 }

    var unwritten = 0
    var unwrittenBytes = 0
    var drainDeadline: ContinuousClock.Instant?
    var isFinished = false
    var tendAt: ContinuousClock.Instant?
    var publishAt: ContinuousClock.Instant?
    var describeAt: ContinuousClock.Instant?
    /// Something was counted since the last snapshot: others shall not wait for the next record to see it.
    var hasNews = false
    /// The wall clock less the monotonic one is read once a batch: `received_at` is the time of taking.
    var wallMilliseconds: Int64 = 0

    /// - Parameter status: what the lane's pipeline before this one said there last, if there was one, is gone on from.
    package init(
        lane: Lane, settings: PipelineSettings, source: Source, sink: Sink, deadLetters: any DeadLetterSink,
        control: PipelineControl, status: LaneStatus
    ) {
        self.lane = lane
        self.settings = settings
        self.source = source
        self.sink = sink
        self.deadLetters = deadLetters
        self.control = control
        self.status = status
        encoder = BatchEncoder(
            sinks: settings.sinks, hasEnvelope: settings.hasEnvelope, limits: settings.limits,
            channels: ChannelTable(
                prefix: settings.routes.prefix, sharded: settings.sharded, keptLimit: settings.lastCacheBytes))
        window = Window(limits: settings.limits)
        let earlier = status.snapshot
        partitions = PartitionTable(after: earlier.lastEpoch)
        snapshot.counters = earlier.counters
        interlude = Interlude(limits: settings.limits)
        poller = Poller(source: source.readiness, control: control.descriptor)
        intake = Intake(pauseAfter: settings.pauseAfter)
        unsafe replies = .allocate(capacity: Self.replyCapacity)
        unsafe handles = .allocate(capacity: settings.limits.messages)
    }

    deinit {
        unsafe replies.deallocate()
        unsafe handles.deallocate()
    }

    /// Runs until a stop is requested and done, or the source fails for good. The caller closes source and sink then, on
    /// this thread.
    package mutating func run() {
        snapshot.phase = .running
        while !isFinished {
            let ready = poller.wait(milliseconds: waitingTime(ContinuousClock.now))
            step(ready, now: ContinuousClock.now)
        }
        leave()
    }

    /// One turn of the loop without waiting, as if everything were ready: for what drives a lane by its own clock.
    package mutating func turn(now: ContinuousClock.Instant) { step(.everything, now: now) }

    /// One turn of the loop; `ready` is what woke it.
    private mutating func step(_ ready: Poller.Ready, now: ContinuousClock.Instant) {
        if ready.contains(.source) { intake.sourceIsReady = true }
        if ready.contains(.control) { takeResults(now) }
        if let lastTurn, now - lastTurn > settings.standstillLimit { isDoubtful = true }
        lastTurn = now
        followSink(now)
        receive(now)
        followSource(now)
        take()
        // It may also stand still between the look at the clock and this line.
        if ContinuousClock.now - now > settings.standstillLimit { isDoubtful = true }
        send(now)
        poller.watch(sink.descriptor, generation: sink.generation, forWriting: sink.wantsWrite)
        store(now)
        relieve(now)
        followStop(now)
        publish(now)
    }

    /// 0 while there is work, else the time to the next deadline; at most a second, for the lane's heartbeat.
    private func waitingTime(_ now: ContinuousClock.Instant) -> Int32 {
        if canTake, intake.hasMore { return 0 }
        var next = NextTurn(after: now)
        next.notAfter(sink.nextDeadline)
        next.notAfter(tendAt)
        next.notAfter(assignAgainAt)
        next.notAfter(askAgainAt)
        next.notAfter(revocation?.deadline)
        next.notAfter(storeAt)
        next.notAfter(sendAgainAt)
        next.notAfter(restoreAt)
        next.notAfter(drainDeadline)
        next.notAfter(intake.deadline)
        if hasNews { next.notAfter(publishAt) }
        return next.milliseconds
    }

    // MARK: Taking

    /// Whether there is a place for records, and nothing that must come before them.
    var canTake: Bool {
        !isDoubtful && window.hasRoom && !interlude.isWanted && drainDeadline == nil
            && unwritten < settings.deadLetterLimit
            && unwrittenBytes < settings.deadLetterByteLimit
    }

    /// Takes and encodes one batch at most: it goes out, and events are looked at, before the next is taken.
    private mutating func take() {
        guard canTake, intake.hasMore else { return }
        wallMilliseconds = Timestamp.now()
        encoder.begin(at: wallMilliseconds)
        let batch = unsafe window.free
        let limits = settings.limits
        while unsafe batch.pointee.entryCount < limits.messages, unsafe batch.pointee.bodyCount < limits.bytes,
            intake.fill(from: source)
        {
            unsafe add(intake[intake.next], to: batch)
            intake.next += 1
        }
        guard unsafe batch.pointee.entryCount > 0 else { return }
        unsafe encoder.seal(&batch.pointee)
        unsafe snapshot.commandsInWindow += batch.pointee.commandCount
        unsafe snapshot.recordsInWindow += batch.pointee.entryCount
        snapshot.counters.batches += 1
        hasNews = true
        window.push()
    }

    private mutating func add(_ record: Record, to batch: UnsafeMutablePointer<Batch>) {
        guard let partition = unsafe partitions[record.slot], unsafe !partition.pointee.isRevoking else {
            if unsafe source.release(record) { snapshot.counters.returned += 1 }
            return
        }
        if unsafe record.kind == .endOfPartition {
            unsafe partition.pointee.end = record.offset
            return
        }
        snapshot.counters.received += 1
        unsafe snapshot.counters.receivedBytes += record.value?.count ?? 0
        if unsafe record.offset <= partition.pointee.previous { unsafe noteNewTopic(partition) }
        let generation = unsafe streamGeneration(of: partition, record)
        let refusal = unsafe encoder.add(record, of: partition, generation: generation, to: &batch.pointee)
        unsafe partition.pointee.previous = record.offset
        unsafe partition.pointee.inFlight += 1
        if let refusal {
            unsafe refuse(
                batch, entry: batch.pointee.entryCount - 1, stage: .route, reason: refusal,
                detail: refusal.sentence(bytes: record.value?.count ?? 0, limit: settings.limits.messageBytes))
        }
    }

    /// Offsets went back: the topic was deleted and created anew while we read it.
    private mutating func noteNewTopic(_ partition: UnsafeMutablePointer<Partition>) {
        snapshot.counters.topicsCreatedAnew += 1
        unsafe partition.pointee.previous = Partition.unknown
        unsafe partition.pointee.progress.restart(at: 0)
        unsafe partition.pointee.epoch = partitions.nextEpoch()
        unsafe partition.pointee.inFlight = 0
        if case .known(let generation) = unsafe partition.pointee.generation {
            unsafe partition.pointee.generation = .known(generation + 1)
        }
    }

    /// What stands before the offset in the stream's ids; settled by the partition's first record.
    private func streamGeneration(of partition: UnsafeMutablePointer<Partition>, _ record: Record) -> Int64 {
        if case .known(let generation) = unsafe partition.pointee.generation { return generation }
        let generation = unsafe partition.pointee.generation.settled(
            end: source.watermarks(record.slot)?.high ?? Int64.max, offset: record.offset, timestamp: record.timestamp,
            isCommitted: partition.pointee.previous != Partition.unknown)
        unsafe partition.pointee.generation = .known(generation)
        return generation
    }

    // MARK: Stopping

    private mutating func followStop(_ now: ContinuousClock.Instant) {
        switch control.requestedStop {
        case .none: return
        case .now: isFinished = true
        case .drain:
            if let drainDeadline {
                isFinished = (window.isEmpty && unwritten == 0) || now >= drainDeadline
            } else {
                drainDeadline = now + settings.drainLimit
                snapshot.phase = .draining
                returnTaken { _ in true }
                isFinished = window.isEmpty && unwritten == 0
            }
        }
    }

    private mutating func leave() {
        acknowledgeAnswered()
        storeNow()
        if control.requestedStop != .now { _ = source.commit() }
        returnTaken { _ in true }
        while !window.isEmpty {
            let batch = unsafe window.oldest
            unsafe releaseHandles(of: &batch.pointee)
            window.pop()
        }
        snapshot.phase = .stopped
        snapshot.lastEpoch = partitions.lastEpoch
        snapshot.isJoined = false
        snapshot.isSinkReady = false
        status.publish(snapshot)
    }

    /// Gives records back that were taken and not encoded.
    mutating func returnTaken(where isReturned: (Int32) -> Bool) {
        snapshot.counters.returned += intake.giveBack(to: source, where: isReturned)
    }
}
