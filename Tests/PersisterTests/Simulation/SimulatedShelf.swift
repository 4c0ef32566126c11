import Records

/// The dead-letter topic: acknowledges letters when it is told to.
final class SimulatedShelf: DeadLetterSink, @unchecked Sendable {
    // One thread drives the simulation.
    private let database: SimulatedDatabase
    private var waiting: [(letter: DeadLetter, control: PipelineControl)] = []

    init(_ database: SimulatedDatabase) { self.database = database }

    /// Letters of these partitions can't be written.
    var refused: Set<SourcePartition> = []
    private(set) var delays = 0

    func submit(_ letter: DeadLetter, resultTo control: PipelineControl) { waiting.append((letter, control)) }

    /// Tries the first of those that wait; what can't be written waits on, behind the others.
    func acknowledge(_ count: Int) {
        let tried = waiting.prefix(count)
        waiting.removeFirst(tried.count)
        for (letter, control) in tried {
            if refused.contains(letter.source) {
                delays += 1
                control.post(DeadLetterResult(ticket: letter.ticket, outcome: .delayed("not now")))
                waiting.append((letter, control))
            } else {
                database.shelved.insert(letter.contents.value ?? [])
                control.post(DeadLetterResult(ticket: letter.ticket, outcome: .written))
            }
        }
    }
}
