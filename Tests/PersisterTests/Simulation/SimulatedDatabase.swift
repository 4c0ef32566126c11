import Records

@testable import Persister

/// What a store promises, in memory: one transaction or nothing, fences, and the recognition of a batch that had been
/// committed before.
final class SimulatedDatabase {
    struct Place: Hashable {
        let source: SourcePartition
        let generation: Int64
        let offset: Int64
    }
    private(set) var claims: [SourcePartition: Claim] = [:]
    private(set) var messages: [Place: [UInt8]] = [:]
    private(set) var deadLetters: [Place: [UInt8]] = [:]
    private(set) var holes: [SourcePartition: [Hole]] = [:]
    /// Rows that were written a second time with the same key.
    private(set) var rewritten = 0
    var mistakes: [String] = []
    /// Values that the dead-letter topic has acknowledged.
    var shelved: Set<[UInt8]> = []

    func claim(_ partitions: [SourcePartition]) -> [Claim] {
        partitions.map { source in
            let old = claims[source] ?? Claim(fence: 0, generation: 0, position: nil)
            let new = Claim(fence: old.fence + 1, generation: old.generation, position: old.position)
            claims[source] = new
            return new
        }
    }

    /// The first offset of the first generation that is known here; all of them when there is none.
    func firstOffset(of source: SourcePartition) -> Int64 {
        let read = (Array(messages.keys) + Array(deadLetters.keys))
            .filter { $0.source == source && $0.generation == 0 }.map(\.offset)
        let lost = (holes[source] ?? []).filter { $0.generation == 0 }.map(\.from)
        return (read + lost).min() ?? .max
    }

    func write(_ batch: RowBatch) throws(StoreError) -> WriteReport {
        let isMoved = batch.steps.allSatisfy { step in
            claims[step.source]?.fence == step.fence && claims[step.source]?.position?.nextOffset == step.nextOffset
                && claims[step.source]?.generation == step.generation
        }
        if isMoved, !batch.steps.isEmpty { return WriteReport() }
        let lost = batch.steps.filter {
            claims[$0.source]?.fence != $0.fence
                || (claims[$0.source]?.position?.nextOffset ?? -1) != $0.expectedOffset
        }
        if !lost.isEmpty { throw .fenced(lost.map(\.source)) }
        for step in batch.steps {
            claims[step.source] = Claim(
                fence: step.fence, generation: step.generation,
                position: StoredPosition(
                    nextOffset: step.nextOffset, lastTimestamp: step.lastTimestamp, lastCRC32: step.lastCRC32))
        }
        for row in batch.trades { add(row.message, at: place(row.step, row.offset, batch), to: \.messages) }
        for row in batch.refused {
            if !shelved.contains(row.value ?? []) { mistakes.append("a dead letter's row came before its letter") }
            add(row.value ?? [], at: place(row.step, row.offset, batch), to: \.deadLetters)
        }
        for hole in batch.holes {
            var known = holes[hole.source] ?? []
            known.removeAll { $0.generation == hole.generation && $0.from == hole.from && $0.to <= hole.to }
            holes[hole.source] = known + [hole]
        }
        return WriteReport()
    }

    private func place(_ step: Int32, _ offset: Int64, _ batch: RowBatch) -> Place {
        let step = batch.steps[Int(step)]
        if offset >= step.nextOffset { mistakes.append("a row lies behind its partition's step") }
        return Place(source: step.source, generation: step.generation, offset: offset)
    }

    private func add(
        _ value: [UInt8], at place: Place, to table: ReferenceWritableKeyPath<SimulatedDatabase, [Place: [UInt8]]>
    ) {
        if let known = self[keyPath: table][place] {
            rewritten += 1
            if known != value { mistakes.append("another message stood at \(place)") }
        }
        self[keyPath: table][place] = value
    }
}

/// One member's way to the database: slow, now and then unavailable, and its answers may get lost.
final class SimulatedQueue: StoreQueue {
    let descriptor: Int32 = -1
    private let database: SimulatedDatabase
    private var requests: [StoreRequest] = []
    private var answers: [StoreAnswer] = []
    /// Messages that the database refuses by its own rules.
    var refuses: (SimulatedDatabase.Place) -> Bool = { _ in false }

    init(_ database: SimulatedDatabase) { self.database = database }

    var isIdle: Bool { requests.isEmpty && answers.isEmpty }
    var isAskedToWrite: Bool { if case .write? = requests.first { true } else { false } }
    func submit(_ request: StoreRequest) { requests.append(request) }
    func takeAnswers() -> [StoreAnswer] {
        defer { answers.removeAll() }
        return answers
    }

    enum Luck { case works, unavailable, answerLost }

    /// Does the oldest request; without luck it stays, done or not.
    func work(_ luck: Luck) {
        guard let request = requests.first, luck != .unavailable else { return }
        let answer = perform(request)
        if luck == .answerLost { return }
        requests.removeFirst()
        answers.append(answer)
    }

    private func perform(_ request: StoreRequest) -> StoreAnswer {
        switch request {
        case .claim(let ticket, let partitions): return .claimed(ticket: ticket, database.claim(partitions))
        case .remove: return .removed(0)
        case .write(let batch):
            let refused = batch.trades.filter { row in
                let step = batch.steps[Int(row.step)]
                return refuses(
                    SimulatedDatabase.Place(source: step.source, generation: step.generation, offset: row.offset))
            }
            if !refused.isEmpty {
                return .refused(
                    batch,
                    refused.map {
                        StoreError.RefusedRow(
                            source: batch.steps[Int($0.step)].source, offset: $0.offset, sentence: "not here")
                    })
            }
            do throws(StoreError) {
                return .wrote(batch, try database.write(batch), .milliseconds(1))
            } catch {
                guard case .fenced(let lost) = error else { preconditionFailure("only fences stop this database") }
                return .fenced(batch, lost)
            }
        }
    }
}
