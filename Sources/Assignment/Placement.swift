package import MarketData

/// Who serves a symbol.
package struct Placement: Equatable, Sendable {
    package var worker: WorkerName
    /// In the order of `Timeframe.allCases`, each once.
    package var timeframes: [Timeframe]
    package var epoch: Epoch
    /// An operator chose this worker: strategies and rebalances leave the symbol here.
    package var isPinned: Bool
    /// When the worker was chosen, milliseconds since 1970 by the storage's clock.
    package var assignedAt: Int64

    package init(worker: WorkerName, timeframes: [Timeframe], epoch: Epoch, isPinned: Bool, assignedAt: Int64) {
        self.worker = worker
        self.timeframes = Self.canonical(timeframes)
        self.epoch = epoch
        self.isPinned = isPinned
        self.assignedAt = assignedAt
    }

    /// The same timeframes, each once, in the order of their length.
    package static func canonical(_ timeframes: [Timeframe]) -> [Timeframe] {
        Timeframe.allCases.filter(timeframes.contains)
    }
}
