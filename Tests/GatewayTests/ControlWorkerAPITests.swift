import Curl
import MarketData
import Testing

@testable import Assignment
@testable import Gateway

/// What a worker's documents mean, good and bad, and what is said to it.
@Suite struct ControlWorkerAPITests {
    private func read(_ text: String, status: Int = 200) throws(WorkerAPIError) -> WorkerStatus {
        try WorkerAPI.readStatus(Answer(status: status, body: Array(text.utf8)), of: worker("ws-1"))
    }

    /// The document of the BitMart worker as PHP writes it.
    @Test func theDocumentOfTheBitMartWorkerIsRead() throws {
        let status = try read(
            #"""
            {"is_running":true,"public_ws_connected":true,"private_ws_connected":false,"authenticated":false,
            "kline_channels":["futures\/klineBin1m:BTCUSDT","futures\/klineBin1H:BTCUSDT","futures\/klineBin1D:ETHUSDT",
            "futures\/klineBin1W:ETHUSDT"],"order_subscribed":false,"position_subscribed":false,"positions":{},
            "balance_subscribed":false,"balance":{"asset":"USDT","frozen":1.5e3,"list":[[]]}}
            """#)
        #expect(
            status.report
                == WorkerReport(
                    worker: worker("ws-1"),
                    subscriptions: [
                        symbol("btcusdt"): [.oneMinute, .oneHour], symbol("ethusdt"): [.oneDay, .oneWeek],
                    ]))
        #expect(!status.namesEpochs && status.unknownChannels == 0)
    }

    @Test func epochsAreReadWhereTheyAreNamed() throws {
        let status = try read(#"{"kline_channels":["futures/klineBin5m:BTCUSDT"],"epochs":{"BTCUSDT":7}}"#)
        #expect(status.report.epochs[symbol("btcusdt")]?.number == 7)
        #expect(status.namesEpochs)
        #expect(try read(#"{"kline_channels":[],"epochs":{}}"#).namesEpochs)
    }

    @Test(arguments: [-1, 9_007_199_254_740_992] as [Int64])
    func anEpochThatCannotBeOursIsNamedAndTheOthersCount(number: Int64) throws {
        let status = try read(#"{"kline_channels":[],"epochs":{"BTCUSDT":\#(number),"ETHUSDT":7}}"#)
        #expect(status.report.epochs.mapValues(\.number) == [symbol("ethusdt"): 7])
        #expect(status.unknownEpochs == 1 && status.unknownEpoch == "BTCUSDT \(number)")
    }

    @Test(arguments: [
        "futures/trade:BTCUSDT", "futures/klineBin7m:BTCUSDT", "futures/klineBin1m", "futures/klineBin1m:BTC/USDT",
        "futures/klineBin:BTCUSDT", "", "klineBin1m:BTCUSDT", "futures/klineBin1M5:BTCUSDT",
    ])
    func anUnknownChannelIsNamedAndTheOthersCount(channel: String) throws {
        let status = try read(#"{"kline_channels":["\#(channel)","futures/klineBin30m:BTCUSDT"]}"#)
        #expect(status.report.subscriptions == [symbol("btcusdt"): [.thirtyMinutes]])
        #expect(status.unknownChannels == 1 && status.unknownExample == channel)
    }

    @Test(arguments: [
        "", "null", "[]", "{", #"{"kline_channels":"all"}"#, #"{"kline_channels":[1]}"#, #"{"is_running":true}"#,
        #"{"kline_channels":[]} x"#, #"{"kline_channels":[],"epochs":[]}"#,
        #"{"kline_channels":[],"epochs":{"BTC":"7"}}"#,
        #"{"is_running":"yes","kline_channels":[]}"#, "<html>", String(repeating: "[", count: 100_000),
    ])
    func whatIsNoStatusIsSaidToBeNone(document: String) throws {
        #expect(throws: WorkerAPIError.self) { try read(document) }
    }

    @Test func aWorkerMayServeTenThousandSymbolsInAllTimeframes() throws {
        var names: [String] = []
        for number in 0..<10_000 {
            for timeframe in Timeframe.allCases { names.append("futures/klineBin\(timeframe.rawValue):S\(number)USDT") }
        }
        let document = "{\"kline_channels\":[\"" + names.joined(separator: "\",\"") + "\"]}"
        #expect(document.utf8.count < CallLimits().answerBytes)
        let report = try read(document).report
        #expect(report.subscriptions.count == 10_000)
        #expect(report.subscriptions.values.allSatisfy { $0.count == Timeframe.allCases.count })
    }

    /// Whatever is not ours to read is skipped: numbers as fast as words, so that no document holds the controller up.
    @Test func numbersAreSkippedAsFastAsWords() throws {
        func took(_ value: String) throws -> Duration {
            let many = [String](repeating: value, count: 100_000).joined(separator: ",")
            let document = "{\"kline_channels\":[],\"other\":[\(many)]}"
            // The best of some: others use the machine too.
            return try (0..<5).map { _ in try ContinuousClock().measure { _ = try read(document) } }.min()!
        }
        let (words, numbers) = (try took("\"1\""), try took("111"))
        #expect(numbers < words * 5)
    }

    @Test func aWorkerThatWasStoppedServesNothing() throws {
        #expect(throws: WorkerAPIError.notRunning) {
            try read(#"{"is_running":false,"kline_channels":["futures/klineBin1m:BTCUSDT"]}"#)
        }
        #expect(throws: WorkerAPIError.refused(status: 404, words: "Not Found")) { try read("Not Found", status: 404) }
    }

    @Test func whatIsSaidIsToTheLetter() throws {
        let command = Reconciler.Command(
            verb: .unsubscribe, worker: worker("ws-1"), symbol: symbol("btcusdt"),
            timeframes: [.oneMinute, .fiveMinutes],
            epoch: Epoch(stored: 7)!)
        let plain = try WorkerAPI.call(for: command, at: "ws:8089", namesEpochs: false)
        #expect(plain.url == "http://ws:8089/unsubscribe")
        #expect(plain.body.map { String(decoding: $0, as: UTF8.self) } == #"{"symbol":"BTCUSDT","tfs":["1m","5m"]}"#)
        let ours = try WorkerAPI.call(for: command, at: "[::1]:8089", namesEpochs: true)
        #expect(
            ours.body.map { String(decoding: $0, as: UTF8.self) }
                == #"{"symbol":"BTCUSDT","tfs":["1m","5m"],"epoch":7}"#)
    }

    @Test(arguments: ["ws", "ws:80/x?", "a@b:80", "", "http://ws:80", "ws:80#", " ws:80"])
    func noOtherUrlIsMadeOfAnAddress(address: String) {
        #expect(throws: WorkerAPIError.badAddress(address)) { try WorkerAPI.status(at: address) }
    }

    @Test func onlyAYesIsAYes() throws {
        func taken(_ status: Int, _ body: String) throws(WorkerAPIError) {
            try WorkerAPI.checkTaken(Answer(status: status, body: Array(body.utf8)))
        }
        try taken(200, #"{"ok":true,"message":"Subscribed"}"#)
        try taken(204, "")
        #expect(throws: WorkerAPIError.refused(status: 200, words: "no")) {
            try taken(200, #"{"ok":false,"error":"no"}"#)
        }
        #expect(throws: WorkerAPIError.refused(status: 302, words: "")) { try taken(302, "") }
        #expect(throws: WorkerAPIError.refused(status: 500, words: "a b")) { try taken(500, "a\nb") }
    }
}

/// Renewals told from leases that are merely still there.
@Suite struct ControlContactTests {
    private let start = ContinuousClock.now

    private func look(_ contact: inout Contact, _ remaining: Int?, at milliseconds: Int, took: Int = 1) -> Bool {
        contact.look(
            remaining.map { .milliseconds($0) }, asked: start + .milliseconds(milliseconds),
            answered: start + .milliseconds(milliseconds + took))
    }

    @Test func aLeaseThatOnlyRunsDownIsNoSignOfLife() {
        var contact = Contact(1, at: "ws:8089", now: start)
        #expect(!look(&contact, 9_000, at: 0), "the first look tells nothing of when it was renewed")
        #expect(!look(&contact, 8_751, at: 250))
        #expect(look(&contact, 10_000, at: 500))
        #expect(!look(&contact, 9_750, at: 750))
        #expect(!look(&contact, nil, at: 1_000), "a server that forgot it")
        #expect(look(&contact, 10_000, at: 1_250), "taken anew")
    }

    @Test func aSlowAnswerIsNoRenewal() {
        var contact = Contact(1, at: "ws:8089", now: start)
        #expect(!look(&contact, 9_000, at: 0))
        // Made 10 ms after the question, come 900 ms later; the next one is made 890 ms after that.
        #expect(!look(&contact, 8_740, at: 250, took: 900))
        #expect(!look(&contact, 7_850, at: 1_150))
    }
}
