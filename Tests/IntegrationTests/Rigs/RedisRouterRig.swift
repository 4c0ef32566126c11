import Foundation
import TestRigs
import Testing

/// What the tests of the router's Redis side have in common: a symbol nobody else uses, its topics and channels, and the
/// shared broker.
struct RedisRouterRig {
    let symbol: String
    let kafka: String
    let messages: Messages
    var group: String { "group-\(symbol)" }

    init(kafka: String? = nil) throws {
        symbol = "r" + UUID().uuidString.lowercased().filter { $0 != "-" }.prefix(10)
        self.kafka = try kafka ?? KafkaCluster.shared().bootstrap
        messages = try Messages(kafka: self.kafka)
    }

    func topic(_ timeframe: String? = "1m") -> String {
        "market.data.\(symbol)" + (timeframe.map { "." + $0 } ?? "")
    }

    func channel(_ timeframe: String? = "1m") -> String {
        "roottrading:market:data:\(symbol)" + (timeframe.map { ":" + $0 } ?? "")
    }

    func lastKey(_ timeframe: String? = "1m") -> String {
        "roottrading:last:market:data:\(symbol)" + (timeframe.map { ":" + $0 } ?? "")
    }

    func streamKey(_ timeframe: String? = "1m", partition: Int = 0) -> String {
        "roottrading:stream:\(topic(timeframe))" + (partition == 0 ? "" : ":\(partition)")
    }

    /// Produces numbered candles to the one-minute topic.
    @discardableResult func produce(_ numbers: Range<Int>) throws -> [Messages.Sent] {
        let symbol = symbol
        return try messages.produce(topic(), numbers) { Messages.candle($0, symbol) }
    }

    /// A router that takes this symbol's market data only; `waits: false` returns at once.
    func router(_ redis: String, _ more: [String: String] = [:], waits: Bool = true) throws -> RouterProcess {
        let router = try RouterProcess(
            kafka: kafka, redis: redis, group: group, ["SYMBOLS": symbol].merging(more) { $1 })
        return waits ? try router.waitUntilReady() : router
    }

    /// How much more of everything: 1 in the suite, KLINECAST_TORTURE in a longer run.
    static let torture = max(1, Int(ProcessInfo.processInfo.environment["KLINECAST_TORTURE"] ?? "") ?? 1)
}

/// The messages window of the router's defaults: what may come twice after one lost connection.
let routerWindow = 4 * 1024

/// Compares sets and says what differs, a few of each.
func expectSame<Element: Hashable & Comparable>(
    _ found: Set<Element>, _ wanted: Set<Element>, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    let missing = wanted.subtracting(found).sorted()
    let surplus = found.subtracting(wanted).sorted()
    #expect(
        missing.isEmpty && surplus.isEmpty,
        """
        \(what): \(missing.count) missing (\(missing.prefix(5)) … \(missing.suffix(2))), \
        \(surplus.count) nobody sent (\(surplus.prefix(5)))
        """, sourceLocation: sourceLocation)
}

/// Expects every number once each, in order within its partition, and nothing else.
func expectEachOnceInOrder(
    _ sightings: [Sighting], _ sent: [Messages.Sent], duplicatesAtMost: Int = 0,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let sequence = SubscriberSequence(sightings)
    #expect(sequence.duplicates <= duplicatesAtMost, "duplicates", sourceLocation: sourceLocation)
    #expect(
        sequence.missed.isEmpty, "the subscriber missed something: \(sequence.missed)", sourceLocation: sourceLocation)
    #expect(sequence.createdAnew == 0, "an older message after a newer one", sourceLocation: sourceLocation)
    expectSame(
        Set(sightings.map(\.number)), Set(sent.map(\.number)), "messages", sourceLocation: sourceLocation)
    let numbers = Dictionary(
        sent.map { ([Int64($0.partition), $0.offset], $0.number) }, uniquingKeysWith: { first, _ in first })
    if Set(sent.map(\.topic)).count == 1 {
        let mixed = sightings.filter { numbers[[$0.place.partition, $0.offset]] != $0.number }
        #expect(mixed.isEmpty, "envelope and message belong together", sourceLocation: sourceLocation)
    }
    for (place, offsets) in sequence.seen {
        #expect(offsets == offsets.sorted(), "order of \(place)", sourceLocation: sourceLocation)
    }
}
