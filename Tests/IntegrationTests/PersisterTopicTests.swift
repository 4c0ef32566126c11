import Foundation
import TestRigs
import Testing

/// Topics that are deleted and created anew, and records that retention takes, while the persister rests or runs.
@Suite("A persister whose topics come, go and lose records", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct PersisterTopicTests {
    enum Second: String, CaseIterable, Sendable {
        case shorter, longer

        /// Records in the first life are 300.
        var count: Int { self == .shorter ? 60 : 700 }
    }

    /// The second life's offsets are the first one's again: only what stands at the last place tells the two apart.
    @Test(.timeLimit(.minutes(2)), arguments: PersisterDatabase.Kind.available, Second.allCases)
    func bothLivesOfATopicCreatedAnewWhileWeWereDownAreInTheTable(
        _ kind: PersisterDatabase.Kind, _ second: Second
    ) throws {
        let corner = try PersisterCorner(kind)
        let place = corner.places[0]
        let old = try corner.write(0..<300, by: try corner.writer())
        let persister = try corner.persister()
        try corner.waitFor(old, by: [persister])
        let generation = try #require(corner.database.positions(corner.group)[place]?.generation)
        #expect(persister.stop() == 0)
        try corner.delete(place.topic)
        try eventually("the topic can be created again") { (try? corner.create(place.topic)) != nil }
        let new = try corner.write(300..<300 + second.count, by: try corner.writer())
        try persister.restart()
        do {
            try eventually("the second life is in the table", within: .seconds(60), every: .milliseconds(50)) {
                let position = corner.database.positions(corner.group)[place]
                return position?.generation ?? 0 > generation && position?.next == Int64(second.count)
            }
        } catch {
            throw NeverHappened(description: "\(error)\n\(persister.process.text.suffix(5_000))")
        }
        #expect(corner.database.positions(corner.group)[place]?.generation == generation + 1)
        #expect(persister.stop() == 0)
        // Candles of the two lives are different ones: the plan goes on where it was.
        let expected =
            corner.plan.candles(after: old, in: corner.database)
            + corner.plan.candles(after: new, in: corner.database)
        #expect(try corner.database.candles(corner.symbols).difference(from: expected.sorted()) == "")
        #expect(try corner.database.number("select count(*) from holes where topic = '\(place.topic)'") == 0)
    }

    /// While we run it is the offsets that fall, or the group's word that the topic went and came.
    @Test(.timeLimit(.minutes(2))) func bothLivesOfATopicCreatedAnewWhileWeRunAreInTheTable() throws {
        let corner = try PersisterCorner(.sqlite)
        let place = corner.places[0]
        let persister = try corner.persister()
        let old = try corner.write(0..<300, by: try corner.writer())
        try corner.waitFor(old, by: [persister])
        let generation = try #require(corner.database.positions(corner.group)[place]?.generation)
        try corner.delete(place.topic)
        try eventually("the topic can be created again") { (try? corner.create(place.topic)) != nil }
        let new = try corner.write(300..<360, by: try corner.writer())
        try eventually("the second life is in the table", within: .seconds(60), every: .milliseconds(50)) {
            let position = corner.database.positions(corner.group)[place]
            return position?.generation ?? 0 > generation && position?.next == 60
        }
        #expect(persister.stop() == 0)
        let expected =
            corner.plan.candles(after: old, in: corner.database) + corner.plan.candles(after: new, in: corner.database)
        #expect(try corner.database.candles(corner.symbols).difference(from: expected.sorted()) == "")
    }

    /// The same for messages that have nothing but their place to be told apart by: both lives' rows stand side by side.
    @Test(.timeLimit(.minutes(2)), arguments: PersisterDatabase.Kind.available)
    func tradeMessagesOfBothLivesAreKeptApart(_ kind: PersisterDatabase.Kind) throws {
        // A topic of everybody can't be deleted under the other tests: a Kafka of its own.
        let kafka = try KafkaCluster()
        let corner = try PersisterCorner(kind, trade: ["executions"], kafka: kafka)
        let writer = try corner.writer()
        let old = try corner.write(0..<100, by: writer).filter { $0.place.topic == "executions" }
        let persister = try corner.persister()
        try corner.waitFor(old, by: [persister])
        #expect(persister.stop() == 0)
        try corner.delete("executions")
        try eventually("the topic can be created again") { (try? corner.create("executions")) != nil }
        let new = try corner.write(100..<200, by: try corner.writer()).filter { $0.place.topic == "executions" }
        try persister.restart()
        let kept = try eventually("both lives are in the table", every: .milliseconds(50)) {
            let kept = try corner.trades("executions")
            return kept.count >= old.count + new.count ? kept : nil
        }
        #expect(persister.stop() == 0)
        let numbers = Dictionary(grouping: kept, by: \.generation).mapValues { Set($0.map(\.number)) }
        #expect(kept.count == old.count + new.count)
        #expect(Set(numbers.values) == [Set(old.map(\.number)), Set(new.map(\.number))])
    }

    /// Retention takes what lies before an offset while we are down: some that were not read, or all of them.
    @Test(.timeLimit(.minutes(2)), arguments: PersisterDatabase.Kind.available, [400, 500])
    func whatRetentionTookWhileWeWereDownIsAHoleAndNothingElse(_ kind: PersisterDatabase.Kind, _ first: Int64) throws {
        let corner = try PersisterCorner(kind)
        let place = corner.places[0]
        let writer = try corner.writer()
        let persister = try corner.persister()
        try corner.waitFor(try corner.write(0..<300, by: writer), by: [persister])
        #expect(persister.stop() == 0)
        try corner.write(300..<500, by: writer)
        try corner.deleteRecords(place, before: first)
        try persister.restart()
        try persister.waitUntilReady()
        let written = try corner.write(500..<520, by: writer)
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        try corner.check(written.filter { $0.offset < 300 || $0.offset >= first })
        let holes = try corner.database.rows(
            "select \"partition\", generation, from_offset, to_offset from holes where topic = '\(place.topic)'")
        let generation = try #require(corner.database.positions(corner.group)[place]?.generation)
        #expect(holes == [["0", "\(generation)", "300", "\(first)"]])
    }

    /// Retention that only took what we had: no hole.
    @Test(.timeLimit(.minutes(2))) func whatRetentionTookBehindUsIsNoHole() throws {
        let corner = try PersisterCorner(.sqlite)
        let writer = try corner.writer()
        let persister = try corner.persister()
        try corner.waitFor(try corner.write(0..<300, by: writer), by: [persister])
        #expect(persister.stop() == 0)
        try corner.deleteRecords(corner.places[0], before: 300)
        try persister.restart()
        let written = try corner.write(300..<320, by: writer)
        try corner.waitFor(written, by: [persister])
        #expect(persister.stop() == 0)
        try corner.check(written)
        let position = try #require(corner.database.positions(corner.group)[corner.places[0]])
        #expect(position.next == 320)
        #expect(try corner.database.number("select count(*) from holes where topic = '\(corner.places[0].topic)'") == 0)
    }
}
