import Foundation
import Telemetry
import TestRigs
import Testing

@Suite struct MetricsTests {
    private func text(_ fill: (inout MetricsPage) -> Void) -> String {
        var page = MetricsPage()
        fill(&page)
        return String(decoding: page.bytes, as: UTF8.self)
    }

    @Test func familiesStayTogetherWhoeverWritesThem() {
        let page = text { page in
            page.counter("a_total", "A \\ b\nc.", 1, ["lane": "market"])
            page.gauge("b", "B.", 1.5)
            page.counter("a_total", "A \\ b\nc.", UInt64.max, ["lane": "t\"r\\a\nde", "x": "é"])
        }
        #expect(
            page == """
                # HELP a_total A \\\\ b\\nc.
                # TYPE a_total counter
                a_total{lane="market"} 1
                a_total{lane="t\\"r\\\\a\\nde",x="é"} 18446744073709551615
                # HELP b B.
                # TYPE b gauge
                b 1.5

                """)
    }

    @Test func histogramsAreCumulativeInSeconds() {
        let histogram = LatencyHistogram()
        histogram.record(nanoseconds: 100_000)
        histogram.record(nanoseconds: 100_001, count: 3)
        histogram.record(nanoseconds: 11_000_000_000)
        let page = text { $0.histogram("x_seconds", "X.", histogram.snapshot, ["p": "q"]) }
        for line in [
            "# TYPE x_seconds histogram", "x_seconds_bucket{p=\"q\",le=\"0.0001\"} 1",
            "x_seconds_bucket{p=\"q\",le=\"0.00025\"} 4",
            "x_seconds_bucket{p=\"q\",le=\"10\"} 4", "x_seconds_bucket{p=\"q\",le=\"+Inf\"} 5",
            "x_seconds_count{p=\"q\"} 5",
        ] {
            #expect(page.contains(line + "\n"), "\(line)")
        }
        #expect(page.split(separator: "\n").count == 2 + 17 + 2)
        #expect(abs(histogram.snapshot.sumSeconds - 11.000400003) < 1e-9)
    }

    @Test func quantilesAreInterpolated() {
        let histogram = LatencyHistogram()
        #expect(histogram.snapshot.quantile(0.5) == nil)
        histogram.record(nanoseconds: 7_000_000, count: 100)
        // All in 5…10 ms: half of them up to the middle.
        #expect(abs((histogram.snapshot.quantile(0.5) ?? 0) - 0.0075) < 1e-9)
        histogram.record(nanoseconds: 60_000_000_000, count: 900)
        #expect(histogram.snapshot.quantile(0.99) == 10)
    }

    @Test func aReaderOfALivingHistogramSeesOnlyWhatWasRecorded() {
        let histogram = LatencyHistogram()
        DispatchQueue.concurrentPerform(iterations: 2) { thread in
            if thread == 0 {
                for _ in 0..<100_000 { histogram.record(nanoseconds: 200_000) }
            } else {
                var last: UInt64 = 0
                for _ in 0..<1_000 {
                    let count = histogram.snapshot.count
                    #expect(count >= last && count <= 100_000)
                    last = count
                }
            }
        }
        #expect(histogram.snapshot.count == 100_000)
    }

    @Test func theNumberOfSeriesIsBoundedAndTheirSumKept() {
        let limit = SeriesLimit(2)
        let first = limit.apply([("a", 1), ("b", 5), ("c", 3), ("d", 2)])
        #expect(first.map(\.label) == ["b", "c", "other"])
        #expect(first.map(\.value) == [5, 3, 3])
        let overtaken = limit.apply([("a", 100), ("b", 5), ("c", 3), ("d", 2)])
        #expect(overtaken.map(\.label) == ["b", "c", "other"])
        #expect(overtaken.last?.value == 102)
        let gone = limit.apply([("a", 100), ("c", 3), ("d", 2)])
        #expect(gone.map(\.label) == ["a", "c", "other"])
        #expect(SeriesLimit(5).apply([("a", 1)]).map(\.label) == ["a"])
    }

    @Test func theProcessTellsItsOwnFigures() throws {
        let page = text { ProcessMetrics().write(to: &$0) }
        for name in [
            "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
            "process_start_time_seconds", "process_threads", "process_virtual_memory_bytes",
        ] {
            let line = try #require(page.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "\(name)")
            #expect((Double(line.split(separator: " ")[1]) ?? -1) > 0 || name == "process_cpu_seconds_total", "\(line)")
        }
        let before = ProcessFigures.openDescriptors() ?? 0
        let handle = FileHandle(forReadingAtPath: "/dev/null")
        #expect((ProcessFigures.openDescriptors() ?? 0) >= 1 && before >= 1)
        try handle?.close()
    }
}
