import MarketData
import Records
import Telemetry

/// What the group gives and takes, offsets, and the pauses of a full window.
extension Pipeline {
    mutating func followSource(_ now: ContinuousClock.Instant) {
        if tendAt.map({ now >= $0 }) ?? true {
            tendAt = now + (source.isJoined ? .seconds(1) : .milliseconds(100))
            source.tend()
        }
        if isDoubtful { resolveDoubt(now) }
        while let event = source.nextEvent() { follow(event, now) }
        if let toAssign, assignAgainAt.map({ now >= $0 }) ?? true { assign(toAssign, now) }
        if let revocation { finishRevocationIfDone(revocation.slots, deadline: revocation.deadline, now) }
    }

    private mutating func follow(_ event: SourceEvent, _ now: ContinuousClock.Instant) {
        switch event {
        case .assigning(let list):
            snapshot.counters.rebalances += 1
            toAssign = list
            assignAgainAt = nil
        case .revoking(let slots, let isLost):
            snapshot.counters.rebalances += 1
            // Asked for again before they were taken over: there is nothing to give back but these.
            toAssign = nil
            if isLost {
                revocation?.slots.removeAll { slots.contains($0) }
                giveBack(slots, commit: false)
            } else {
                beginRevocation(slots, now)
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
        case .positionReset(let slot, let from, let to):
            snapshot.counters.positionResets += 1
            let topic = unsafe partitions[slot]?.pointee.source.topic ?? "unknown"
            Log.warning(
                "Position is outside the log, records between are gone",
                ["kafka.topic": topic, "kafka.from": String(from), "kafka.to": String(to)])
        }
    }

    /// After a standstill (a process stopped, a machine asleep) somebody else may own what was fetched before it: the
    /// group decides. What it took is forgotten at once; the source says the same a little later, as a lost revocation.
    private mutating func resolveDoubt(_ now: ContinuousClock.Instant) {
        if let askAgainAt, now < askAgainAt { return }
        switch source.standing() {
        case .unknown:
            askAgainAt = now + .milliseconds(200)
            return
        case .member: break
        case .gone:
            Log.warning("Thread stood still, and its partitions went to others", ["lane": lane.rawValue])
            revocation = nil
            forget(Array(partitions.owned))
        }
        isDoubtful = false
        askAgainAt = nil
    }

    // MARK: Assignment

    private mutating func assign(_ wanted: [SourcePartition], _ now: ContinuousClock.Instant) {
        do {
            let assigned = try source.assign(wanted)
            toAssign = nil
            assignAgainAt = nil
            for partition in assigned { add(partition) }
            if intake.isPaused { source.pause(assigned.map(\.slot)) }
            intake.sourceIsReady = true
            Log.info(
                "Partitions assigned", ["lane": lane.rawValue, "kafka.partitions": String(assigned.count)],
                per: lane.rawValue)
        } catch {
            // Brokers that do not answer now: nothing is lost by asking again.
            snapshot.sourceFailure = String(describing: error)
            status.note("assign", String(describing: error))
            assignAgainAt = now + .milliseconds(500)
            Log.warning(
                "Partitions could not be taken over", ["lane": lane.rawValue, "reason": String(describing: error)])
        }
    }

    private mutating func add(_ assigned: AssignedPartition) {
        let route =
            settings.routes.route(assigned.source.topic)
            ?? Route(
                topic: assigned.source.topic, lane: lane, dataType: .rawMarketData, channels: [], symbol: nil,
                timeframe: nil)
        if route.channels.isEmpty { Log.error("Topic has no channel", ["kafka.topic": assigned.source.topic]) }
        let places = route.channels.map { encoder.channels.place(of: $0) }
        let hasStream = settings.sinks.contains(.stream)
        unsafe partitions.insert(
            Partition(
                source: assigned.source, isMarketData: route.isMarketData, isTrade: route.lane == .trade,
                channels: (places.first ?? -1, places.count > 1 ? places[1] : -1),
                templates: PartitionTemplates(
                    source: assigned.source, route: route,
                    streamKey: Sinks.streamKey(prefix: settings.routes.prefix, source: assigned.source),
                    streamMaximum: settings.streamMaximum),
                epoch: partitions.nextEpoch(), progress: PartitionProgress(position: assigned.position),
                previous: assigned.previous ?? Partition.unknown,
                generation: hasStream ? .unread : .known(1)),
            at: assigned.slot)
        if hasStream { interlude.streams.append(assigned.slot) }
    }

    // MARK: Revocation

    private mutating func beginRevocation(_ slots: [Int32], _ now: ContinuousClock.Instant) {
        for slot in slots { unsafe partitions[slot]?.pointee.isRevoking = true }
        revocation = ((revocation?.slots ?? []) + slots, revocation?.deadline ?? now + settings.revocationLimit)
        returnTaken { slots.contains($0) }
    }

    private mutating func finishRevocationIfDone(
        _ slots: [Int32], deadline: ContinuousClock.Instant, _ now: ContinuousClock.Instant
    ) {
        let waiting = slots.contains { slot in
            guard let partition = unsafe partitions[slot] else { return false }
            return unsafe partition.pointee.inFlight > 0 || !partition.pointee.progress.unwritten.isEmpty
        }
        guard !waiting || now >= deadline else { return }
        revocation = nil
        acknowledgeAnswered()
        storeNow()
        giveBack(slots, commit: true)
    }

    /// Ends all that goes on with these partitions here; the source holds them still.
    private mutating func forget(_ slots: [Int32]) {
        returnTaken { slots.contains($0) }
        for slot in slots { partitions.remove(slot) }
        // What was not sent yet must not overtake the partition's next owner.
        window.dropUnsent(PartitionsView(partitions))
        toStore.removeAll { slots.contains($0) }
        interlude.streams.removeAll { slots.contains($0) }
    }

    private mutating func giveBack(_ slots: [Int32], commit: Bool) {
        forget(slots)
        source.revoke(slots, commit: commit)
        Log.info(
            "Partitions given back",
            ["lane": lane.rawValue, "kafka.partitions": String(slots.count), "kafka.lost": String(!commit)],
            per: lane.rawValue)
    }

    // MARK: Offsets

    /// Notes a partition whose offset has moved. Told to the consumer four times a second: it commits once a second.
    @inline(__always) mutating func wantStore(
        _ slot: Int32, _ partition: UnsafeMutablePointer<Partition>, _ now: ContinuousClock.Instant
    ) {
        guard unsafe !partition.pointee.isToStore else { return }
        unsafe partition.pointee.isToStore = true
        toStore.append(slot)
        if storeAt == nil { storeAt = now + .milliseconds(250) }
    }

    mutating func store(_ now: ContinuousClock.Instant) {
        if let storeAt, now >= storeAt { storeNow() }
    }

    mutating func storeNow() {
        for slot in toStore {
            guard let partition = unsafe partitions[slot] else { continue }
            unsafe partition.pointee.isToStore = false
            if let offset = unsafe partition.pointee.progress.takeStorable() { source.store(slot, nextOffset: offset) }
        }
        toStore.removeAll(keepingCapacity: true)
        storeAt = nil
    }

    // MARK: Pauses

    mutating func relieve(_ now: ContinuousClock.Instant) {
        if let restoreAt, now >= restoreAt {
            self.restoreAt = nil
            snapshot.isLastDeferred = false
            restoreLast()
        }
        switch intake.relief(isFull: !canTake && drainDeadline == nil, now) {
        case nil: break
        case .resume:
            source.resume(partitions.owned.filter { slot in unsafe partitions[slot]?.pointee.isWaiting == false })
        case .pause:
            source.pause(Array(partitions.owned))
            Log.warning("Partitions paused until there is room again", ["lane": lane.rawValue])
            fallthrough
        case .ask: intake.ask(source)
        }
    }
}
