import Foundation
import TestRigs
import Testing

/// Brokers that go, hang and return while data flows.
@Suite("A cluster of three brokers", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct BrokerFaultTests {
    @Test(.timeLimit(.minutes(5))) func noRecordLostWhenABrokerIsKilledOrFrozen() throws {
        let kafka = try KafkaCluster(brokers: 3)
        let corner = try KafkaCorner(topics: 2, partitions: 6, kafka: kafka)
        let load = KafkaLoad(try corner.writer(), corner.places, rate: 800)
        let router = try corner.router().waitUntilReady()
        var states: Set<String> = []
        func look() { states.insert(router.health ?? "silent") }
        func progress(_ what: String) throws {
            let before = corner.recorder.count
            try eventually("\(what): messages flow", within: .seconds(40)) {
                look()
                return corner.recorder.count > before + 1000
            }
        }
        func recovery(_ what: String) throws {
            var seen = ""
            do {
                try eventually("\(what): healthy, and no partition behind", within: .seconds(90)) {
                    look()
                    let partitions = router.partitions
                    seen = "\(router.reasons), lags \(partitions.values.map { $0.lag ?? -1 })"
                    return router.health == "healthy" && partitions.count == corner.places.count
                        && partitions.values.allSatisfy { ($0.lag ?? .max) < 2000 }
                }
            } catch {
                throw NeverHappened(description: "\(error); last seen: \(seen)\n\(router.process.text.suffix(20_000))")
            }
        }
        try progress("before")

        kafka.kill(2)
        try progress("one killed")
        try kafka.boot(2)
        try recovery("it is back")

        kafka.pause(3)
        let frozen = ContinuousClock.now
        try eventually("fifteen seconds of a frozen broker", within: .seconds(20)) {
            look()
            return ContinuousClock.now - frozen > .seconds(15)
        }
        kafka.resume(3)
        try recovery("it has thawed")
        try progress("after")

        let written = try load.stop()
        try corner.waitFor(written)
        #expect(router.process.isRunning)
        #expect(states.isSubset(of: ["healthy", "degraded"]), "\(states)")
        let reception = KafkaReception(corner.recorder.messages)
        #expect(reception.records.difference(from: written) == "")
        #expect(reception.disordered.isEmpty)
        #expect(reception.gaps.isEmpty)
        #expect(router.stop() == 0)
        print(
            "SUMMARY brokers written=\(written.count) duplicates=\(reception.duplicates.count)",
            "states=\(states.sorted())")
    }
}
