import Foundation
import TestRigs
import Testing

@Suite struct RouteTests {
    private func channels(_ topic: String, _ flags: String..., environment: [String: String] = [:]) throws -> [String] {
        let result = try Program(["route", "--json", topic] + flags, environment).result()
        let json = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
        return json.first?["channels"] as? [String] ?? []
    }

    @Test(arguments: [
        ("market.data.btcusdc.5m", "roottrading:market:data:btcusdc:5m"),
        ("market.data.btcusdc.1M", "roottrading:market:data:btcusdc:1M"),
        ("market.data.btcusdc", "roottrading:market:data:btcusdc"),
        ("executions", "roottrading:trade:execution"), ("orders", "roottrading:trade:order"),
        ("signals", "roottrading:analyze:signal"), ("analyzer.signals", "roottrading:analyze:signal"),
        ("signals.filtered", "roottrading:signals:filtered"),
    ]) func topicsMapToThePredecessorsChannels(_ topic: String, _ channel: String) throws {
        #expect(try channels(topic) == [channel])
    }

    @Test func legacyChannelsAddTheOneWithoutATimeframe() throws {
        let both = ["roottrading:market:data:btcusdc:1h", "roottrading:market:data:btcusdc"]
        #expect(try channels("market.data.btcusdc.1h", "--legacy-channels") == both)
        #expect(try channels("market.data.btcusdc.1m", "--legacy-channels") == ["roottrading:market:data:btcusdc:1m"])
    }

    @Test(arguments: ["market.data.btcusdc.1m.dlq", "market.data.btcusdc.2m", "market.data.BTC.1m", "other"])
    func whatMapsToNothingSaysSoAndFails(_ topic: String) throws {
        let result = try Program.run("route", "orders", topic)
        #expect(result.code == 1)
        #expect(result.talk.contains("\(topic): maps to nothing"))
        #expect(result.output.contains("roottrading:trade:order"))
    }

    @Test func aRestrictionToSymbolsIsNamedAsTheReason() throws {
        let result = try Program.run("route", "market.data.ethusdt.1m", environment: ["SYMBOLS": "btcusdt"])
        #expect(result.code == 1)
        #expect(result.talk.contains("router.symbols leaves ethusdt out"))
    }

    @Test func aRuleOfTheFileComesFirst() throws {
        let folder = try TemporaryFolder("rules")
        let file = folder.file("k.yaml")
        let rule = "router:\n  routes:\n    - match: 'ticks\\.(?<symbol>[a-z]+)'\n      channel: ticks:{symbol}\n"
        try (rule + "      lane: market\n      data_type: raw_market_data\n")
            .write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try channels("ticks.btc", "--config", file) == ["roottrading:ticks:btc"])
        try (rule + "      lane: market\n      data_type: sginal\n").write(
            toFile: file, atomically: true, encoding: .utf8)
        let wrong = try Program.run("route", "ticks.btc", "--config", file)
        #expect(wrong.code == 2)
        #expect(wrong.talk.contains("router.routes, rule 1"))
        #expect(wrong.talk.contains("did you mean signal?"))
    }
}
