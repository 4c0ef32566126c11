import Records
import TestRigs
import Testing

@testable import Persister

/// Single histories of a pipeline, turn by turn, over a cluster and a database in memory.
@Suite(.timeLimit(.minutes(1))) struct PersisterTurnTests {
    // MARK: Logs whose limits can't be told

    enum Before: CaseIterable {
        case nothing
        /// What the log held at first was written by an earlier process.
        case read
        /// Retention had taken the first records before anybody read them.
        case trimmed
    }

    @Test(arguments: Before.allCases)
    func aPartitionThatNobodyAnswersForIsStoredOnceWhenItIsBackAndHoldsNoOtherUp(_ before: Before) {
        let (dark, lit) = (
            SourcePartition(topic: "orders", partition: 0), SourcePartition(topic: "orders", partition: 1)
        )
        var life = Life([dark, lit])
        for _ in 0..<20 { life.append(to: [dark, lit]) }
        if before == .read { life.read([dark]) }
        if before == .trimmed { life.cluster.retain(dark, from: 5) }
        for _ in 0..<20 { life.append(to: [dark, lit]) }
        let readBefore = life.stored(dark)

        life.cluster.leaderless = [dark]
        var pipeline = life.pipeline([dark, lit])
        life.turn(&pipeline, 40)
        #expect(life.stored(lit) == Array(0..<40))
        #expect(life.stored(dark) == readBefore)

        life.cluster.leaderless = []
        life.turn(&pipeline, 40)
        #expect(life.stored(dark) == Array((before == .trimmed ? 5 : 0)..<40))
        #expect(life.database.rewritten == 0)
        #expect(life.database.mistakes + life.member.mistakes == [])
        // Nothing is missing that anybody had begun to read.
        #expect(life.database.holes.isEmpty)
        #expect(life.status.snapshot.counters.topicsCreatedAnew == 0)
    }

    // MARK: A pipeline that is replaced

    @Test func aPipelineInAnothersPlaceTakesNoAnswerToItsPredecessorsClaim() {
        let (old, new) = (
            SourcePartition(topic: "orders", partition: 0), SourcePartition(topic: "orders", partition: 1)
        )
        var life = Life([old, new])
        life.append(to: [old, new])
        var first = life.pipeline([old])
        life.fail(&first)
        var second = life.pipeline([new])
        second.turn(now: life.pass())
        // The first one's claim is answered.
        life.queue.work(.works)
        second.turn(now: life.pass())
        #expect(life.member.sources.isEmpty)
        life.turn(&second, 20)
        #expect(life.stored(new) == [0])
        #expect(life.status.snapshot.counters.fenced == 0)
    }

    @Test func aPipelineInAnothersPlaceTakesNoAnswerToItsPredecessorsWrite() {
        let source = SourcePartition(topic: "orders", partition: 0)
        var life = Life([source])
        for _ in 0..<10 { life.append(to: [source]) }
        var first = life.pipeline([source])
        life.turn(&first, untilItWrites: true)
        life.fail(&first)
        var second = life.pipeline([source])
        second.turn(now: life.pass())
        life.queue.work(.works)
        let writtenByTheFirst = life.stored(source).count
        #expect(writtenByTheFirst > 0)
        second.turn(now: life.pass())
        #expect(life.status.snapshot.counters.committed == 0)
        life.append(to: [source])
        life.turn(&second, 20)
        #expect(life.stored(source) == Array(0...10))
        #expect(life.database.rewritten == 0)
        #expect(life.status.snapshot.counters.committed == 11 - writtenByTheFirst)
    }

    @Test func aPipelineInAnothersPlaceWaitsForItsOwnDeadLetters() {
        let source = SourcePartition(topic: "orders", partition: 0)
        var life = Life([source])
        life.append(to: [source], isUsable: false)
        var first = life.pipeline([source])
        life.turn(&first, 10)
        life.fail(&first)
        let letters = life.shelf
        var second = life.pipeline([source])
        life.turn(&second, 10)
        // The first one's letter: the same record, at the same place.
        letters.acknowledge(1)
        life.turn(&second, 10)
        #expect(life.database.deadLetters.isEmpty)
        letters.acknowledge(1)
        life.turn(&second, 10)
        #expect(life.database.deadLetters.count == 1)
    }

    // MARK: One partition is no other's fault

    @Test func aLetterThatCanNotBeWrittenHoldsUpItsOwnPartitionOnly() {
        let (bad, good) = (
            SourcePartition(topic: "orders", partition: 0), SourcePartition(topic: "orders", partition: 1)
        )
        var life = Life([bad, good])
        life.shelf.refused = [bad]
        life.append(to: [bad, good])
        life.append(to: [bad, good], isUsable: false)
        for _ in 0..<100 { life.append(to: [bad, good]) }
        var pipeline = life.pipeline([bad, good])
        life.turn(&pipeline, 40) { $0.shelf.acknowledge(100) }
        #expect(life.stored(good) == [0] + Array(2..<102))
        #expect(life.stored(bad) == [0], "what comes before it is stored")
        #expect(life.database.deadLetters.count == 1)
        let told = life.status.snapshot
        #expect(told.heldPartitions == 1)
        #expect(told.partitions.first { $0.source == bad }?.heldAt == 1)
        #expect(
            PersistHealth(told, StoreSnapshot(), now: told.beat).reasons.contains(
                "persister: 1 partitions wait for dead letters that can't be written: not now"))

        life.append(to: [good])
        life.turn(&pipeline, 10) { $0.shelf.acknowledge(100) }
        #expect(life.stored(good).last == 102)
        life.shelf.refused = []
        life.turn(&pipeline, 40) { $0.shelf.acknowledge(100) }
        #expect(life.stored(bad) == [0] + Array(2..<102))
        #expect(life.database.deadLetters.count == 2)
        #expect(life.database.rewritten == 0)
        #expect(life.database.mistakes + life.member.mistakes == [])
        #expect(life.status.snapshot.heldPartitions == 0)
        #expect(life.status.snapshot.deadLetterFailure == nil)
    }

    @Test func anEndlessStreamOfUpdatesOfOneCandleIsWrittenAllTheSame() {
        let source = SourcePartition(topic: "market.data.btcusdt.1m", partition: 0)
        var life = Life([source])
        life.cluster.endless = (source, candle)
        var pipeline = life.pipeline([source])
        life.turn(&pipeline, 10)
        #expect(life.status.snapshot.counters.committed > 0)
    }

    private var candle: [UInt8] {
        Array(
            #"{"symbol":"BTCUSDT","timeframe":"1m","time":1700000040000,"open":1,"high":2,"low":1,"close":2,"volume":1}"#
                .utf8)
    }
}

