import Foundation
import TestRigs
import Testing

/// The two programs of docs/contracts/examples on a real Redis. What they should print is worked out by hand from the
/// table in docs/contracts/redis.md.
@Suite struct SubscriberExampleTests {
    enum Language: String, CaseIterable { case python, swift }

    private static let channel = "roottrading:market:data:btcusdt:1m"
    private static let last = "roottrading:last:market:data:btcusdt:1m"
    private static let topic = "market.data.btcusdt.1m"

    private struct Step {
        let payload: String
        let printed: [String]
    }

    private static func message(
        _ offset: Int, after previous: Int?, at timestamp: Int, topic: String = topic, partition: Int = 0,
        before: String = #""symbol":"BTCUSDT","close":1.0"#
    ) -> String {
        let previous = previous.map(String.init) ?? "null"
        return #"{\#(before),"_routing":{"source_topic":"\#(topic)","partition":\#(partition),"offset":\#(offset),"#
            + #""previous":\#(previous),"timestamp":\#(timestamp),"received_at":"2026-01-02T03:04:05.678Z","#
            + #""priority":"high","data_type":"raw_market_data"}}"#
    }

    // The snapshot is offset 10 at 1000.
    private static let steps = [
        Step(payload: message(11, after: 10, at: 1100), printed: ["message \(topic)/0 offset=11"]),
        Step(payload: message(11, after: 10, at: 1100), printed: ["duplicate \(topic)/0 offset=11"]),
        Step(payload: message(10, after: 9, at: 1000), printed: ["duplicate \(topic)/0 offset=10"]),
        // 12 and 13 never came.
        Step(
            payload: message(14, after: 13, at: 1400),
            printed: ["gap \(topic)/0 after=11 previous=13", "message \(topic)/0 offset=14"]),
        // 15 and 16 end a transaction: nobody missed anything.
        Step(payload: message(17, after: 14, at: 1700), printed: ["message \(topic)/0 offset=17"]),
        Step(payload: message(25, after: nil, at: 1800), printed: ["message \(topic)/0 offset=25"]),
        // After a restart the router repeats what it had not committed; the first new one is no gap.
        Step(payload: message(17, after: 14, at: 1700), printed: ["duplicate \(topic)/0 offset=17"]),
        Step(payload: message(26, after: 25, at: 1900), printed: ["message \(topic)/0 offset=26"]),
        Step(payload: message(3, after: 2, at: 900, partition: 1), printed: ["message \(topic)/1 offset=3"]),
        Step(
            payload: message(100, after: 99, at: 950, topic: "market.data.btcusdt"),
            printed: ["message market.data.btcusdt/0 offset=100"]),
        // The topic was deleted and created again: a low offset with a newer time.
        Step(
            payload: message(0, after: nil, at: 2000),
            printed: ["anew \(topic)/0 offset=0", "message \(topic)/0 offset=0"]),
        Step(payload: message(1, after: 0, at: 2000), printed: ["message \(topic)/0 offset=1"]),
        // A value that came with a _routing of its own: the last member counts.
        Step(
            payload: message(
                2, after: 1, at: 2100, before: #""_routing":{"source_topic":"liar","partition":0,"offset":9}"#),
            printed: ["message \(topic)/0 offset=2"]),
        Step(payload: #"{"symbol":"BTCUSDT","close":1.0}"#, printed: ["plain"]),
        Step(
            payload: message(2, after: nil, at: 3000),
            printed: ["anew \(topic)/0 offset=2", "message \(topic)/0 offset=2"]),
        // The other partition kept its own count all the while.
        Step(
            payload: message(6, after: 5, at: 3100, partition: 1),
            printed: ["gap \(topic)/1 after=3 previous=5", "message \(topic)/1 offset=6"]),
    ]

    @Test(.timeLimit(.minutes(3)), arguments: Language.allCases)
    func theProgramTellsSnapshotsDuplicatesGapsAndNewTopics(language: Language) throws {
        let folder = try TemporaryFolder("subscriber")
        var command = ["python3", Checkout.path("docs/contracts/examples/subscriber.py")]
        if language == .swift {
            command = [folder.file("subscriber")]
            let source = Checkout.path("docs/contracts/examples/Subscriber.swift")
            let (code, text) = try Checkout.run(
                "swiftc", ["-parse-as-library", "-swift-version", "6", "-warnings-as-errors", source, "-o", command[0]])
            try #require(code == 0, "\(text)")
        }

        let redis = try GuardedRedis()
        try redis.command(as: "router", "SET", Self.last, Self.message(10, after: 9, at: 1000))
        let program = try ChildProcess(
            command[0],
            command.dropFirst() + [Self.channel, "--port", "\(redis.port)", "--count", "\(Self.steps.count)"],
            environment: ["REDIS_USERNAME": "subscriber", "REDIS_PASSWORD": GuardedRedis.passwords["subscriber"]!])
        // The snapshot is printed after the subscription was confirmed.
        try eventually("the snapshot is shown") { program.text.contains("\n") }
        for step in Self.steps {
            let receivers = try redis.command(as: "router", "PUBLISH", Self.channel, step.payload)
            #expect(receivers == "1\n")
        }

        #expect(program.waitForExit() == 0)
        let expected = ["snapshot \(Self.topic)/0 offset=10"] + Self.steps.flatMap(\.printed)
        #expect(program.text.split(separator: "\n").map(String.init) == expected)
    }

    @Test func aWrongPasswordEndsTheProgramWithRedisAnswer() throws {
        let redis = try GuardedRedis()
        let (code, text) = try Checkout.run(
            "python3",
            [Checkout.path("docs/contracts/examples/subscriber.py"), Self.channel, "--port", "\(redis.port)"],
            environment: ["REDIS_USERNAME": "subscriber", "REDIS_PASSWORD": "wrong"])
        #expect(code == 1)
        #expect(text.contains("WRONGPASS"))
    }
}
