import Foundation
import TestRigs
import Testing

/// Several routers of one group, each with a state folder of its own.
@Suite("Routers that share a group", .enabled(if: KafkaCluster.isAvailable), .serialized)
struct GroupChangeTests {
    /// Each partition at one of them, nothing at two; who has what.
    private func settled(
        _ what: String, _ corner: KafkaCorner, _ routers: [RouterProcess], within limit: Duration = .seconds(45)
    ) throws -> [KafkaPlace: Int] {
        var last: [Set<KafkaPlace>] = []
        do {
            return try eventually("\(what): each partition has one owner", within: limit) {
                last = routers.map(\.owned)
                var owners: [KafkaPlace: Int] = [:]
                for (index, owned) in last.enumerated() {
                    for place in owned { owners[place] = index }
                }
                let isDisjoint = last.reduce(0) { $0 + $1.count } == owners.count
                let isShared = last.allSatisfy { !$0.isEmpty }
                return isDisjoint && isShared && Set(owners.keys) == Set(corner.places) ? owners : nil
            }
        } catch {
            throw NeverHappened(description: "\(error); they own \(last.map(\.count)) of \(corner.places.count)")
        }
    }

    /// Moves that the new division did not need: what changed its owner, less what the newcomer or the vanished made move.
    private func needless(_ before: [KafkaPlace: Int], _ after: [KafkaPlace: Int], members: Int) -> Int {
        let moved = after.filter { before[$0.key] != $0.value }.count
        var needed = 0
        for member in 0..<members {
            let had = before.values.count { $0 == member }
            let has = after.values.count { $0 == member }
            needed += max(0, has - had)
        }
        return moved - needed
    }

