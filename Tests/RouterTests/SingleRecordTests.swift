import MarketData
import Records
import Testing

@testable import Router

/// Records spelled one by one, for dead letters that are delivered after all.
@Suite struct SingleRecordTests {
    private static func speller(_ change: (inout PipelineSettings) -> Void = { _ in }) -> SingleRecord {
        var settings = PipelineSettings(routes: RouteTable(prefix: "roottrading", legacyChannels: true))
        change(&settings)
        return SingleRecord(settings)
    }

    private static func spell(
        _ speller: inout SingleRecord, _ value: String?, _ topic: String = "market.data.btcusdc.1h", offset: Int64 = 41
    ) -> SingleRecord.Spelling {
        speller.spell(
            value.map { Array($0.utf8) }, from: SourcePartition(topic: topic, partition: 2), offset: offset,
            timestamp: 1_767_323_045_670, takenAt: 1_767_323_045_678)
    }

    /// Worked out by hand from docs/contracts/redis.md.
    @Test func payloadsAreTheContractsOneAfterTheOther() throws {
        var speller = Self.speller()
        for offset in [41, 40] as [Int64] {
            guard case .payload(let payload, let route) = Self.spell(&speller, #"{"close":1.0}"#, offset: offset) else {
                Issue.record("refused")
                return
            }
            #expect(
                String(decoding: payload, as: UTF8.self)
                    == #"{"close":1.0,"symbol":"btcusdc","timeframe":"1h","_routing":{"source_topic":"#
                    + #""market.data.btcusdc.1h","partition":2,"offset":\#(offset),"previous":null,"#
                    + #""timestamp":1767323045670,"received_at":"2026-01-02T03:04:05.678Z","priority":"normal","#
                    + #""data_type":"raw_market_data"}}"#)
            #expect(
                route.channels
                    == ["roottrading:market:data:btcusdc:1h", "roottrading:market:data:btcusdc"])
        }
    }

    @Test func withoutAnEnvelopeTheBytesStayAsTheyAre() {
        var speller = Self.speller { $0.hasEnvelope = false }
        guard case .payload(let payload, _) = Self.spell(&speller, "no JSON", "orders") else {
            Issue.record("refused")
            return
        }
        #expect(payload == Array("no JSON".utf8))
    }

    @Test func whatTheRouterRefusesIsRefusedHere() {
        var speller = Self.speller {
            $0.limits = BatchLimits(messages: 1, bytes: 4_096, messageBytes: 16, window: 1)
        }
        #expect(Self.spell(&speller, nil) == .refused(.nullValue))
        #expect(Self.spell(&speller, "") == .refused(.notAnObject))
        #expect(Self.spell(&speller, "[1]") == .refused(.notAnObject))
        #expect(Self.spell(&speller, #"{"close":1.00001}"#) == .refused(.tooLarge))
        #expect(Self.spell(&speller, "{}", "unheard.of") == .refused(.noRoute))
        guard case .payload = Self.spell(&speller, "{}") else {
            Issue.record("a good record behind refused ones")
            return
        }
    }
}
