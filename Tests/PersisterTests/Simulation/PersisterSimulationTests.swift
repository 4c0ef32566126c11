import Foundation
import Records
import Telemetry
import TestRigs
import Testing

@testable import Persister

/// Two persisters, a cluster and a database in memory, driven turn by turn by one seed: partitions move between the
/// members, in good order or behind the back of one that stood still; the database is slow, unavailable, loses answers;
/// topics are created anew, retention takes records, partitions are without a leader for a while. In the end every record that still exists is in the database once.
@Suite struct PersisterSimulationTests {
    private static let seeds: Range<UInt64> = {
        let factor = ProcessInfo.processInfo.environment["KLINECAST_TORTURE"].flatMap(UInt64.init) ?? 1
        return 1..<(1 + 60 * factor)
    }()

    @Test(.timeLimit(.minutes(20))) func everyRecordIsInTheDatabaseOnceWhateverHappens() {
        for seed in Self.seeds {
            var world = World(seed: seed)
            world.live(turns: 400)
            world.settle()
            let faults = world.faults()
            #expect(faults.isEmpty, "seed \(seed): \(faults.prefix(5).joined(separator: "; "))")
            if !faults.isEmpty { return }
        }
    }

    /// The same seeds must have met what they are there for, or the test above shows nothing.
    @Test func theHistoriesHoldWhatTheyAreMeantToTry() {
        var sum = Tally()
        for seed in Self.seeds.prefix(60) {
            var world = World(seed: seed)
            world.live(turns: 400)
            world.settle()
            sum.add(world.tally())
        }
        #expect(sum.fenced > 20)
        #expect(sum.restarts > 20)
        #expect(sum.createdAnew > 20)
        #expect(sum.holes > 10)
        #expect(sum.deadLetters > 100)
        #expect(sum.refusedByDatabase > 10)
        #expect(sum.messages > 5_000)
        #expect(sum.unknownLimits > 20)
        #expect(sum.delays > 100)
    }
}

private struct Tally {
    var fenced = 0
    var restarts = 0
    var createdAnew = 0
    var holes = 0
    var deadLetters = 0
    var refusedByDatabase = 0
    var messages = 0
    var unknownLimits = 0
    var delays = 0

    mutating func add(_ other: Tally) {
        fenced += other.fenced
        restarts += other.restarts
        createdAnew += other.createdAnew
        holes += other.holes
        deadLetters += other.deadLetters
        refusedByDatabase += other.refusedByDatabase
        messages += other.messages
        unknownLimits += other.unknownLimits
        delays += other.delays
    }
}

private struct Member: ~Copyable {
    let source: SimulatedMember
    let queue: SimulatedQueue
    let shelf: SimulatedShelf
    var pipeline: PersistPipeline<SimulatedMember, SimulatedQueue>
    let status = PersistStatus()

    init(_ cluster: SimulatedCluster, _ database: SimulatedDatabase, _ random: SeededRandom) {
        source = SimulatedMember(cluster, random)
        queue = SimulatedQueue(database)
        shelf = SimulatedShelf(database)
        // The database takes no message whose number ends in 77.
        queue.refuses = { place in
            guard let log = cluster.logs[place.source], place.offset >= log.start, place.offset < log.end else {
                return false
            }
            return log.records[Int(place.offset - log.start)].number % 100 == 77
        }
        var settings = PersistSettings()
        settings.limits = RowBatchLimits(rows: 16, bytes: 65_536)
        settings.batchTime = .milliseconds(20)
        settings.revocationLimit = .milliseconds(200)
        settings.pauseAfter = .milliseconds(300)
        pipeline = PersistPipeline(
            settings: settings, source: source, store: queue, deadLetters: shelf, control: PipelineControl(),
            status: status)
    }
}

