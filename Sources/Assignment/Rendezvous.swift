package import MarketData

/// Rendezvous hashing with bounded loads. The function is published, with vectors: docs/contracts/assignment.md.
///
/// Each symbol scores each worker and takes the best that has room; where more want a worker than it may have, those with
/// the highest scores stay. Since a symbol and a worker agree on their score, there is exactly one such outcome, in
/// whatever order it is found: D. Gale and L. S. Shapley, "College Admissions and the Stability of Marriage" (1962).
package enum Rendezvous {
    /// c = 1.25 of the mean: no worker has more than ⌈1.25 · k / n⌉ symbols.
    package static let boundPercent = 125

    /// FNV-1a, 64 bits (Fowler, Noll and Vo).
    static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { hash, byte in (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    }

    /// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
    static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A symbol's half of its scores. The symbol counts in upper case, as the venues write it.
    static func half(of symbol: Symbol) -> UInt64 { mix(fnv1a(symbol.upperCaseBytes)) }
    /// A worker's half.
    static func half(of worker: WorkerName) -> UInt64 { fnv1a(worker.text.utf8) }

    /// The highest of the first `weight` numbers of SplitMix64 seeded with the sum of both halves. The highest of m numbers
    /// beats another's highest of one m times as often, which is what a weight means, without any floating point.
    static func score(_ symbol: UInt64, _ worker: UInt64, weight: Int) -> UInt64 {
        var (state, best) = (symbol &+ worker, UInt64(0))
        for _ in 0..<weight {
            state &+= 0x9e37_79b9_7f4a_7c15
            best = max(best, mix(state))
        }
        return best
    }

    package static func score(_ symbol: Symbol, _ worker: WorkerName, weight: Int = 1) -> UInt64 {
        score(half(of: symbol), half(of: worker), weight: weight)
    }

    /// ⌈c · k · weight / total⌉.
    static func bound(symbols: Int, weight: Int, totalWeight: Int, percent: Int) -> Int {
        let whole = 100 * totalWeight
        return (percent * symbols * weight + whole - 1) / whole
    }

    /// The place of each symbol among the workers; -1 where every worker is full.
    ///
    /// - Parameters:
    ///   - symbols: in the order of their names, which decides between equal scores.
    ///   - workers: in the order of their names, for the same.
    ///   - seats: how many symbols each worker may take.
    static func places(symbols: [Symbol], workers: [Worker], seats: [Int]) -> [Int] {
        precondition(workers.count == seats.count, "a number of seats a worker")
        var matching = Matching(symbols: symbols, workers: workers, seats: seats)
        for symbol in symbols.indices { matching.seat(symbol) }
        return matching.places
    }
}

/// Symbols propose to workers from the best score down; a full worker lets the lowest score go.
private struct Matching {
    private let symbolHalves: [UInt64]
    private let workerHalves: [UInt64]
    private let weights: [Int]
    private let seats: [Int]
    private var taken: [ScoreHeap]
    private(set) var places: [Int]

    init(symbols: [Symbol], workers: [Worker], seats: [Int]) {
        symbolHalves = symbols.map(Rendezvous.half)
        workerHalves = workers.map { Rendezvous.half(of: $0.name) }
        weights = workers.map(\.weight)
        self.seats = seats
        taken = Array(repeating: ScoreHeap(), count: workers.count)
        places = Array(repeating: -1, count: symbols.count)
    }

    /// Seats a symbol, and whoever loses the seat for it.
    mutating func seat(_ symbol: Int) {
        var proposer = symbol
        var refusal: (score: UInt64, worker: Int)?
        while let (score, worker) = best(for: proposer, after: refusal) {
            let proposal = ScoreHeap.Entry(score: score, symbol: proposer)
            if taken[worker].count < seats[worker] {
                taken[worker].insert(proposal)
                places[proposer] = worker
                return
            }
            // A worker without a seat refuses everybody.
            guard let lowest = taken[worker].lowest, lowest < proposal else {
                refusal = (score, worker)
                continue
            }
            taken[worker].replaceLowest(by: proposal)
            places[proposer] = worker
            places[lowest.symbol] = -1
            proposer = lowest.symbol
            refusal = (lowest.score, worker)
        }
    }

    /// The best worker behind the one that refused last: by score, then by name.
    private func best(for symbol: Int, after refusal: (score: UInt64, worker: Int)?) -> (score: UInt64, worker: Int)? {
        var best: (score: UInt64, worker: Int)?
        for worker in workerHalves.indices {
            let score = Rendezvous.score(symbolHalves[symbol], workerHalves[worker], weight: weights[worker])
            if let refusal, score > refusal.score || (score == refusal.score && worker <= refusal.worker) { continue }
            if best == nil || score > best!.score { best = (score, worker) }
        }
        return best
    }
}

extension Symbol {
    var upperCaseBytes: some Sequence<UInt8> {
        name.utf8.lazy.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) ? $0 - 32 : $0 }
    }

    /// By bytes: of a symbol's characters all are ASCII, where `String` compares bytes.
    package static func isOrdered(_ left: Symbol, _ right: Symbol) -> Bool { left.name < right.name }
}
