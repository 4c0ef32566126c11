import Records
import Telemetry

/// Batches on their way to the database, and what its answers mean.
extension PersistPipeline {
    /// Hands the batch over when the store is free and the batch is full, old enough, or waited for. One that is full while the
    /// store is busy, or while its dead letters are on their way, stands aside and the next is filled.
    mutating func seal(_ now: ContinuousClock.Instant) {
        if !mustRestart, !filling.isEmpty {
            let isFull = mustSeal || !filling.hasRoom(forRecordOf: 0)
            let isOld = fillingSince.map { now >= $0 + settings.batchTime } ?? true
            let isWanted = isOld || revocation != nil || drainDeadline != nil
            if isFull && hasPlaceForAnother || isWanted && writing == nil && sealed.isEmpty { standAside() }
        }
        guard let first = sealed.first, first.unwritten.isEmpty, writing == nil, !mustRestart else { return }
        sealed.removeFirst()
        writing = first.batch
        snapshot.counters.batches += 1
        store.submit(.write(first.batch))
    }

    private mutating func standAside() {
        filling.series = series.all
        for step in filling.steps { held(step.source)?.expected = step.nextOffset }
        sealed.append(Sealed(batch: filling, serial: serial, unwritten: unwritten))
        filling = free.popLast() ?? RowBatch(limits: settings.limits, keys: keys)
        beginBatch()
    }

    /// As many as are used while nothing is wrong; a batch holds megabytes.
    private mutating func keep(_ batch: RowBatch) { if free.count < 2 { free.append(batch) } }

    private mutating func beginBatch() {
        filling.clear()
        serial &+= 1
        fillingSince = nil
        mustSeal = false
        unwritten.removeAll(keepingCapacity: true)
    }

    /// Whether a batch in memory moves the partition on.
    func isInBatch(_ source: SourcePartition) -> Bool {
        let batches = [filling] + sealed.map(\.batch) + (writing.map { [$0] } ?? [])
        return batches.contains { $0.steps.contains { $0.source == source } }
    }

    func held(_ source: SourcePartition) -> PersistPartition? {
        slots[source].flatMap { partitions[Int($0)] }
    }

    mutating func followStore(_ now: ContinuousClock.Instant) {
        for answer in store.takeAnswers() {
            switch answer {
            case .claimed(let ticket, let claims):
                if assignment?.ticket == ticket, assignment?.partitions.count == claims.count {
                    assignment?.claims = claims
                }
                reclaimed(ticket, claims)
            case .wrote(let batch, let report, let duration):
                guard takeBack(batch) else { continue }
                noteWritten(batch, report, duration)
            case .fenced(let batch, let lost):
                guard takeBack(batch) else { continue }
                becomeFenced(lost, now)
                mustRestart = true
            case .refused(let batch, let rows):
                guard takeBack(batch) else { continue }
                remember(rows, of: batch)
                mustRestart = true
            case .removed(let count):
                snapshot.counters.candlesRemoved += count
                // More of them wait: the next round as soon as the store has time.
                removeAt = now + (count < Self.removeLimit ? .seconds(600) : .milliseconds(100))
            }
        }
        if mustRestart, writing == nil { restart() }
    }

    /// False for a batch of the pipeline that this one took the place of.
    private mutating func takeBack(_ batch: RowBatch) -> Bool {
        guard batch === writing else { return false }
        keep(batch)
        writing = nil
        return true
    }

    private mutating func noteWritten(_ batch: RowBatch, _ report: WriteReport, _ duration: Duration) {
        for step in batch.steps {
            guard let partition = held(step.source), partition.fence == step.fence else { continue }
            partition.committed = StoredPosition(
                nextOffset: step.nextOffset, lastTimestamp: step.lastTimestamp, lastCRC32: step.lastCRC32)
            partition.committedGeneration = step.generation
            partition.decided = nil
            partition.committedTimestamp = step.lastTimestamp
            if !partition.isToStore { toStore.append(partition) }
            partition.isToStore = true
            if !partition.refusals.isEmpty {
                partition.refusals[step.generation] = partition.refusals[step.generation]?
                    .filter { $0.key >= step.nextOffset }
            }
        }
        snapshot.counters.note(report, of: batch, took: duration)
    }