/// Pipelines one after the other, each with a consumer of its own, over the same queue, letters and status.
private struct Life: ~Copyable {
    typealias Pipeline = PersistPipeline<SimulatedMember, SimulatedQueue>

    let cluster: SimulatedCluster
    let database = SimulatedDatabase()
    let queue: SimulatedQueue
    let shelf: SimulatedShelf
    let control = PipelineControl()
    let status = PersistStatus()
    /// The newest pipeline's.
    private(set) var member: SimulatedMember
    private var now = ContinuousClock.now

    init(_ partitions: [SourcePartition]) {
        cluster = SimulatedCluster(partitions: partitions)
        queue = SimulatedQueue(database)
        shelf = SimulatedShelf(database)
        member = SimulatedMember(cluster, SeededRandom(seed: 1))
    }

    func append(to sources: [SourcePartition], isUsable: Bool = true) {
        for source in sources { cluster.append(to: source, isUsable: isUsable) }
    }

    mutating func pipeline(_ partitions: [SourcePartition]) -> Pipeline {
        member = SimulatedMember(cluster, SeededRandom(seed: 1))
        member.events = [.assigning(partitions)]
        var settings = PersistSettings()
        settings.limits = RowBatchLimits(rows: 16, bytes: 65_536)
        settings.batchTime = .milliseconds(20)
        return Pipeline(
            settings: settings, source: member, store: queue, deadLetters: shelf, control: control, status: status)
    }

    /// Later than any deadline of a turn, earlier than a pause.
    mutating func pass() -> ContinuousClock.Instant {
        now += .milliseconds(250)
        return now
    }

    /// Turns of a pipeline whose database answers at once; until it has asked for a write, without answering that.
    mutating func turn(
        _ pipeline: inout Pipeline, _ count: Int = 100, untilItWrites: Bool = false,
        before: (borrowing Life) -> Void = { _ in }
    ) {
        for _ in 0..<count {
            before(self)
            pipeline.turn(now: pass())
            if untilItWrites, queue.isAskedToWrite { return }
            queue.work(.works)
        }
    }

    /// Its consumer is of no use any more, and it ends.
    func fail(_ pipeline: inout Pipeline) {
        member.events.append(.failure(code: "fenced", sentence: "another has this name", isFatal: true))
        pipeline.run()
    }

    /// An earlier process reads all there is.
    mutating func read(_ partitions: [SourcePartition]) {
        var pipeline = pipeline(partitions)
        turn(&pipeline, 20)
        fail(&pipeline)
    }

    func stored(_ source: SourcePartition) -> [Int64] {
        database.messages.keys.filter { $0.source == source }.map(\.offset).sorted()
    }
}
