/// Small numbers for series: the same one as long as the pipeline lives, counted from 0. Confined to the pipeline's thread.
///
/// It grows by each series that had a candle, so it is bounded by the topics that exist.
package final class SeriesTable {
    /// What the numbers mean; `RowBatch.series` is this list at the moment the batch is sealed.
    package private(set) var all: [Series] = []
    private var numbers: [Series: Int32] = [:]

    package init() {}

    /// The series' number, a new one when it has none yet.
    package func number(of series: Series) -> Int32 {
        if let known = numbers[series] { return known }
        let made = Int32(all.count)
        all.append(series)
        numbers[series] = made
        return made
    }
}
