import Foundation
import Persister
import TestRigs
import Testing

@Suite struct CoalescingTests {
    /// One update of a candle whose only number that matters is its close.
    struct Update {
        var series: Int32 = 0
        var time: Int64 = 60_000
        var event: Int64
        var offset: Int64
        var close: String
        var isClosed = true

        /// The order of the tables, by a way of its own: the close has four digits.
        func isNewer(than other: Update) -> Bool {
            let mine = [isClosed ? 1 : 0, event, offset, Int64(close)!]
            let others = [other.isClosed ? 1 : 0, other.event, other.offset, Int64(other.close)!]
            return others.lexicographicallyPrecedes(mine)
        }
    }

    private func add(_ update: Update, to batch: RowBatch, padding: String = "") {
        let numbers = ["1", "9999", "1", update.close]
        var counts = SIMD8<UInt8>()
        for (place, number) in numbers.enumerated() { counts[place] = UInt8(number.utf8.count) }
        let row = CandleRow(
            series: update.series, step: 0, time: update.time, eventTime: update.event, offset: update.offset,
            trades: -1, textStart: 0, numberCounts: counts, sourceCount: UInt8(padding.utf8.count),
            isClosed: update.isClosed)
        var text = Array((numbers.joined() + padding).utf8)
        unsafe text.withUnsafeMutableBytes { unsafe batch.add(row, text: UnsafeRawBufferPointer($0)) }
    }

    private func close(_ place: Int, of batch: RowBatch) -> String {
        unsafe String(decoding: batch.digits(.close, of: batch.candles[place]), as: UTF8.self)
    }

    @Test func theNewestOfAKeyWinsWhateverTheOrder() {
        let updates = [
            Update(event: 9, offset: 9, close: "1000", isClosed: false), Update(event: 5, offset: 8, close: "1001"),
            Update(event: 6, offset: 1, close: "1002"), Update(event: 6, offset: 2, close: "1003"),
            Update(event: 6, offset: 2, close: "1004"),
        ]
        for order in permutations(of: Array(updates.indices)) {
            let batch = RowBatch(limits: RowBatchLimits(rows: 8, bytes: 4_096))
            for place in order { add(updates[place], to: batch) }
            #expect(batch.candleCount == 1)
            #expect(close(0, of: batch) == "1004")
            #expect(batch.coalescedCount == 4)
        }
    }

    private func permutations(of places: [Int]) -> [[Int]] {
        guard places.count > 1 else { return [places] }
        return places.flatMap { first in permutations(of: places.filter { $0 != first }).map { [first] + $0 } }
    }

    @Test func aCorrectionIsAClosedCandleReplacedByAnotherClosedOne() {
        let first = Update(event: 1, offset: 1, close: "1001")
        let second = Update(event: 2, offset: 2, close: "1002")
        let open = Update(event: 0, offset: 0, close: "1000", isClosed: false)
        let same = Update(event: 3, offset: 3, close: "1002")
        for (updates, corrections) in [
            ([first, second], 1), ([open, first], 0), ([first, first], 0), ([second, same], 0),
            ([first, second, same], 1),
            // Late, and a second reading of both: a table would not have changed either.
            ([second, first], 0), ([first, second, first, second, first], 1), ([second, open, first, same], 0),
        ] as [([Update], UInt16)] {
            let batch = RowBatch(limits: RowBatchLimits(rows: 8, bytes: 4_096))
            for update in updates { add(update, to: batch) }
            #expect(unsafe batch.candles[0].corrections == corrections, "\(updates.map(\.offset))")
        }
    }

    @Test func valuesThatAreEqualAreNoCorrection() {
        let batch = RowBatch(limits: RowBatchLimits(rows: 8, bytes: 4_096))
        add(Update(event: 1, offset: 1, close: "1001"), to: batch)
        add(Update(event: 2, offset: 2, close: "1001.0"), to: batch)
        #expect(unsafe batch.candles[0].corrections == 0)
        #expect(close(0, of: batch) == "1001.0")
    }

