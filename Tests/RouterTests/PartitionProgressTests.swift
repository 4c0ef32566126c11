import Testing

@testable import Router

@Suite struct PartitionProgressTests {
    @Test func storesBehindTheLastAnswer() {
        var progress = PartitionProgress(position: 5)
        #expect(progress.takeStorable() == nil)
        progress.acknowledge(5)
        progress.acknowledge(9)
        #expect(progress.takeStorable() == 10)
        #expect(progress.takeStorable() == nil)
    }

    @Test func unwrittenDeadLetterHoldsTheOffset() {
        var progress = PartitionProgress(position: 0)
        progress.refuse(3)
        progress.acknowledge(7)
        #expect(progress.takeStorable() == 3)
        progress.wrote(3)
        #expect(progress.takeStorable() == 8)
    }

    @Test func deadLetterFoundLaterForAnEarlierRecordHoldsToo() {
        var progress = PartitionProgress(position: 0)
        progress.refuse(9)
        progress.refuse(4)
        #expect(progress.unwritten == [4, 9])
        progress.acknowledge(9)
        #expect(progress.takeStorable() == 4)
        progress.wrote(4)
        #expect(progress.takeStorable() == 9)
    }

    /// Every order of answers and writes for six records, against the rule said naively: a restart may go on from the
    /// first offset that is neither answered in order nor written.
    @Test func neverStoresPastWhatIsUndone() {
        for refusedMask in 0..<64 {
            let refused = (0..<6).filter { refusedMask & (1 << $0) != 0 }
            for order in permutations(of: refused) {
                for answered in 0...6 {
                    var progress = PartitionProgress(position: 0)
                    for offset in refused { progress.refuse(Int64(offset)) }
                    var written: Set<Int> = []
                    for offset in 0..<answered { progress.acknowledge(Int64(offset)) }
                    for offset in order {
                        progress.wrote(Int64(offset))
                        written.insert(offset)
                        _ = progress.takeStorable()
                        let undone = (0..<6).first { offset in
                            offset >= answered || (refused.contains(offset) && !written.contains(offset))
                        }
                        #expect(progress.stored <= Int64(undone ?? 6))
                    }
                    _ = progress.takeStorable()
                    #expect(progress.stored == Int64(answered))
                }
            }
        }
    }

    private func permutations(of items: [Int]) -> [[Int]] {
        guard !items.isEmpty else { return [[]] }
        return items.flatMap { first in permutations(of: items.filter { $0 != first }).map { [first] + $0 } }
    }
}
