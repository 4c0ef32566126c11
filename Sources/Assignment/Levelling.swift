import MarketData

/// Moves that bring the loads close to each other. Both ways move one symbol at a time from a heavy worker to a light one,
/// note where it ends, and forget what ended where it began.
extension Draft {
    /// Of the mean: a worker above this share is too heavy by weight.
    static let weightPercent = 110

    /// From the fullest worker to the emptiest until they are one symbol apart (in proportion to the workers' weights).
    ///
    /// Between workers of one weight no plan has fewer moves: each takes one from what is above ⌈k/n⌉ and one from what is
    /// missing below ⌊k/n⌋, while both exist. The subjects moved, in order.
    mutating func levelCounts() -> [Int] {
        var leavers = leaverStacks()
        var moved: [Int] = []
        while let source = heaviest(where: { !leavers[$0].isEmpty }), let target = lightestByCount(),
            (roster.counts[target] + 1) * roster.workers[source].weight
                < roster.counts[source] * roster.workers[target].weight
        {
            let subject = leavers[source].removeLast()
            shift(subject, from: source, to: target)
            moved.append(subject)
        }
        return netMoves(moved)
    }

    /// From each worker above the bound, the heaviest first, what brings it below with the fewest moves, to where it fits
    /// below the bound; where nothing fits, what at least lowers the higher of the two loads.
    mutating func levelWeights() -> [Int] {
        var shelves = Shelves(self)
        let bounds = weightBounds()
        var moved: [Int] = []
        // Each move lowers the higher load of its two workers, so this ends; four rounds are more than it takes.
        for _ in 0..<4 * subjects.count {
            guard let step = nextStep(shelves, bounds) else { break }
            let subject = shelves.take(at: step.index, from: step.source)
            shift(subject, from: step.source, to: step.target)
            shelves.put(subject, weight: subjects[subject].weight, on: step.target)
            moved.append(subject)
        }
        return netMoves(moved)
    }

    private func heavyPlaces(_ shelves: Shelves, _ bounds: [Int]) -> [Int] {
        roster.workers.indices.filter { roster.loads[$0] > bounds[$0] && shelves.count(on: $0) > 0 }
            .sorted { left, right in
                if roster.isLighter(right, than: left) { return true }
                return !roster.isLighter(left, than: right) && left < right
            }
    }

    private func weightBounds() -> [Int] {
        let total = Int128(roster.loads.reduce(0, +))
        let totalWeight = Int128(roster.workers.reduce(0) { $0 + $1.weight })
        return roster.workers.map {
            Int(Int128(Self.weightPercent) * total * Int128($0.weight) / (100 * max(1, totalWeight)))
        }
    }

    private func nextStep(_ shelves: Shelves, _ bounds: [Int]) -> (source: Int, target: Int, index: Int)? {
        for source in heavyPlaces(shelves, bounds) {
            guard let target = roster.lightest(taking: 0), target != source else { continue }
            let excess = roster.loads[source] - bounds[source]
            let room = bounds[target] - roster.loads[target]
            if let index = shelves.choice(on: source, excess: excess, room: room) { return (source, target, index) }
            let lightest = shelves.weight(at: 0, on: source)
            if roster.isLighter(target, plus: lightest, than: source) { return (source, target, 0) }
        }
        return nil
    }

    /// Each active worker's movable symbols; the one that scores lowest there is last, and leaves first.
    private func leaverStacks() -> [[Int]] {
        var scored = Array(repeating: [(subject: Int, score: UInt64)](), count: roster.workers.count)
        for subject in subjects.indices {
            guard let place = movablePlace(of: subject) else { continue }
            scored[place].append((subject, roster.score(subjects[subject].symbol, place)))
        }
        return scored.map { stack in
            stack.sorted { ($1.score, $1.subject) < ($0.score, $0.subject) }.map(\.subject)
        }
    }

    /// Where a symbol is that may move from there; `nil` for pinned ones, unlisted ones, and those without a worker.
    fileprivate func movablePlace(of subject: Int) -> Int? {
        guard subjects[subject].isListed, !subjects[subject].isFixed else { return nil }
        return switch subjects[subject].outcome {
        case .moves(let place, _): holdsMoves ? nil : place
        case .stays: subjects[subject].place
        case .unplaced: nil
        }
    }

    private func heaviest(where isEligible: (Int) -> Bool) -> Int? {
        var best: Int?
        for place in roster.workers.indices where isEligible(place) {
            guard let heaviest = best else {
                best = place
                continue
            }
            let (left, right) = (roster.counts[heaviest], roster.counts[place])
            if left * roster.workers[place].weight < right * roster.workers[heaviest].weight { best = place }
        }
        return best
    }

    private func lightestByCount() -> Int? {
        // Without rates each symbol weighs one unit, and loads are counts.
        roster.lightest(taking: 1)
    }

    /// Takes a symbol elsewhere, whatever was planned for it; one that needs a worker anyway keeps its reason.
    private mutating func shift(_ subject: Int, from source: Int, to target: Int) {
        roster.remove(subjects[subject].weight, from: source)
        roster.add(subjects[subject].weight, to: target)
        let reason = if case .moves(_, let reason) = subjects[subject].outcome { reason } else { Plan.MoveReason.level }
        subjects[subject].outcome =
            subjects[subject].place == target ? .stays(.settled) : .moves(to: target, reason)
    }

    /// What is left of a list of steps: each symbol once, and only those that levelling alone moved.
    private func netMoves(_ moved: [Int]) -> [Int] {
        var seen: Set<Int> = []
        return moved.filter { subject in
            guard case .moves(_, .level) = subjects[subject].outcome else { return false }
            return seen.insert(subject).inserted
        }
    }
}

/// Each worker's movable symbols by weight, the lightest first; among equals the one that scores lowest there.
private struct Shelves {
    private struct Item {
        let weight: Int
        let subject: Int
    }
    private var items: [[Item]]

    init(_ draft: Draft) {
        var scored = Array(repeating: [(item: Item, score: UInt64)](), count: draft.roster.workers.count)
        for subject in draft.subjects.indices {
            guard let place = draft.movablePlace(of: subject) else { continue }
            let score = draft.roster.score(draft.subjects[subject].symbol, place)
            scored[place].append((Item(weight: draft.subjects[subject].weight, subject: subject), score))
        }
        items = scored.map { shelf in
            shelf.sorted { left, right in
                (left.item.weight, left.score, left.item.subject) < (right.item.weight, right.score, right.item.subject)
            }.map(\.item)
        }
    }

    func count(on place: Int) -> Int { items[place].count }
    func weight(at index: Int, on place: Int) -> Int { items[place][index].weight }

    /// The lightest symbol that takes all the excess, if it fits; else the heaviest that fits.
    func choice(on place: Int, excess: Int, room: Int) -> Int? {
        let enough = firstIndex(on: place, of: excess)
        if enough < items[place].count, items[place][enough].weight <= room { return enough }
        let fitting = firstIndex(on: place, of: room + 1) - 1
        return fitting >= 0 ? fitting : nil
    }

    mutating func take(at index: Int, from place: Int) -> Int { items[place].remove(at: index).subject }

    mutating func put(_ subject: Int, weight: Int, on place: Int) {
        items[place].insert(Item(weight: weight, subject: subject), at: firstIndex(on: place, of: weight))
    }

    /// The first item that weighs at least this.
    private func firstIndex(on place: Int, of weight: Int) -> Int {
        var (low, high) = (0, items[place].count)
        while low < high {
            let middle = (low + high) / 2
            if items[place][middle].weight < weight { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
