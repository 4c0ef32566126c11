import Foundation
import Telemetry
import Testing

@Suite struct JSONWriterTests {
    @Test func everyStringComesBackThroughAnotherReader() throws {
        var texts = (0..<0x300).compactMap { UnicodeScalar($0).map { "a\($0)b" } }
        texts += ["", "\"", "\\", "\u{2028}", "é€😀", "\\u0041", "\0"]
        var json = JSONWriter()
        json.array { for text in texts { $0.string(text) } }
        let read = try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String]
        #expect(read == texts)
    }

    @Test func nestingAndCommasAreRight() {
        var json = JSONWriter()
        json.object { json in
            json.member("a", 1)
            json.member("b", object: { _ in })
            json.member("c", array: { $0.array { $0.null() } })
            json.member("d", ["x", "y"])
            json.member("e", true)
            json.member("f", nil as String?)
            json.member("g", 1.5)
            json.key("h")
            json.raw("[1]".utf8)
            json.member("i", UInt64.max)
        }
        #expect(
            json.text
                == #"{"a":1,"b":{},"c":[[null]],"d":["x","y"],"e":true,"f":null,"g":1.5,"h":[1],"i":18446744073709551615}"#
        )
    }

    @Test(arguments: [0.1, -1e300, 2.5e-308, 1e16, 123456789.123, 0, -0.0])
    func finiteNumbersComeBackExactly(number: Double) throws {
        var json = JSONWriter()
        json.array { $0.double(number) }
        #expect(try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [Double] == [number])
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity]) func whatJSONHasNoWordForIsNull(number: Double) {
        var json = JSONWriter()
        json.double(number)
        #expect(json.text == "null")
    }
}

@Suite struct HealthReportTests {
    @Test(arguments: [
        (HealthReport.Status.healthy, 200), (.degraded, 200), (.unhealthy, 503), (.stopping, 503),
    ])
    func onlyAProcessThatDoesNotWorkIs503(status: HealthReport.Status, code: Int) {
        #expect(status.httpStatus == code)
    }

    @Test func theBodyHasTheDocumentedShape() {
        let report = HealthReport(status: .degraded, reasons: ["Redis is down"], timestamp: 1726.5, uptime: 12.3)
        let body = String(decoding: report.body { $0.member("errors", 0) }, as: UTF8.self)
        #expect(
            body
                == #"{"status":"degraded","timestamp":1726.5,"uptime":12.3,"stats":{"errors":0},"reasons":["Redis is down"]}"#
        )
        #expect(String(decoding: ProbeReport(reasons: []).body, as: UTF8.self) == #"{"ok":true}"#)
        #expect(ProbeReport(reasons: ["x"]).httpStatus == 503)
    }
}

@Suite struct ErrorJournalTests {
    @Test func theLast32AreKeptAndRepeatsCounted() {
        let journal = ErrorJournal()
        for number in 0..<40 { journal.record(code: "c", "error \(number)", at: Int64(number)) }
        journal.record(code: "c", "error 20", at: 99)
        #expect(journal.entries.count == 32)
        #expect(journal.entries.first?.sentence == "error 8")
        let newest = journal.entries.last
        #expect(newest?.count == 2 && newest?.firstSeen == 20 && newest?.lastSeen == 99)
        var json = JSONWriter()
        journal.write(to: &json)
        #expect(
            json.text.hasPrefix(#"[{"code":"c","error":"error 20","count":2,"first_seen":"1970-01-01T00:00:00.020Z""#))
    }
}
