package import MarketData

/// Give these symbols workers. What is not listed stays where it is.
package struct Dispatch: Sendable {
    package var symbols: [Symbol]
    package var strategy: Strategy
    package var timeframes: [Timeframe]
    /// The most symbols of any worker, below its own capacity; `nil` for the workers' own alone.
    package var capacity: Int?
    /// Messages a second where they were measured.
    package var rates: [Symbol: Double]
    /// Pins of the listed symbols are taken back first.
    package var unpins: Bool

    package init(
        _ symbols: [Symbol], by strategy: Strategy, timeframes: [Timeframe], capacity: Int? = nil,
        rates: [Symbol: Double] = [:], unpins: Bool = false
    ) {
        self.symbols = symbols
        self.strategy = strategy
        self.timeframes = timeframes
        self.capacity = capacity
        self.rates = rates
        self.unpins = unpins
    }
}

/// Bring the loads close to each other with as few moves as possible, and symbols without a live worker to one.
package struct Rebalance: Sendable {
    /// Symbols that may move; those without a worker get one. `nil` for all that are placed.
    package var symbols: [Symbol]?
    /// For symbols without a worker; others keep theirs.
    package var timeframes: [Timeframe]
    package var capacity: Int?
    package var rates: [Symbol: Double]
    /// Bounds the moves of symbols that are being served; a symbol that nobody serves always gets a worker.
    package var moveLimit: Int?
    package var unpins: Bool
    /// `false`: only symbols of workers that are gone or unknown move. What a lease that ran out asks for.
    package var levels: Bool

    package init(
        symbols: [Symbol]? = nil, timeframes: [Timeframe] = [], capacity: Int? = nil, rates: [Symbol: Double] = [:],
        moveLimit: Int? = nil, unpins: Bool = false, levels: Bool = true
    ) {
        self.symbols = symbols
        self.timeframes = timeframes
        self.capacity = capacity
        self.rates = rates
        self.moveLimit = moveLimit
        self.unpins = unpins
        self.levels = levels
    }
}
