import Foundation
import Gateway
import HTTP
import TestRigs
import Testing

/// A change over HTTP with a controller and a worker behind it: what the answer says is done, the worker does.
@Suite(.serialized, .timeLimit(.minutes(5))) struct APILiveTests {
    /// The API and a controller beside each other, as in a gateway, and one worker that is registered over HTTP.
    private struct Rig {
        let control: ControlRig
        let api: APIRig
        let worker: WorkerDoubleRig

        init(plain: Bool) throws {
            control = try ControlRig()
            // Nobody waits that long: an answer comes when the worker was told.
            api = try APIRig(redis: control.server, patience: .seconds(100))
            worker = plain ? try WorkerDoubleRig(["--name", "ws-1"]) : try control.worker("ws-1")
            let address = "127.0.0.1:\(worker.port)"
            #expect(try api.send("POST", "/ws/workers", ["name": "ws-1", "address": address]).status == 200)
            try control.waitUntilSettled(try control.control())
        }

        /// Changes something, and expects that the worker serves just these channels when the answer comes.
        func expect(_ channels: [String], after answer: APIRig.Answer) throws {
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer["attended"] as? Bool == true)
            #expect((answer["pending"] as? [Any])?.isEmpty == true)
            let client = try RawClient(port: worker.port)
            client.send("GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let body = client.receiveAll().components(separatedBy: "\r\n\r\n").last ?? ""
            let status = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
            #expect(status?["kline_channels"] as? [String] == channels.sorted())
        }

        /// What it was told, in the words of its interface and without the epoch, which it may not know.
        func told(_ verb: String, _ symbol: String, _ timeframes: String) -> Bool {
            let words = "POST /\(verb) 200 {\"symbol\":\"\(symbol)\",\"tfs\":[\(timeframes)]"
            return worker.lines(beginning: words).count == 1
        }
    }

    private static func channel(_ symbol: String) -> (String) -> String { { "futures/klineBin\($0):\(symbol)" } }

    @Test(arguments: [false, true]) func otherTimeframesAndRemovalsAreToldBeforeTheAnswer(plain: Bool) throws {
        let rig = try Rig(plain: plain)
        let (bitcoin, ether) = (Self.channel("BTCUSDT"), Self.channel("ETHUSDT"))
        let both: [String: Any] = ["symbols": ["BTCUSDT", "ETHUSDT"], "timeframes": ["1m", "1h"]]
        try rig.expect(
            ["1m", "1H"].flatMap { [bitcoin($0), ether($0)] }, after: rig.api.send("POST", "/ws/dispatch", both))

        let more: [String: Any] = ["symbol": "BTCUSDT", "tfs": ["5m", "1m"]]
        try rig.expect(
            ["1m", "5m", "1H"].map(bitcoin) + ["1m", "1H"].map(ether),
            after: rig.api.send("POST", "/ws/subscribe", more))
        #expect(rig.told("subscribe", "BTCUSDT", #""5m""#), "what it serves already is not told again")

        let fewer: [String: Any] = ["symbol": "BTCUSDT", "tfs": ["1h"]]
        try rig.expect(
            ["1m", "5m"].map(bitcoin) + ["1m", "1H"].map(ether),
            after: rig.api.send("POST", "/ws/unsubscribe", fewer))
        #expect(rig.told("unsubscribe", "BTCUSDT", #""1h""#))

        let others: [String: Any] = ["symbols": ["ETHUSDT"], "timeframes": ["15m"]]
        try rig.expect(
            ["1m", "5m"].map(bitcoin) + [ether("15m")], after: rig.api.send("POST", "/ws/dispatch", others))

        try rig.expect(
            [ether("15m")], after: rig.api.send("POST", "/ws/unsubscribe", ["symbol": "BTCUSDT"]))
        #expect(rig.told("unsubscribe", "BTCUSDT", #""1m","5m""#))

        // A file that names another symbol alone takes this one away.
        let file = Array("symbol,worker\nSOLUSDT,ws-1\n".utf8)
        try rig.expect(
            [Self.channel("SOLUSDT")("3m")],
            after: rig.api.send("PUT", "/ws/assignments.csv?timeframes=3m", file, ["Content-Type": "text/csv"]))
        #expect(rig.told("unsubscribe", "ETHUSDT", #""15m""#))
    }

    @Test func whatChangesNothingTellsTheWorkerNothing() throws {
        let rig = try Rig(plain: false)
        let body: [String: Any] = ["symbols": ["BTCUSDT"], "timeframes": ["1m"]]
        let channels = [Self.channel("BTCUSDT")("1m")]
        try rig.expect(channels, after: rig.api.send("POST", "/ws/dispatch", body, ["Idempotency-Key": "k"]))
        let told = rig.worker.lines(beginning: "POST ").count
        try rig.expect(channels, after: rig.api.send("POST", "/ws/dispatch", body, ["Idempotency-Key": "k"]))
        try rig.expect(channels, after: rig.api.send("POST", "/ws/dispatch", body))
        let plan: [String: Any] = ["symbols": ["BTCUSDT"], "timeframes": ["5m"], "live": false]
        #expect(try rig.api.send("POST", "/ws/dispatch", plan).status == 200)
        #expect(rig.worker.lines(beginning: "POST ").count == told)
    }
}