    @Test func textIsUsedAgainWhereItFits() {
        let batch = RowBatch(limits: RowBatchLimits(rows: 8, bytes: 4_096))
        for offset in 0..<10_000 {
            add(
                Update(event: 1, offset: Int64(offset), close: offset % 2 == 0 ? "1000" : "1000.125"), to: batch,
                padding: offset % 3 == 0 ? "" : "venue")
        }
        #expect(batch.candleCount == 1)
        #expect(batch.textCount <= 64)
        #expect(close(0, of: batch) == "1000.125")
    }

    @Test func aBatchSaysWhenItIsFull() {
        let batch = RowBatch(limits: RowBatchLimits(rows: 3, bytes: 1_024))
        #expect(batch.hasRoom(forRecordOf: 100_000))
        for minute in 0..<3 {
            #expect(batch.hasRoom(forRecordOf: 100))
            add(Update(time: Int64(minute), event: 0, offset: 0, close: "1000"), to: batch)
        }
        #expect(!batch.hasRoom(forRecordOf: 100))
        batch.clear()
        #expect(batch.hasRoom(forRecordOf: 100))
        batch.add(
            RefusedRecord(
                step: 0, offset: 0, timestamp: 0, key: nil, value: Array(repeating: 0, count: 400), reason: .badTime,
                detail: ""))
        #expect(!batch.hasRoom(forRecordOf: 400))
        batch.clear()
        add(Update(event: 1, offset: 1, close: "1001"), to: batch, padding: String(repeating: "s", count: 255))
        #expect(!batch.hasRoom(forRecordOf: 1), "a candle's texts may take 768 bytes")
    }

    @Test func aClearedBatchKnowsNoKeys() {
        let batch = RowBatch(limits: RowBatchLimits(rows: 8, bytes: 4_096))
        for round in 0..<3 {
            add(Update(event: 9 - Int64(round), offset: 1, close: "1001"), to: batch)
            #expect(batch.candleCount == 1)
            #expect(unsafe batch.candles[0].eventTime == 9 - Int64(round))
            #expect(batch.coalescedCount == 0)
            batch.clear()
        }
    }

    /// Against a dictionary: the same survivors and corrections, and any order ends in the same rows.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func aBatchAgreesWithADictionary(seed: UInt64) {
        struct Key: Hashable { let series: Int32, time: Int64 }
        var random = SeededRandom(seed: seed)
        let isLong = ProcessInfo.processInfo.environment["KLINECAST_TORTURE"] != nil
        let keyCount: Int64 = isLong ? 2_000 : 300
        var updates = (0..<(isLong ? 100_000 : 10_000)).map { _ in
            let key = Int64.random(in: 0..<keyCount, using: &random)
            return Update(
                series: Int32(key % 7), time: 60_000 * (key / 7), event: .random(in: 0..<4, using: &random),
                offset: .random(in: 0..<5, using: &random),
                close: String(Int.random(in: 1_000..<1_004, using: &random)),
                isClosed: .random(using: &random))
        }
        let batch = RowBatch(limits: RowBatchLimits(rows: 16_384, bytes: 4_194_304))
        for _ in 0..<3 {
            batch.clear()
            var model: [Key: (update: Update, corrections: UInt16)] = [:]
            for update in updates {
                add(update, to: batch)
                let key = Key(series: update.series, time: update.time)
                guard let standing = model[key] else {
                    model[key] = (update, 0)
                    continue
                }
                guard update.isNewer(than: standing.update) else { continue }
                let isCorrection = standing.update.isClosed && update.close != standing.update.close
                model[key] = (update, standing.corrections + (isCorrection ? 1 : 0))
            }
            #expect(batch.candleCount == model.count)
            #expect(batch.coalescedCount == updates.count - model.count)
            for place in 0..<batch.candleCount {
                let row = unsafe batch.candles[place]
                let expected = model[Key(series: row.series, time: row.time)]!
                #expect(
                    (row.eventTime, row.offset, row.isClosed, close(place, of: batch), row.corrections) == (
                        expected.update.event, expected.update.offset, expected.update.isClosed, expected.update.close,
                        expected.corrections
                    ))
            }
            updates.shuffle(using: &random)
        }
    }
}
