import MarketData

/// The workers that may take symbols, in the order of registration, and what they have while a plan is being made.
struct Roster {
    let workers: [Worker]
    /// Rendezvous' halves of the workers' scores.
    private let halves: [UInt64]
    private let places: [WorkerName: Int]
    /// The most symbols of each.
    let limits: [Int]
    private(set) var counts: [Int]
    /// Sums of the symbols' weights.
    private(set) var loads: [Int]

    /// - Parameter capacity: the most symbols of any worker, below its own.
    init(_ state: AssignmentState, capacity: Int?) {
        workers = state.registered.filter { $0.state == .active }
        halves = workers.map { Rendezvous.half(of: $0.name) }
        places = Dictionary(uniqueKeysWithValues: workers.indices.map { [workers] in (workers[$0].name, $0) })
        limits = workers.map { min($0.capacity ?? .max, capacity ?? .max) }
        counts = Array(repeating: 0, count: workers.count)
        loads = counts
    }

    /// `nil` when the worker is not active.
    func place(of name: WorkerName) -> Int? { places[name] }
    func hasRoom(_ place: Int) -> Bool { counts[place] < limits[place] }
    func score(_ symbol: Symbol, _ place: Int) -> UInt64 {
        Rendezvous.score(Rendezvous.half(of: symbol), halves[place], weight: workers[place].weight)
    }

    mutating func add(_ weight: Int, to place: Int) {
        counts[place] += 1
        loads[place] += weight
    }

    mutating func remove(_ weight: Int, from place: Int) {
        counts[place] -= 1
        loads[place] -= weight
    }

    /// Whether one place's load in proportion to its worker's weight is smaller than another's, once each was given more.
    func isLighter(_ left: Int, plus leftMore: Int = 0, than right: Int, plus rightMore: Int = 0) -> Bool {
        (loads[left] + leftMore) * workers[right].weight < (loads[right] + rightMore) * workers[left].weight
    }

    /// Where a symbol adds least to the highest load: of the places with room the one that is lightest with it.
    func lightest(taking weight: Int) -> Int? {
        var best: Int?
        for place in workers.indices where hasRoom(place) {
            if best == nil || isLighter(place, plus: weight, than: best!, plus: weight) { best = place }
        }
        return best
    }

    /// The same, where ties go to the symbol's best score.
    func lightest(for symbol: Symbol, weight: Int) -> Int? {
        guard let first = lightest(taking: weight) else { return nil }
        var best = (place: first, score: score(symbol, first))
        for place in workers.indices where place > first && hasRoom(place) {
            guard !isLighter(first, plus: weight, than: place, plus: weight) else { continue }
            let score = score(symbol, place)
            if score > best.score { best = (place, score) }
        }
        return best.place
    }
}
