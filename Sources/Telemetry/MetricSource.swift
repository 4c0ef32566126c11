/// Something that has figures. Called on the HTTP thread at each scrape, so it reads snapshots and atomics only.
package protocol MetricSource: Sendable {
    func write(to page: inout MetricsPage)
}

/// A source made of a closure.
package struct ClosureMetrics: MetricSource {
    private let body: @Sendable (inout MetricsPage) -> Void

    package init(_ body: @escaping @Sendable (inout MetricsPage) -> Void) { self.body = body }

    package func write(to page: inout MetricsPage) { body(&page) }
}

extension MetricsPage {
    /// All that the sources have to say.
    package init(of sources: [any MetricSource]) {
        self.init()
        for source in sources { source.write(to: &self) }
    }
}