    /// Hands offsets to the consumer, which commits them, so that Kafka's tools show the lag. Once a second: the library looks
    /// for a topic among all of them, name by name.
    mutating func storeOffsets(_ now: ContinuousClock.Instant) {
        guard !toStore.isEmpty, storeAt.map({ now >= $0 }) ?? true else { return }
        storeAt = now + .seconds(1)
        storeNow()
    }

    mutating func storeNow() {
        guard !toStore.isEmpty else { return }
        for partition in toStore {
            partition.isToStore = false
            guard held(partition.source) === partition, let next = partition.committed?.nextOffset else { continue }
            source.store(partition.slot, nextOffset: next)
        }
        toStore.removeAll(keepingCapacity: true)
        settings.failpoint(.afterStore)
    }

    private func remember(_ rows: [StoreError.RefusedRow], of batch: RowBatch) {
        for row in rows {
            guard let partition = held(row.source), let step = batch.steps.first(where: { $0.source == row.source })
            else { continue }
            partition.refusals[step.generation, default: [:]][row.offset] = row.sentence
        }
    }

    /// Gives up what is not written: what the database refused holds rows of many partitions, and a coalesced row may stand for
    /// another's. Everything since the last commit is read again.
    private mutating func restart() {
        mustRestart = false
        for batch in sealed { keep(batch.batch) }
        sealed.removeAll()
        beginBatch()
        for case let partition? in partitions where partition.state == .reading || partition.state == .held {
            move(partition)
        }
        snapshot.counters.restarts += 1
    }

    // MARK: Fenced

    private mutating func becomeFenced(_ lost: [SourcePartition], _ now: ContinuousClock.Instant) {
        snapshot.counters.fenced += 1
        let slots = lost.compactMap { held($0) }
        for partition in slots where partition.state != .revoking { partition.state = .fenced }
        source.pause(slots.map(\.slot))
        fencedAskAt = now
        Log.warning(
            "Others have claimed partitions, nothing of theirs was written",
            ["kafka.partitions": lost.map { "\($0.topic)/\($0.partition)" }.joined(separator: ",")])
    }

    /// Whoever froze past its session learns here that the partitions are others'. A member that still holds them claims
    /// them again: somebody's mistake had claimed them.
    mutating func followFenced(_ now: ContinuousClock.Instant) {
        guard let fencedAskAt, now >= fencedAskAt, revocation == nil, assignment == nil else { return }
        let fenced = partitions.compactMap { $0 }.filter { $0.state == .fenced }
        guard !fenced.isEmpty else {
            self.fencedAskAt = nil
            return
        }
        self.fencedAskAt = now + .seconds(1)
        guard reclaim == nil, source.standing() == .member else { return }
        reclaim = (nextTicket, fenced.map(\.slot))
        nextTicket += 1
        store.submit(.claim(ticket: reclaim!.ticket, fenced.map(\.source)))
    }

    private mutating func reclaimed(_ ticket: UInt64, _ claims: [Claim]) {
        guard let reclaim, reclaim.ticket == ticket else { return }
        self.reclaim = nil
        for (slot, claim) in zip(reclaim.slots, claims) {
            guard let partition = partition(slot), partition.state == .fenced else { continue }
            partition.fence = claim.fence
            partition.committed = claim.position
            partition.committedGeneration = claim.generation
            // Committed, though we never heard the answer.
            if let decided = partition.decided, claim.generation >= decided.generation { partition.decided = nil }
            move(partition)
        }
    }

    // MARK: Retention

    static var removeLimit: Int { 5_000 }

    mutating func removeOld(_ now: ContinuousClock.Instant) {
        guard let retention = settings.retention, writing == nil, now >= removeAt ?? now else { return }
        // Asked again when the answer is there.
        removeAt = now + .seconds(3_600)
        let milliseconds = retention.components.seconds * 1_000
        store.submit(.remove(before: Timestamp.now() - milliseconds, limit: Self.removeLimit))
    }
}
