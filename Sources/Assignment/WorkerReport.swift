package import MarketData

/// What a worker says it does.
package struct WorkerReport: Equatable, Sendable {
    package let worker: WorkerName
    package let subscriptions: [Symbol: Set<Timeframe>]
    /// The epochs under which it serves, where it knows them.
    package let epochs: [Symbol: Epoch]

    package init(worker: WorkerName, subscriptions: [Symbol: Set<Timeframe>], epochs: [Symbol: Epoch] = [:]) {
        self.worker = worker
        self.subscriptions = subscriptions.filter { !$0.value.isEmpty }
        self.epochs = epochs
    }

    /// Whether it says that it serves the symbol under an older epoch.
    func isBehind(_ epoch: Epoch, for symbol: Symbol) -> Bool { epochs[symbol].map { $0 < epoch } ?? false }
}
