import MarketData
import Records
import Telemetry

/// What the group gives and takes, where reading goes on, and the pauses of a full batch.
extension PersistPipeline {
    mutating func followSource(_ now: ContinuousClock.Instant) {
        if tendAt.map({ now >= $0 }) ?? true {
            tendAt = now + (source.isJoined ? .seconds(1) : .milliseconds(100))
            source.tend()
        }
        while let event = source.nextEvent() { follow(event, now) }
        if assignment?.claims != nil, assignAgainAt.map({ now >= $0 }) ?? true { assign(now) }
        if let revocation { finishRevocationIfDone(revocation.slots, deadline: revocation.deadline, now) }
        followFenced(now)
        followMoves(now)
    }

    private mutating func follow(_ event: SourceEvent, _ now: ContinuousClock.Instant) {
        switch event {
        case .assigning(let list):
            snapshot.counters.rebalances += 1
            assignment = Assignment(partitions: list, ticket: nextTicket, claims: nil)
            assignAgainAt = nil
            nextTicket += 1
            if list.isEmpty {
                assignment?.claims = []
            } else {
                store.submit(.claim(ticket: nextTicket - 1, list))
            }
        case .revoking(let slots, let isLost):
            snapshot.counters.rebalances += 1
            // Asked for again before they were taken over: there is nothing to give back but these.
            assignment = nil
            assignAgainAt = nil
            attempts = 0
            if isLost {
                revocation?.slots.removeAll { slots.contains($0) }
                giveBack(slots, commit: false)
            } else {
                for slot in slots { partitions[Int(slot)]?.state = .revoking }
                revocation = ((revocation?.slots ?? []) + slots, revocation?.deadline ?? now + settings.revocationLimit)
            }
        case .failure(let code, let sentence, let isFatal):
            snapshot.counters.sourceFailures += 1
            snapshot.sourceFailure = sentence
            status.note(code, sentence)
            if isFatal {
                Log.error("Kafka consumer failed for good", ["kafka.error": code, "reason": sentence])
                snapshot.fatal = sentence
                isFinished = true
            }
        // The records themselves tell, in their order: see `isSameLog`.
        case .positionReset: snapshot.counters.positionResets += 1
        }
    }

    // MARK: Assignment

    private mutating func assign(_ now: ContinuousClock.Instant) {
        guard let wanted = assignment, let claims = wanted.claims else { return }
        do {
            let starts = zip(claims, try limits(of: wanted.partitions)).map { ReadingStart($0, $1) }
            let assigned = try source.assign(wanted.partitions, at: starts.map(\.offset))
            assignment = nil
            assignAgainAt = nil
            attempts = 0
            for (index, partition) in assigned.enumerated() { add(partition, claims[index], starts[index]) }
            if intake.isPaused { source.pause(assigned.map(\.slot)) }
            intake.sourceIsReady = true
            Log.info(
                "Partitions assigned", ["lane": "persist", "kafka.partitions": String(assigned.count)], per: "persist")
        } catch {
            // Brokers that do not answer now: nothing is lost by asking again.
            snapshot.sourceFailure = String(describing: error)
            status.note("assign", String(describing: error))
            assignAgainAt = now + .milliseconds(500)
            Log.warning("Partitions could not be taken over", ["lane": "persist", "reason": String(describing: error)])
        }
    }

    /// The database's positions are enough to go on with where the brokers can't be asked; what is not there is found by the
    /// first record.
    private mutating func limits(of partitions: [SourcePartition]) throws -> [LogLimits?] {
        let unknown: [LogLimits?] = Array(repeating: nil, count: partitions.count)
        guard !partitions.isEmpty, attempts < 3 else { return unknown }
        attempts += 1
        return try source.limits(of: partitions)
    }

    private mutating func add(_ assigned: AssignedPartition, _ claim: Claim, _ start: ReadingStart) {
        let partition = PersistPartition(assigned, claim: claim, start: start, series: series)
        while partitions.count <= Int(assigned.slot) { partitions.append(nil) }
        slots[assigned.source] = assigned.slot
        partitions[Int(assigned.slot)] = partition
        if start.generation != claim.generation { snapshot.counters.topicsCreatedAnew += 1 }
        if let hole = start.hole { note(hole, in: partition) }
    }

    // MARK: Revocation

    private mutating func finishRevocationIfDone(
        _ slots: [Int32], deadline: ContinuousClock.Instant, _ now: ContinuousClock.Instant
    ) {
        // What was taken of them is in one of the batches, which are written first.
        guard isAllWritten || now >= deadline else { return }
        revocation = nil
        giveBack(slots, commit: true)
    }

    /// Ends all that goes on with these partitions here. What is not written of them is its next owner's: rows of theirs in
    /// a batch that is being written are fenced there.
    private mutating func giveBack(_ slots: [Int32], commit: Bool) {
        storeNow()
        let gone = Set(slots)
        intake.giveBack(to: source) { gone.contains($0) }
        let waiting = filling.steps + sealed.flatMap(\.batch.steps)
        let isInBatch = waiting.contains { step in held(step.source).map { gone.contains($0.slot) } ?? true }
        for slot in gone where Int(slot) < partitions.count {
            if let source = partitions[Int(slot)]?.source { self.slots[source] = nil }
            partitions[Int(slot)] = nil
        }
        if isInBatch { mustRestart = true }
        source.revoke(slots, commit: commit)
        Log.info(
            "Partitions given back",
            ["lane": "persist", "kafka.partitions": String(slots.count), "kafka.lost": String(!commit)],
            per: "persist")
    }

    // MARK: Moving

    /// Has a partition read again from what the database holds.
    mutating func move(_ partition: PersistPartition) {
        partition.state = .moving
        moveAgainAt = moveAgainAt ?? .now
    }

    private mutating func followMoves(_ now: ContinuousClock.Instant) {
        // What this does would be taken for the answer to a rebalance.
        guard let moveAgainAt, now >= moveAgainAt, assignment == nil, revocation == nil else { return }
        let moving = partitions.compactMap { $0 }.filter { $0.state == .moving }
        self.moveAgainAt = nil
        guard !moving.isEmpty else { return }
        do {
            let slots = Set(moving.map(\.slot))
            intake.giveBack(to: source) { slots.contains($0) }
            let offsets = moving.map { $0.placeToReadFrom() }
            try source.move(moving.map(\.slot), to: offsets)
            for partition in moving {
                partition.state = .reading
                partition.moveTo = nil
            }
            if intake.isPaused { source.pause(moving.map(\.slot)) }
            intake.sourceIsReady = true
        } catch {
            self.moveAgainAt = now + .milliseconds(500)
            status.note("move", String(describing: error))
        }
    }

    // MARK: Pauses

    mutating func relieve(_ now: ContinuousClock.Instant) {
        switch intake.relief(isFull: !canTake && drainDeadline == nil, now) {
        case nil: break
        case .resume:
            source.resume(partitions.compactMap { $0 }.filter { $0.state != .fenced && $0.state != .held }.map(\.slot))
        case .pause:
            source.pause(partitions.compactMap { $0?.slot })
            Log.warning("Partitions paused until there is room again", ["lane": "persist"])
            fallthrough
        case .ask: intake.ask(source)
        }
    }
}
