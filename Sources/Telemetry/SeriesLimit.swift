/// Keeps the number of a metric's series bounded: the largest get a series of their own, the rest are summed as `other`.
///
/// Who has a series keeps it until it is gone from the input: if two changed places at each scrape, `other` would fall,
/// and Prometheus would take the fall of a counter for a restart and count everything again.
package final class SeriesLimit: Sendable {
    package static let other = "other"

    private let limit: Int
    private let chosen = Locked<Set<String>>([])

    package init(_ limit: Int) { self.limit = limit }

    /// At most `limit` of the series, largest newcomers first, and `other` where any are left over.
    package func apply(_ series: [(label: String, value: UInt64)]) -> [(label: String, value: UInt64)] {
        chosen.withLock { chosen in
            chosen.formIntersection(series.lazy.map(\.label))
            let newcomers = series.filter { !chosen.contains($0.label) }
                .sorted { ($1.value, $0.label) < ($0.value, $1.label) }
            for newcomer in newcomers.prefix(max(0, limit - chosen.count)) { chosen.insert(newcomer.label) }
            var shown = series.filter { chosen.contains($0.label) }
            if shown.count < series.count {
                let rest = series.reduce(UInt64(0)) { chosen.contains($1.label) ? $0 : $0 &+ $1.value }
                shown.append((Self.other, rest))
            }
            return shown
        }
    }
}
