import MarketData
import Records
import Telemetry

/// Sending, reading answers, and what follows from them.
extension Pipeline {
    /// Lets the connection take its next step and notices when it is another one.
    mutating func followSink(_ now: ContinuousClock.Instant) {
        sink.advance(now: now)
        if sink.isReady != snapshot.isSinkReady || (!sink.isReady && sink.failureSentence != snapshot.sinkFailure) {
            noteSink()
        }
        if sink.generation != sinkGeneration {
            sinkGeneration = sink.generation
            snapshot.counters.resent += window.unanswered.begun
            window.rewind(PartitionsView(partitions))
            snapshot.commandsInWindow = window.unanswered.all
            interlude.restart()
        }
        guard sink.isReady, sink.serverRun != serverRun else { return }
        // Another process of the server than the one we filled: its memory may be empty.
        if !serverRun.isEmpty { restoreLast() }
        serverRun = sink.serverRun
    }

    /// The connection came, went, or failed in another way than before.
    private mutating func noteSink() {
        let isReady = sink.isReady
        snapshot.isSinkReady = isReady
        snapshot.sinkFailure = isReady ? nil : sink.failureSentence
        if isReady {
            snapshot.counters.connections += 1
            Log.info("Redis is ready", ["lane": lane.rawValue], per: lane.rawValue)
        } else if let sentence = snapshot.sinkFailure {
            status.note("redis", sentence)
            Log.warning("Redis is not ready", ["lane": lane.rawValue, "reason": sentence], per: lane.rawValue)
        }
    }

    // MARK: Sending

    mutating func send(_ now: ContinuousClock.Instant) {
        guard sink.isReady, !isDoubtful else { return }
        if let sendAgainAt {
            guard now >= sendAgainAt else { return }
            self.sendAgainAt = nil
        }
        if interlude.isWanted, !interlude.isActive, !window.hasOutstanding { fillInterlude() }
        if interlude.isActive {
            while !interlude.batch.isSent {
                guard interlude.batch.write(to: sink, upTo: interlude.batch.byteCount, now) else { return }
            }
            return
        }
        while let (batch, limit) = unsafe window.nextToSend() {
            // While an interlude waits for the last answers nothing new may join them; what was begun is ended.
            if interlude.isWanted, unsafe !batch.pointee.isBegun { return }
            guard unsafe batch.pointee.write(to: sink, upTo: limit, now) else { return }
        }
        completeOldest(now)
    }

    private mutating func fillInterlude() {
        // A batch that has its SETs behind it and PUBLISHes before it counts, too: those SETs are not sent again.
        if !window.isEmpty {
            let batch = unsafe window.oldest
            unsafe keepLast(&batch.pointee)
        }
        let prefix = settings.routes.prefix
        var keys: [Int32: String] = [:]
        for slot in interlude.streams {
            if let partition = unsafe partitions[slot] {
                keys[slot] = unsafe Sinks.streamKey(prefix: prefix, source: partition.pointee.source)
            }
        }
        _ = interlude.fill(channels: encoder.channels, limits: settings.limits) { keys[$0] }
    }

    // MARK: Answers

    mutating func receive(_ now: ContinuousClock.Instant) {
        let generation = sink.generation
        while sink.isReady {
            let count = unsafe sink.replies(into: replies, capacity: Self.replyCapacity, now: now)
            for index in 0..<count {
                unsafe take(replies[index], isLast: index == count - 1, now)
                // Failing the connection over one reply makes the rest of them meaningless.
                if sink.generation != generation || !sink.isReady { return }
            }
            if count == 0 { break }
        }
        completeOldest(now)
    }

    private mutating func take(_ reply: SinkReply, isLast: Bool, _ now: ContinuousClock.Instant) {
        if interlude.isActive {
            answerInterlude(reply, now)
            return
        }
        // Whole batches without commands (each record a dead letter) stand in the line, too.
        while !window.isEmpty, unsafe window.oldest.pointee.isAcknowledged { completeOldest(now) }
        guard !window.isEmpty else {
            failSink("Redis sent a reply that no command asked for", now)
            return
        }
        let batch = unsafe window.oldest
        let index = unsafe batch.pointee.acknowledgedCommands
        let command = unsafe batch.pointee.command(index)
        if reply.kind == .integer, unsafe command.command == .publish {
            unsafe count(receivers: reply.integer, of: command)
            unsafe accept(batch)
            return
        }
        let refusal = reply.kind == .error ? sink.classifyReplyText() : nil
        let verdict = unsafe ReplyVerdict.on(command.command, reply.kind, refusal: refusal, wasDeferred: wasDeferred)
        unsafe follow(verdict, command, batch, isOutOfMemory: refusal == .outOfMemory, now)
    }