    @Test(.timeLimit(.minutes(4))) func eachMessageIsDeliveredWhileRoutersJoinAndLeave() throws {
        let corner = try KafkaCorner(topics: 6, partitions: 5)
        let load = KafkaLoad(try corner.writer(), corner.places, rate: 1500)
        let first = try corner.router().waitUntilReady()
        let second = try corner.router().waitUntilReady()
        let two = try settled("two", corner, [first, second])
        let third = try corner.router().waitUntilReady()
        let three = try settled("three", corner, [first, second, third])
        let joinMoves = needless(two, three, members: 3)

        #expect(second.stop() == 0)
        _ = try settled("one told to end", corner, [first, third])
        try second.restart()
        let again = try settled("and back", corner, [first, second, third])
        let beforeKill = KafkaReception(corner.recorder.messages)
        #expect(beforeKill.duplicates.isEmpty, "in good order nothing comes twice")

        third.kill()
        let committed = try corner.group.committed(corner.places)
        let killed = Set(again.filter { $0.value == 2 }.keys)
        _ = try settled("one killed", corner, [first, second])
        try third.restart()
        let back = try settled("and back", corner, [first, second, third])
        #expect(first.stop() == 0)
        try first.restart()
        let end = try settled("one restarted within the session", corner, [first, second, third])
        let restartMoves = end.filter { back[$0.key] != $0.value }.count

        let written = try load.stop()
        try corner.waitFor(written)
        let reception = KafkaReception(corner.recorder.messages)
        #expect(reception.records.difference(from: written) == "")
        #expect(reception.disordered.isEmpty)
        #expect(reception.gaps.isEmpty)
        for duplicate in reception.duplicates {
            #expect(killed.contains(duplicate.record.place), "only what the killed one had may come twice")
            #expect(duplicate.record.offset >= committed[duplicate.record.place] ?? 0)
        }
        #expect(restartMoves == 0, "a restart within the session moves nothing")
        print(
            "SUMMARY group n=1 lost=\(written.subtracting(reception.records).count) partitions=\(corner.places.count)",
            "duplicates_max=\(reception.duplicates.count) needless_moves_join=\(joinMoves)",
            "moves_restart=\(restartMoves)")
        for router in [first, second, third] { #expect(router.stop() == 0) }
    }

    /// The frozen one has its own channel prefix, so that it can be told apart who published.
    @Test(.timeLimit(.minutes(torture > 1 ? 60 : 3))) func aFrozenRouterPublishesNothingOfWhatOthersTookOver() throws {
        let corner = try KafkaCorner(topics: 2, partitions: 4)
        let load = KafkaLoad(try corner.writer(), corner.places, rate: 2000)
        let frozen = try corner.router(prefix: "frozen").waitUntilReady()
        let other = try corner.router(prefix: "other").waitUntilReady()
        var stale: [Int] = []
        for round in 1...(torture > 1 ? min(2 * torture, 40) : 2) {
            let owners = try settled("round \(round)", corner, [frozen, other])
            stale.append(try freeze(frozen, other, Set(owners.filter { $0.value == 0 }.keys), corner))
            _ = try settled("it is back", corner, [frozen, other])
        }
        #expect(stale.allSatisfy { $0 == 0 }, "it published what the other had delivered already")
        #expect(frozen.process.isRunning)
        let written = try load.stop()
        try corner.waitFor(written)
        let reception = KafkaReception(corner.recorder.messages)
        #expect(reception.records.difference(from: written) == "")
        #expect(reception.disordered.isEmpty)
        print(
            "SUMMARY frozen n=\(stale.count) lost=\(written.subtracting(reception.records).count) stale=\(stale)",
            "duplicates_max=\(reception.duplicates.count)")
        for router in [frozen, other] { #expect(router.stop() == 0) }
    }

    /// Freezes one until the other has taken over, and thaws it; how many messages it then published that the other had
    /// delivered before.
    private func freeze(
        _ frozen: RouterProcess, _ other: RouterProcess, _ held: Set<KafkaPlace>, _ corner: KafkaCorner
    ) throws -> Int {
        // While a group changes no commit comes for some seconds: begin with a fresh one.
        let before = try corner.group.committed(corner.places)
        try eventually("it commits") {
            let now = try corner.group.committed(corner.places)
            return held.allSatisfy { now[$0] ?? 0 > before[$0] ?? 0 }
        }
        frozen.process.signal(SIGSTOP)
        defer { frozen.process.signal(SIGCONT) }
        let committed = try corner.group.committed(corner.places)
        corner.recorder.catchUp()
        let stopped = corner.recorder.messages.count
        try eventually("its partitions move") { other.owned == Set(corner.places) }
        let moved = corner.recorder.messages.count
        try eventually("they are delivered by the other") {
            let fresh = corner.recorder.messages[moved...].filter { $0.channel.hasPrefix("other:") }
            return held.isSubset(of: Set(fresh.map(\.record.place)))
        }
        corner.recorder.catchUp()
        let thawed = corner.recorder.messages.count
        frozen.process.signal(SIGCONT)
        _ = try settled("it is back", corner, [frozen, other])
        let heard = corner.recorder.messages
        var seen = Set(heard[..<stopped].map(\.record))
        var stale = 0
        var again: [WrittenRecord: Int] = [:]
        for (index, message) in heard.enumerated().dropFirst(stopped) where !seen.insert(message.record).inserted {
            again[message.record, default: 0] += 1
            #expect(held.contains(message.record.place), "only what the frozen one had may come twice")
            #expect(message.record.offset >= committed[message.record.place] ?? 0)
            if index >= thawed, message.channel.hasPrefix("frozen:") { stale += 1 }
        }
        #expect(again.values.allSatisfy { $0 == 1 }, "twice at most")
        // What it had delivered since its last commit, of at most two seconds before.
        let limit = stopped == 0 ? nil : heard[stopped - 1].arrival - .seconds(2)
        let oldest = heard[..<stopped].first { again[$0.record] != nil }
        if let limit, let oldest { #expect(oldest.arrival > limit) }
        return stale
    }
}
