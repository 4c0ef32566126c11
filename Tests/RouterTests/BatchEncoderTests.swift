import Foundation
import MarketData
import Records
import TestRigs
import Testing

@testable import Router

@Suite struct BatchEncoderTests {
    /// Worked out by hand from docs/contracts/redis.md.
    @Test func envelopeIsTheContracts() throws {
        var bench = EncoderBench(sinks: [.publish], topic: "market.data.btcusdc.1m", previous: 1233)
        let commands = try bench.encode(
            #"{"symbol":"BTCUSDC","timeframe":"1m","close":1.0,"is_closed":true}"#, offset: 1234,
            timestamp: 1_767_323_045_670,
            at: 1_767_323_045_678)
        #expect(
            commands == [
                [
                    "PUBLISH", "roottrading:market:data:btcusdc:1m",
                    #"{"symbol":"BTCUSDC","timeframe":"1m","close":1.0,"is_closed":true,"_routing":{"source_topic":"#
                        + #""market.data.btcusdc.1m","partition":0,"offset":1234,"previous":1233,"timestamp":1767323045670,"#
                        + #""received_at":"2026-01-02T03:04:05.678Z","priority":"high","data_type":"raw_market_data"}}"#,
                ]
            ])
    }

    @Test func missingSymbolAndTimeframeAreAdded() throws {
        var bench = EncoderBench(sinks: [.publish], topic: "market.data.btcusdc.5m")
        let payload = try #require(bench.encode(#"{"close":2}"#).first?.last)
        #expect(payload.hasPrefix(#"{"close":2,"symbol":"btcusdc","timeframe":"5m","_routing":{"#))
        let null = try #require(bench.encode(#"{"symbol":null,"timeframe":null}"#, offset: 1).first?.last)
        #expect(null.contains(#""symbol":"btcusdc","timeframe":"5m""#))
    }

    @Test func emptyObjectGetsNoStrayComma() throws {
        var bench = EncoderBench(sinks: [.publish], topic: "orders")
        let payload = try #require(bench.encode(" { } \n").first?.last)
        #expect(payload.hasPrefix(#" { "_routing":{"source_topic":"orders""#))
        #expect(try JSONSerialization.jsonObject(with: Data(payload.utf8)) is [String: Any])
    }

    /// RFC 8259: what follows a value may only be white space, and the envelope stands before the last brace.
    @Test(arguments: [#"{"a":"}"}"#, "{\"a\":{\"b\":[1,{}]}}\r\n\t ", #"{"é":"\u00e9\\\""}"#, #"{"a":1e-9}"#])
    func payloadIsTheValueAndTheEnvelope(value: String) throws {
        var bench = EncoderBench(sinks: [.publish], topic: "orders")
        let payload = try #require(bench.encode(value).first?.last)
        var parsed = try #require(try JSONSerialization.jsonObject(with: Data(payload.utf8)) as? [String: Any])
        #expect(parsed.removeValue(forKey: "_routing") is [String: Any])
        let original = try JSONSerialization.jsonObject(with: Data(value.utf8))
        #expect(NSDictionary(dictionary: parsed).isEqual(original))
    }

    @Test(arguments: [
        ("market.data.x.1m", #"{"is_closed":true}"#, "high", "raw_market_data"),
        ("market.data.x.1m", #"{"is_closed":false}"#, "normal", "raw_market_data"),
        ("market.data.x.1m", #"{"is_closed":"true"}"#, "normal", "raw_market_data"),
        ("market.data.x.1m", #"{"k":{"is_closed":true}}"#, "normal", "raw_market_data"),
        ("market.data.x.1m", #"{"rsi_14":1}"#, "normal", "corrupted_enriched_data"),
        ("market.data.x.1m", #"{"is_closed":true,"ema_12":1}"#, "high", "corrupted_enriched_data"),
        ("market.data.x.1m", #"{"macd_line":0}"#, "normal", "corrupted_enriched_data"),
        ("market.data.x.1m", #"{"bb_upper":0}"#, "normal", "corrupted_enriched_data"),
        ("market.data.x", #"{"close":1}"#, "normal", "raw_market_data_legacy"),
        ("signals", "{}", "high", "signal"),
        ("analyzer.signals", #"{"rsi_14":1}"#, "high", "signal"),
        ("executions", "{}", "high", "execution"),
        ("orders", "{}", "high", "order"),
    ]) func priorityAndDataTypeFollowTheContract(topic: String, value: String, priority: String, type: String) throws {
        var bench = EncoderBench(sinks: [.publish], topic: topic)
        let payload = try #require(bench.encode(value).first?.last)
        #expect(payload.hasSuffix(#","priority":"\#(priority)","data_type":"\#(type)"}}"#))
    }

    @Test func previousIsNullWhenUnknown() throws {
        var bench = EncoderBench(sinks: [.publish], topic: "orders")
        #expect(try bench.encode("{}").first?.last?.contains(#""previous":null"#) == true)
        #expect(try bench.encode("{}", timestamp: -1).first?.last?.contains(#""timestamp":null"#) == true)
    }

    @Test func noEnvelopeLeavesTheBytesUntouched() throws {
        var bench = EncoderBench(sinks: [.publish], topic: "orders", hasEnvelope: false)
        for value in ["", "not json", " {\"a\":1} ", "\u{0}\r\n*3"] {
            #expect(try bench.encode(value) == [["PUBLISH", "roottrading:trade:order", value]])
        }
    }

    @Test(
        arguments: [
            (nil, RefusalReason.nullValue), ("", .notAnObject), ("[]", .notAnObject), ("1", .notAnObject),
            ("{\"a\":tru}", .notAnObject), ("{\"a\":1", .notAnObject), ("{\"a\":1}}", .notAnObject),
            ("{\"a\":01}", .notAnObject),
            ("{\"a\":\"\u{1}\"}", .notAnObject), ("{'a':1}", .notAnObject), ("{\"a\":1}{", .notAnObject),
            ("   ", .notAnObject),
        ] as [(String?, RefusalReason)]) func unusableValueIsRefused(value: String?, reason: RefusalReason)
    {
        var bench = EncoderBench(sinks: [.publish, .last, .stream], topic: "orders")
        #expect(bench.refusal(of: value.map { Array($0.utf8) }) == reason)
    }

    @Test func invalidUTF8AndOversizeAreRefused() {
        var bench = EncoderBench(sinks: [.publish], topic: "orders")
        #expect(bench.refusal(of: Array("{\"a\":\"".utf8) + [0xff, 0xfe] + Array("\"}".utf8)) == .notAnObject)
        let large = Array("{\"a\":\"\(String(repeating: "x", count: EncoderBench.limits.messageBytes))\"}".utf8)
        #expect(bench.refusal(of: large) == .tooLarge)
    }

    @Test func lastValueIsTheNewestAndComesFirst() throws {
        var bench = EncoderBench(sinks: [.publish, .last], topic: "orders")
        let commands = try bench.encode(values: [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
        #expect(commands.map { $0[0] } == ["SET", "PUBLISH", "PUBLISH", "PUBLISH"])
        #expect(commands[0][1] == "roottrading:last:trade:order")
        #expect(commands[0][2] == commands[3][2])
    }

    @Test func streamEntryComesBeforeItsPublish() throws {
        var bench = EncoderBench(sinks: [.publish, .last, .stream], topic: "orders", generation: 3)
        let commands = try bench.encode(#"{"n":1}"#, offset: 42)
        #expect(commands.map { $0[0] } == ["SET", "XADD", "PUBLISH"])
        #expect(
            commands[1] == [
                "XADD", "roottrading:stream:orders", "MAXLEN", "~", "10000", "3-42", "payload", commands[2][2],
            ])
    }

    @Test func lastAloneSendsNoPayloadTwice() throws {
        var bench = EncoderBench(sinks: [.last], topic: "orders")
        let commands = try bench.encode(values: [#"{"n":1}"#, #"{"n":2}"#])
        #expect(commands.count == 1 && commands[0][0] == "SET" && commands[0][2].hasPrefix(#"{"n":2,"#))
        var both = EncoderBench(sinks: [.last, .stream], topic: "orders")
        let pair = try both.encode(values: [#"{"n":1}"#, #"{"n":2}"#])
        #expect(pair.map { $0[0] } == ["SET", "XADD", "XADD"])
        #expect(pair[0][2] == pair[2].last)
    }
}
