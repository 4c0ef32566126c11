import Foundation
import TestRigs
import Testing

/// Topics that come, go, and come again while routers run or rest.
@Suite("Topics that come and go", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct TopicLifeTests {
    @Test(.timeLimit(.minutes(2))) func firstMessageOfANewTopicIsDeliveredWithin10s() throws {
        let corner = try KafkaCorner(topics: 1, spare: 4)
        let writer = try corner.writer()
        let router = try corner.router(start: "60s").waitUntilReady()
        var waits: [Duration] = []
        for (index, topic) in corner.topics.dropFirst().enumerated() {
            try corner.create(topic, partitions: 2)
            let place = KafkaPlace(topic: topic, partition: Int32(index % 2))
            for number in 1...5 { try writer.write(place, index * 10 + number) }
            let written = try writer.flush()
            let begun = ContinuousClock.now
            try corner.waitFor(written, within: .seconds(10))
            waits.append(ContinuousClock.now - begun)
        }
        #expect(KafkaReception(corner.recorder.messages).duplicates.isEmpty)
        #expect(router.stop() == 0)
        print("SUMMARY new_topic n=\(waits.count) wait_ms=\(waits.map(\.milliseconds))")
    }

    enum Rebirth: String, CaseIterable, Sendable {
        case runningWithFewerRecords, runningWithMoreRecords, downWithFewerRecords, downWithMoreRecords

        var isDown: Bool { self == .downWithFewerRecords || self == .downWithMoreRecords }
        var count: Int { self == .runningWithFewerRecords || self == .downWithFewerRecords ? 40 : 400 }
    }

    @Test(.timeLimit(.minutes(2)), arguments: Rebirth.allCases)
    func topicDeletedAndCreatedAnewIsDeliveredFromItsFirstRecord(_ rebirth: Rebirth) throws {
        let corner = try KafkaCorner(topics: 1)
        let place = corner.places[0]
        let first = try corner.writer()
        for number in 1...200 { try first.write(place, number) }
        let old = try first.flush()
        let router = try corner.router(["SINKS": "publish,stream"]).waitUntilReady()
        try corner.waitFor(old)
        if rebirth.isDown { #expect(router.stop() == 0) }
        let before = corner.recorder.count
        try corner.delete(place.topic)
        try eventually("the topic can be created again") { (try? corner.create(place.topic)) != nil }
        let second = try corner.writer()
        for number in 1001..<1001 + rebirth.count { try second.write(place, number) }
        let new = try second.flush()
        if rebirth.isDown { try router.restart() }
        try corner.waitFor(old.union(new), within: .seconds(30))

        let heard = corner.recorder.messages
        let anew = heard[before...].filter { $0.record.number > 1000 }
        let firstAnew = try #require(anew.first)
        #expect(firstAnew.record.offset == 0)
        #expect(firstAnew.previous == nil)
        let reception = KafkaReception(heard)
        #expect(reception.records.difference(from: old.union(new)) == "")
        #expect(reception.duplicates.isEmpty)
        #expect(reception.createdAnew == 1)
        // The stream holds both lives, one after the other.
        let entries = try corner.redis.command("XRANGE", "roottrading:stream:\(place.topic)", "-", "+")
        let identifiers = entries.split(separator: "\n").filter { $0.contains("-") && !$0.contains("{") }.map(
            String.init)
        let expected = (0..<200).map { "1-\($0)" } + (0..<rebirth.count).map { "2-\($0)" }
        #expect(identifiers == expected, "\(identifiers.count) entries, last \(identifiers.last ?? "none")")
        #expect(router.stop() == 0)
    }

    @Test(.timeLimit(.minutes(2)), arguments: [false, true])
    func deliveryGoesOnWhereRetentionTookRecordsWhileTheRouterWasDown(_ tookAll: Bool) throws {
        let corner = try KafkaCorner(topics: 1)
        let place = corner.places[0]
        let writer = try corner.writer()
        for number in 1...300 { try writer.write(place, number) }
        let before = try writer.flush()
        let router = try corner.router().waitUntilReady()
        try corner.waitFor(before)
        #expect(router.stop() == 0)
        for number in 301...500 { try writer.write(place, number) }
        try writer.flush()
        let first: Int64 = tookAll ? 500 : 400
        try corner.deleteRecords(place, before: first)
        try router.restart()
        try router.waitUntilReady()
        for number in 501...510 { try writer.write(place, number) }
        let kept = try writer.flush().filter { $0.offset < 300 || $0.offset >= first }
        try corner.waitFor(kept)
        let reception = KafkaReception(corner.recorder.messages)
        #expect(reception.records.difference(from: kept) == "")
        #expect(reception.duplicates.isEmpty)
        let resumed = try #require(corner.recorder.messages.first { $0.record.offset >= first })
        #expect(resumed.previous == nil, "what came before it is unknown to the router")
        try eventually("it is counted") { router.stat("position_resets") == 1 }
        let line = router.process.text.split(separator: "\n").first { $0.contains("Position is outside the log") }
        let text = try #require(line)
        #expect(text.contains("kafka.from=300") && text.contains("kafka.to=\(first)") && text.contains(place.topic))
        #expect(router.stop() == 0)
    }
}

extension KafkaCorner {
    /// What retention does, at once.
    func deleteRecords(_ place: KafkaPlace, before offset: Int64) throws {
        let folder = try TemporaryFolder("delete")
        let text =
            #"{"version":1,"partitions":[{"topic":"\#(place.topic)","partition":\#(place.partition),"offset":\#(offset)}]}"#
        try text.write(toFile: folder.file("offsets.json"), atomically: true, encoding: .utf8)
        try kafka.run(
            "bin/kafka-delete-records.sh",
            ["--bootstrap-server", kafka.bootstrap, "--offset-json-file", folder.file("offsets.json")])
    }
}
