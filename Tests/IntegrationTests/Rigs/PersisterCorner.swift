import Foundation
import Kafka
import TestRigs
import Testing

/// A test's own corner: topics, a group and a database that nobody else uses, on a Kafka that the persister's tests share.
final class PersisterCorner {
    /// Not the router tests' Kafka: both sides read all of the trade topics.
    private static let cluster = Result { try KafkaCluster().keptUntilExit() }

    let kafka: KafkaCluster
    let database: PersisterDatabase
    let name: String
    /// `market.data.<name><index>.1m`, then the trade topics that were asked for.
    let places: [KafkaPlace]
    let plan: PersisterPlan
    let offsets: KafkaGroup
    private let admin: Admin

    /// The group of the persister in Kafka and in `consumer_offsets`.
    var group: String { "\(name).persister" }
    /// What each of this corner's symbols begins with, as the table spells it.
    var symbols: String { name.uppercased() }

    /// - Parameter trade: topics beside the market's, in one partition each.
    init(
        _ kind: PersisterDatabase.Kind, topics: Int = 1, partitions: Int = 1, trade: [String] = [],
        server: PostgresServer? = nil, database: PersisterDatabase? = nil, kafka: KafkaCluster? = nil
    ) throws {
        let kafka = try kafka ?? Self.cluster.get()
        self.kafka = kafka
        let name = "p" + String(UInt32.random(in: 1 << 28 ... .max), radix: 36)
        self.name = name
        self.database = try database ?? PersisterDatabase(kind, server: server)
        admin = try Admin(settings: KafkaSettings(brokers: kafka.bootstrap))
        let market = (0..<topics).map { "market.data.\(name)\($0).1m" }
        places =
            market.flatMap { topic in (0..<Int32(partitions)).map { KafkaPlace(topic: topic, partition: $0) } }
            + trade.map { KafkaPlace(topic: $0, partition: 0) }
        plan = PersisterPlan(places: places, name: name)
        offsets = try KafkaGroup(kafka.bootstrap, "\(name).persister")
        for topic in market { try create(topic, partitions: partitions) }
        // Other tests may have made them.
        for topic in trade { try? create(topic) }
    }

    func create(_ topic: String, partitions: Int = 1) throws {
        try admin.createTopic(topic, partitions: partitions, timeout: .seconds(30))
    }

    func delete(_ topic: String) throws { try admin.deleteTopic(topic, timeout: .seconds(30)) }

    /// What retention does, at once.
    func deleteRecords(_ place: KafkaPlace, before offset: Int64) throws {
        try kafka.deleteRecords(place, before: offset)
    }

    func writer() throws -> KafkaWriter { try KafkaWriter(kafka.bootstrap) }

    /// A thread that writes the plan's records until it is told to stop.
    func load(rate: Int) throws -> KafkaLoad {
        KafkaLoad(try writer(), places, rate: rate, firstNumber: 0, value: plan.message)
    }

    /// Writes the plan's records with these numbers; all that this writer has written.
    @discardableResult func write(_ numbers: Range<Int>, by writer: KafkaWriter) throws -> Set<WrittenRecord> {
        for number in numbers {
            let place = plan.place(of: number)
            try writer.write(place, number, value: plan.message(place, number))
        }
        return try writer.flush()
    }

    /// A persister of this corner's group that takes this corner's symbols only. Small batches: a test has many of them.
    func persister(
        prefix: [String] = [], failpoint: PersisterProcess.Failpoint? = nil, _ more: [String: String] = [:]
    ) throws -> PersisterProcess {
        try PersisterProcess(
            kafka: kafka.bootstrap, group: name, database: database.url, prefix: prefix, failpoint: failpoint,
            environment.merging(more) { $1 })
    }

    /// What restricts a process to this corner.
    var environment: [String: String] {
        let names = Set(places.map(PersisterPlan.symbol(of:))).filter { $0.hasPrefix(symbols) }
        return [
            "SYMBOLS": names.map { $0.lowercased() }.sorted().joined(separator: ","),
            "DATABASE_BATCH_TIME": "50ms", "DATABASE_BATCH_ROWS": "1000",
        ]
    }

    // MARK: What the table holds

    /// The number of records that are behind the positions in the table, of those written.
    func persisted(_ written: Set<WrittenRecord>) -> Int {
        let positions = database.positions(group)
        return written.count { $0.offset < positions[$0.place]?.next ?? 0 }
    }