    private mutating func follow(
        _ verdict: ReplyVerdict, _ command: Batch.CommandRecord, _ batch: UnsafeMutablePointer<Batch>,
        isOutOfMemory: Bool, _ now: ContinuousClock.Instant
    ) {
        switch verdict {
        case .accepted:
            if unsafe command.command == .set { snapshot.counters.lastWritten += 1 }
            unsafe accept(batch)
        case .duplicate:
            snapshot.counters.duplicatesInStream += 1
            unsafe accept(batch)
        case .refused:
            let stage: DeadLetter.Stage = unsafe command.command == .append ? .stream : .publish
            unsafe refuse(
                batch, entry: Int(command.entry), stage: stage,
                reason: wasDeferred && stage == .stream ? .behindStream : .refusedByRedis, detail: sink.replyText)
            unsafe accept(batch)
        case .lastRefused:
            snapshot.counters.lastRefused += 1
            Log.warning("Last value refused by Redis", ["redis.reply": sink.replyText])
            unsafe accept(batch)
        case .lastDeferred:
            snapshot.counters.lastDeferred += 1
            snapshot.isLastDeferred = true
            restoreAt = restoreAt ?? now + .seconds(1)
            unsafe accept(batch)
        case .again:
            let sentence = sink.replyText
            wasDeferred = wasDeferred || isOutOfMemory
            sendAgainAt = now + .milliseconds(200)
            failSink(sentence, now)
        case .outOfStep:
            failSink("Redis answered a command with a reply of another kind", now)
        }
    }

    private mutating func accept(_ batch: UnsafeMutablePointer<Batch>) {
        unsafe batch.pointee.acknowledgedCommands += 1
        snapshot.commandsInWindow -= 1
        snapshot.counters.commandsAnswered += 1
        if window.isProbing {
            window.isProbing = false
            snapshot.refusal = nil
            wasDeferred = false
        }
    }

    /// Gives the connection up. Everything without an answer is sent again on the next one, its first command alone until
    /// Redis takes it: a refusal that lasts then repeats one command, not a window of them.
    private mutating func failSink(_ sentence: String, _ now: ContinuousClock.Instant) {
        window.isProbing = true
        snapshot.refusal = sentence
        sink.fail(sentence, now: now)
    }

    private mutating func count(receivers: Int64, of command: Batch.CommandRecord) {
        let channel = unsafe encoder.channels.channels + Int(command.channel)
        if unsafe receivers < channel.pointee.receivers {
            snapshot.counters.receiversDropped += Int(unsafe channel.pointee.receivers - receivers)
            unsafe Log.info(
                "Channel has fewer subscribers than before",
                ["redis.channel": channel.pointee.name, "redis.receivers": String(receivers)])
        }
        unsafe channel.pointee.receivers = receivers
        snapshot.counters.receivers += Int(receivers)
    }

    private mutating func answerInterlude(_ reply: SinkReply, _ now: ContinuousClock.Instant) {
        let command = unsafe interlude.batch.command(interlude.batch.acknowledgedCommands)
        let refusal = reply.kind == .error ? sink.classifyReplyText() : nil
        let verdict = unsafe ReplyVerdict.on(command.command, reply.kind, refusal: refusal, wasDeferred: false)
        switch verdict {
        case .again:
            sendAgainAt = now + .milliseconds(200)
            sink.fail(sink.replyText, now: now)
            return
        case .outOfStep:
            sink.fail("Redis answered a command with a reply of another kind", now: now)
            return
        case .lastDeferred:
            restoreAt = restoreAt ?? now + .seconds(1)
            snapshot.isLastDeferred = true
        case .lastRefused:
            snapshot.counters.lastRefused += 1
        case .accepted, .duplicate, .refused:
            if unsafe command.command == .streamHead {
                unsafe foundStreamHead(command.entry, text: verdict == .accepted ? sink.replyText : "")
            } else {
                snapshot.counters.lastRestored += 1
            }
        }
        interlude.batch.acknowledgedCommands += 1
        if interlude.batch.isAcknowledged { interlude.isActive = false }
    }

