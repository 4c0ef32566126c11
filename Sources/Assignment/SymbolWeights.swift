import MarketData

/// What each symbol weighs, in whole units, so that sums are exact and the same in any order.
struct SymbolWeights {
    /// A million messages a second: sums of `PlanError.symbolLimit` symbols and their products stay far below 2^63.
    private static let rateLimit = 1_000_000.0

    /// Whether any rate is known; else each symbol weighs one unit, and loads are counts.
    let isMeasured: Bool
    private let known: [Symbol: Int]
    /// A symbol without a rate counts as the mean of those with one.
    private let fallback: Int

    /// - Parameter rates: messages a second. What is negative or not a number counts as unknown.
    init(rates: [Symbol: Double], among symbols: [Symbol]) {
        guard !rates.isEmpty else {
            (isMeasured, known, fallback) = (false, [:], 1)
            return
        }
        var known: [Symbol: Int] = [:]
        for symbol in symbols {
            guard let rate = rates[symbol], rate.isFinite, rate >= 0 else { continue }
            known[symbol] = max(1, Int((min(rate, Self.rateLimit) * 1_000).rounded()))
        }
        isMeasured = !known.isEmpty
        fallback = known.isEmpty ? 1 : max(1, known.values.reduce(0, +) / known.count)
        self.known = known
    }

    subscript(symbol: Symbol) -> Int { known[symbol] ?? fallback }
}