    /// Waits until the position of each partition lies behind the last of these.
    func waitFor(
        _ written: Set<WrittenRecord>, by persisters: [PersisterProcess] = [], within limit: Duration = .seconds(60)
    ) throws {
        let ends = Self.ends(of: written)
        var last: [KafkaPlace: (generation: Int64, next: Int64)] = [:]
        do {
            // Each look is work for the database and for this machine.
            try eventually("every record in the table", within: limit, every: .milliseconds(50)) {
                last = database.positions(group)
                for each in persisters where !each.process.isRunning {
                    throw NeverHappened(description: "the persister ended")
                }
                return ends.allSatisfy { last[$0.key]?.next ?? -1 >= $0.value }
            }
        } catch {
            let behind = ends.filter { last[$0.key]?.next ?? -1 < $0.value }
            let some = behind.prefix(4).map { "\($0.key) at \(last[$0.key]?.next ?? -1) of \($0.value)" }
            let talk = persisters.map { "\((try? $0.get("/health"))?.text ?? "")\n\($0.process.text.suffix(3000))" }
            throw NeverHappened(
                description: "\(error): \(some.joined(separator: ", "))\n\(talk.joined(separator: "\n"))")
        }
    }

    static func ends(of written: Set<WrittenRecord>) -> [KafkaPlace: Int64] {
        var ends: [KafkaPlace: Int64] = [:]
        for record in written { ends[record.place] = max(ends[record.place] ?? 0, record.offset + 1) }
        return ends
    }

    /// Compares every table with what was written: candles, trade messages one by one, positions, and no dead letter.
    /// The number of rows that are missing.
    @discardableResult func check(_ written: Set<WrittenRecord>, sourceLocation: SourceLocation = #_sourceLocation)
        throws -> Int
    {
        let expected = plan.candles(after: written, in: database)
        let candles = try database.candles(symbols)
        #expect(candles.difference(from: expected) == "", "market_data", sourceLocation: sourceLocation)
        var missing = Set(expected).subtracting(candles).count
        for topic in Set(written.map(\.place.topic)).sorted() where !topic.hasPrefix("market.data.") {
            let sent = written.filter { $0.place.topic == topic }.map {
                "\($0.place.partition) \($0.offset) \($0.number)"
            }
            let kept = try trades(topic).map { "\($0.partition) \($0.offset) \($0.number)" }
            #expect(kept.sorted().difference(from: sent.sorted()) == "", "\(topic)", sourceLocation: sourceLocation)
            missing += Set(sent).subtracting(kept).count
        }
        let positions = database.positions(group)
        for (place, end) in Self.ends(of: written) {
            let next = try #require(positions[place]?.next, "\(place)", sourceLocation: sourceLocation)
            // Others write to the topics of trades, too.
            let isExact = place.topic.hasPrefix("market.data.")
            #expect(isExact ? next == end : next >= end, "next_offset of \(place)", sourceLocation: sourceLocation)
        }
        let letters = try database.rows(
            "select topic, reason, detail from dead_letters where topic like '%.\(name)%' limit 3")
        #expect(letters.isEmpty, sourceLocation: sourceLocation)
        return missing
    }

    struct Trade: Hashable {
        let table: String
        let generation: Int64
        let partition: Int32
        let offset: Int64
        let number: Int
        let message: String
    }

    /// This test's rows of one trade topic, in all three tables.
    func trades(_ topic: String) throws -> [Trade] {
        try ["trading_signals", "trade_executions", "trade_orders"].flatMap { table in
            try database.rows(
                """
                select generation, "partition", "offset", message from \(table)
                where topic = '\(topic)' and cast(message as text) like '%\(name)%'
                """
            ).map { row in
                let message = row[3] ?? ""
                let json = (try? JSONSerialization.jsonObject(with: Data(message.utf8))) as? [String: Any]
                return Trade(
                    table: table, generation: row[0].flatMap { Int64($0) } ?? -1,
                    partition: row[1].flatMap { Int32($0) } ?? -1, offset: row[2].flatMap { Int64($0) } ?? -1,
                    number: (json?["number"] as? NSNumber)?.intValue ?? -1, message: message)
            }
        }
    }
}

extension [String] {
    /// Says how these rows differ from those expected, in a line; empty when they don't. Both are sorted; a row that is
    /// there twice is one too many.
    func difference(from expected: [String]) -> String {
        guard self != expected else { return "" }
        var counts: [String: Int] = [:]
        for row in self { counts[row, default: 0] += 1 }
        for row in expected { counts[row, default: 0] -= 1 }
        func some(_ rows: [String]) -> String { rows.sorted().prefix(3).joined(separator: "; ") }
        let missing = counts.filter { $0.value < 0 }.map(\.key)
        let surplus = counts.filter { $0.value > 0 }.map(\.key)
        return (missing.isEmpty ? "" : "\(missing.count) missing: \(some(missing)) ")
            + (surplus.isEmpty ? "" : "\(surplus.count) too many: \(some(surplus))")
    }
}

extension KafkaCluster {
    /// What retention does, at once.
    func deleteRecords(_ place: KafkaPlace, before offset: Int64) throws {
        let folder = try TemporaryFolder("delete")
        let text =
            #"{"version":1,"partitions":[{"topic":"\#(place.topic)","partition":\#(place.partition),"offset":\#(offset)}]}"#
        try text.write(toFile: folder.file("offsets.json"), atomically: true, encoding: .utf8)
        try run(
            "bin/kafka-delete-records.sh",
            ["--bootstrap-server", bootstrap, "--offset-json-file", folder.file("offsets.json")])
    }
}