    private func foundStreamHead(_ slot: Int32, text: String) {
        guard let partition = unsafe partitions[slot], unsafe partition.pointee.generation == .unread else { return }
        unsafe partition.pointee.generation = StreamHead(text).map { .found($0) } ?? .known(1)
    }

    // MARK: Done

    /// Frees the oldest batches that have all their answers, and notes what they moved.
    mutating func completeOldest(_ now: ContinuousClock.Instant) {
        guard window.oldestIsDone else { return }
        wallMilliseconds = Timestamp.now()
        hasNews = true
        while window.oldestIsDone {
            let batch = unsafe window.oldest
            unsafe acknowledge(&batch.pointee, now)
            unsafe keepLast(&batch.pointee)
            window.pop()
        }
        snapshot.stalledSince = window.isEmpty ? nil : now
    }

    /// Notes what the oldest batch has answers for, though it is not done: on the way out that much need not come twice.
    mutating func acknowledgeAnswered() {
        guard !window.isEmpty else { return }
        let batch = unsafe window.oldest
        for index in unsafe 0..<batch.pointee.answeredEntries {
            let entry = unsafe batch.pointee.entries[index]
            guard let partition = unsafe partitions[entry.slot], unsafe partition.pointee.epoch == entry.epoch else {
                continue
            }
            unsafe partition.pointee.progress.acknowledge(entry.offset)
            unsafe wantStore(entry.slot, partition, .now)
        }
    }

    private mutating func acknowledge(_ batch: inout Batch, _ now: ContinuousClock.Instant) {
        var routed = 0
        releaseHandles(of: &batch)
        for index in 0..<batch.entryCount {
            let entry = unsafe batch.entries + index
            if unsafe !entry.pointee.isRefused {
                routed += 1
                if unsafe entry.pointee.isHighPriority { snapshot.counters.highPriorityRouted += 1 }
                unsafe measure(entry.pointee.timestamp)
            }
            guard let partition = unsafe partitions[entry.pointee.slot],
                unsafe partition.pointee.epoch == entry.pointee.epoch
            else { continue }
            unsafe partition.pointee.progress.acknowledge(entry.pointee.offset)
            unsafe partition.pointee.inFlight -= 1
            unsafe partition.pointee.lastTimestamp = entry.pointee.timestamp
            unsafe wantStore(entry.pointee.slot, partition, now)
        }
        snapshot.counters.routed += routed
        snapshot.recordsInWindow -= batch.entryCount
    }

    func releaseHandles(of batch: inout Batch) {
        var count = 0
        for index in 0..<batch.entryCount {
            guard let handle = unsafe batch.entries[index].handle else { continue }
            unsafe handles[count] = handle
            count += 1
        }
        unsafe source.release(handles, count: count)
    }

    /// From the record's time to now, in a bucket of 2^n milliseconds.
    @inline(__always) private mutating func measure(_ timestamp: Int64) {
        guard timestamp >= 0 else { return }
        let latency = max(0, wallMilliseconds - timestamp)
        let bucket = latency <= 1 ? 0 : 64 - (latency - 1).leadingZeroBitCount
        snapshot.counters.latencyBuckets[min(bucket, 15)] += 1
        snapshot.counters.latencyMilliseconds += Int(latency)
        snapshot.counters.latencyCount += 1
    }

    /// Has all last values written again, before the next record.
    mutating func restoreLast() {
        if settings.sinks.contains(.last) { interlude.nextChannel = 0 }
    }

    /// Copies the payloads of the batch's answered SETs: they are what Redis holds, or held.
    private mutating func keepLast(_ batch: inout Batch) {
        for index in 0..<min(batch.acknowledgedCommands, batch.prologueCommandCount) {
            let command = unsafe batch.prologueCommands[index]
            let start = batch.start(ofCommand: index)
            let head = unsafe encoder.channels.channels[Int(command.channel)].setHead.count
            // The command is head, digits, line end, payload, line end; the payload's length decides the digits' number.
            let rest = unsafe Int(command.end) - start - head - 4
            var digits = 1
            while decimalDigits(UInt64(rest - digits)) > digits { digits += 1 }
            let payload = unsafe UnsafeRawBufferPointer(
                start: batch.prologue + start + head + digits + 2, count: rest - digits)
            unsafe encoder.channels.keep(Int(command.channel), payload: payload)
        }
    }
}
