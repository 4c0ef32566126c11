import MarketData
import Records
import Telemetry

/// Records that can't be delivered: on to the dead letters, and what their results mean.
extension Pipeline {
    /// Sends the entry's record to the dead letters; once, however many of its commands were refused.
    mutating func refuse(
        _ batch: UnsafeMutablePointer<Batch>, entry index: Int, stage: DeadLetter.Stage, reason: RefusalReason,
        detail: String
    ) {
        let entry = unsafe batch.pointee.entries + index
        if unsafe stage != .route && entry.pointee.isRefused { return }
        unsafe entry.pointee.isRefused = true
        snapshot.counters.refuse(reason)
        guard let partition = unsafe partitions[entry.pointee.slot],
            unsafe partition.pointee.epoch == entry.pointee.epoch, let handle = unsafe entry.pointee.handle
        else { return }
        let contents = unsafe source.contents(of: handle)
        let offset = unsafe entry.pointee.offset
        unsafe partition.pointee.progress.refuse(offset)
        unwritten += 1
        unwrittenBytes += contents.byteCount
        let ticket = unsafe DeadLetterTicket(
            slot: entry.pointee.slot, epoch: entry.pointee.epoch, offset: offset, byteCount: contents.byteCount)
        let letter = unsafe DeadLetter(
            stage: stage, source: partition.pointee.source, offset: offset, timestamp: entry.pointee.timestamp,
            contents: contents, reason: reason.rawValue, detail: detail, ticket: ticket)
        deadLetters.submit(letter, resultTo: control)
        Log.warning(
            "Record became a dead letter",
            [
                "kafka.topic": letter.source.topic, "kafka.partition": String(letter.source.partition),
                "kafka.offset": String(offset), "reason": reason.rawValue, "detail": detail,
            ])
    }

    mutating func takeResults(_ now: ContinuousClock.Instant) {
        for result in control.takeResults() {
            let ticket = result.ticket
            if case .written = result.outcome { countWritten(ticket) }
            guard let partition = unsafe partitions[ticket.slot], unsafe partition.pointee.epoch == ticket.epoch else {
                continue
            }
            switch result.outcome {
            case .written: unsafe wrote(ticket, partition, now)
            case .delayed(let sentence): unsafe delay(ticket, partition, sentence)
            }
        }
    }

    /// The letter takes no memory any more, whosever its partition is by now.
    private mutating func countWritten(_ ticket: DeadLetterTicket) {
        guard ticket.epoch > partitions.firstEpoch else { return }
        unwritten -= 1
        unwrittenBytes -= ticket.byteCount
        snapshot.counters.deadLettersWritten += 1
        if unwritten == 0 { snapshot.deadLetterFailure = nil }
    }

    private mutating func wrote(
        _ ticket: DeadLetterTicket, _ partition: UnsafeMutablePointer<Partition>, _ now: ContinuousClock.Instant
    ) {
        unsafe partition.pointee.progress.wrote(ticket.offset)
        unsafe wantStore(ticket.slot, partition, now)
        if unsafe partition.pointee.isWaiting, unsafe partition.pointee.progress.unwritten.isEmpty {
            unsafe partition.pointee.isWaiting = false
            if !intake.isPaused { source.resume([ticket.slot]) }
        }
    }

    /// The partition waits: what comes after a record that stands nowhere yet must not pass it by for ever.
    private mutating func delay(
        _ ticket: DeadLetterTicket, _ partition: UnsafeMutablePointer<Partition>, _ sentence: String
    ) {
        if snapshot.deadLetterFailure != sentence { status.note("dead_letter", sentence) }
        snapshot.deadLetterFailure = sentence
        guard unsafe !partition.pointee.isWaiting else { return }
        unsafe partition.pointee.isWaiting = true
        if !intake.isPaused { source.pause([ticket.slot]) }
    }
}