private struct World: ~Copyable {
    let cluster: SimulatedCluster
    let database = SimulatedDatabase()
    let partitions: [SourcePartition]
    var random: SeededRandom
    var first: Member
    var second: Member
    var now = ContinuousClock.now
    /// Who owns a partition by the group's word; a graceful move waits for the old owner.
    var owner: [SourcePartition: Int] = [:]
    var leaving: [SourcePartition: (from: Int, slot: Int32, to: Int)] = [:]
    /// Told late: a member that stood still and lost these.
    /// Slots that the group has taken back, by member, told or not.
    var gone: [Set<Int32>] = [[], []]
    var untold: [(member: Int, source: SourcePartition, slot: Int32)] = []

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        partitions = ["orders", "executions", "signals"].map { SourcePartition(topic: $0, partition: 0) }
        cluster = SimulatedCluster(partitions: partitions)
        first = Member(cluster, database, SeededRandom(seed: random.next()))
        second = Member(cluster, database, SeededRandom(seed: random.next()))
    }

    private mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }
    private func source(_ member: Int) -> SimulatedMember { member == 0 ? first.source : second.source }

    mutating func live(turns: Int) {
        for source in partitions { give(source, to: Int.random(in: 0...1, using: &random)) }
        for _ in 0..<turns {
            for source in partitions where chance(2) { cluster.append(to: source, isUsable: !chance(20)) }
            if chance(25) { moveSomething() }
            if chance(25) { changeLog() }
            if chance(25) { cluster.leaderless.formSymmetricDifference([partitions.randomElement(using: &random)!]) }
            if chance(40) { first.shelf.refused.formSymmetricDifference([partitions.randomElement(using: &random)!]) }
            if chance(40) { second.shelf.refused.formSymmetricDifference([partitions.randomElement(using: &random)!]) }
            first.source.isFailing = chance(15)
            second.source.isFailing = chance(15)
            turn(isLucky: false)
        }
    }

    /// Nothing goes wrong any more, and all that waits is told.
    mutating func settle() {
        cluster.leaderless.removeAll()
        first.shelf.refused.removeAll()
        second.shelf.refused.removeAll()
        first.source.isFailing = false
        second.source.isFailing = false
        while !untold.isEmpty { tell() }
        for _ in 0..<300 { turn(isLucky: true) }
        // A log created anew that ends just before the place where its predecessor was left is told by its next record.
        for source in partitions { cluster.append(to: source, isUsable: true) }
        for _ in 0..<300 { turn(isLucky: true) }
    }

    private mutating func turn(isLucky: Bool) {
        now += .milliseconds(Int.random(in: 1...30, using: &random))
        first.shelf.acknowledge(isLucky ? 100 : Int.random(in: 0...2, using: &random))
        second.shelf.acknowledge(isLucky ? 100 : Int.random(in: 0...2, using: &random))
        first.queue.work(luck(isLucky))
        second.queue.work(luck(isLucky))
        // A member stands still now and then.
        if isLucky || !chance(6) { first.pipeline.turn(now: now) }
        if isLucky || !chance(6) { second.pipeline.turn(now: now) }
        finishMoves()
        if !isLucky, chance(8), !untold.isEmpty { tell() }
    }

    private mutating func luck(_ isLucky: Bool) -> SimulatedQueue.Luck {
        if isLucky { return .works }
        if chance(4) { return .unavailable }
        return chance(8) ? .answerLost : .works
    }

    // MARK: The group

    private mutating func give(_ source: SourcePartition, to member: Int) {
        owner[source] = member
        self.source(member).events.append(.assigning([source]))
    }

    private mutating func moveSomething() {
        let source = partitions.randomElement(using: &random)!
        guard leaving[source] == nil, !untold.contains(where: { $0.source == source }), let old = owner[source],
            let slot = self.source(old).slot(of: source), gone[old].insert(slot).inserted
        else { return }
        if chance(2) {
            leaving[source] = (old, slot, Int.random(in: 0...1, using: &random))
            self.source(old).events.append(.revoking([slot], isLost: false))
        } else {
            // The group gives it away, and the old owner does not know.
            untold.append((old, source, slot))
            self.source(old).answersStanding = .gone
            give(source, to: 1 - old)
        }
    }

    private mutating func finishMoves() {
        for member in 0...1 {
            for slot in self.source(member).revoked {
                let moved = leaving.first { $0.value.from == member && $0.value.slot == slot }
                guard let (source, move) = moved else { continue }
                leaving[source] = nil
                give(source, to: move.to)
            }
            self.source(member).revoked.removeAll()
        }
    }

    private mutating func tell() {
        let (member, _, slot) = untold.removeFirst()
        source(member).events.append(.revoking([slot], isLost: true))
        if !untold.contains(where: { $0.member == member }) { self.source(member).answersStanding = .member }
    }

    // MARK: The logs

    private mutating func changeLog() {
        let source = partitions.randomElement(using: &random)!
        let log = cluster.logs[source]!
        if chance(4) {
            // Where somebody reads it, the library must notice: so before the new log has grown past their position.
            if [0, 1].contains(where: { (self.source($0).position(of: source) ?? 1) == 0 }) { return }
            // What the database refused is known by generation and offset: where a topic is created anew and nobody can
            // tell, or once more before anything of it is committed, records in those places become dead letters.
            if isRefusing(source) { return }
            cluster.createAnew(source)
            for member in [first.source, second.source] {
                member.goBack(in: source)
            }
        } else if log.records.count > 2 {
            cluster.retain(source, from: log.start + Int64.random(in: 1...Int64(log.records.count - 1), using: &random))
        }
    }

    private func isRefusing(_ source: SourcePartition) -> Bool {
        [first.pipeline.held(source), second.pipeline.held(source)].contains { partition in
            partition?.refusals.values.contains { !$0.isEmpty } ?? false
        }
    }

    // MARK: The oracle

    func faults() -> [String] {
        var faults = first.source.mistakes + second.source.mistakes + database.mistakes
        if first.source.openHandles + second.source.openHandles > 0 { faults.append("memory was not given back") }
        if database.rewritten > 0 { faults.append("\(database.rewritten) rows were written twice") }
        for source in partitions {
            let log = cluster.logs[source]!
            guard !log.records.isEmpty else { continue }
            guard let claim = database.claims[source], let position = claim.position, position.nextOffset == log.end
            else {
                faults.append("\(source.topic): \(log.end) is the end, \(String(describing: database.claims[source]))")
                continue
            }
            for (index, entry) in log.records.enumerated() {
                let place = SimulatedDatabase.Place(
                    source: source, generation: claim.generation, offset: log.start + Int64(index))
                let isKept = entry.isUsable && entry.number % 100 != 77
                let table = isKept ? database.messages : database.deadLetters
                if table[place] != entry.value {
                    faults.append("\(source.topic): \(entry.number) is missing at \(place)")
                }
            }
            faults += self.unexplained(source, claim.generation, below: log.start)
        }
        return faults
    }

    /// Offsets of the log that retention took: each was read before that, or lies in a recorded hole; never both.
    private func unexplained(_ source: SourcePartition, _ generation: Int64, below start: Int64) -> [String] {
        let holes = (database.holes[source] ?? []).filter { $0.generation == generation }
        // What was gone before the first claim was nobody's to read.
        let first = generation > 0 ? 0 : database.firstOffset(of: source)
        return (first..<max(first, start)).compactMap { offset in
            let place = SimulatedDatabase.Place(source: source, generation: generation, offset: offset)
            let isRead = database.messages[place] != nil || database.deadLetters[place] != nil
            let isHole = holes.contains { ($0.from..<$0.to).contains(offset) }
            if isRead == isHole { return "\(source.topic): \(offset) read \(isRead), in a hole \(isHole)" }
            return nil
        }
    }

    func tally() -> Tally {
        let counters = [first.status.snapshot.counters, second.status.snapshot.counters]
        let reason = PersistRefusal.allCases.firstIndex(of: .refusedByDatabase)!
        return Tally(
            fenced: counters.reduce(0) { $0 + $1.fenced }, restarts: counters.reduce(0) { $0 + $1.restarts },
            createdAnew: counters.reduce(0) { $0 + $1.topicsCreatedAnew }, holes: counters.reduce(0) { $0 + $1.holes },
            deadLetters: database.deadLetters.count,
            refusedByDatabase: counters.reduce(0) { $0 + $1.refusedByReason[reason] },
            messages: database.messages.count,
            unknownLimits: first.source.unknownLimits + second.source.unknownLimits,
            delays: first.shelf.delays + second.shelf.delays)
    }
}
